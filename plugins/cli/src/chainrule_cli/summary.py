"""`chainrule summary RECIPE`."""

from __future__ import annotations

import click

from chainrule import describe

from . import recipe_option


@click.command
@recipe_option.argument
@recipe_option.override_options
def summary(recipe: str, overrides: tuple[str, ...], prefer: tuple[str, ...]) -> None:
    """Show layers, output shapes, parameter counts and bytes; no parameter is allocated."""
    opened = recipe_option.open_recipe(recipe, overrides, prefer)
    layers, dataset = opened.layers(), opened.dataset()
    tests = 0 if dataset.x_test is None else len(dataset.x_test)
    click.echo(f"{recipe}: {len(dataset.x):,} training and {tests:,} test samples")
    click.echo(describe(layers, dataset.input_shape, opened.dtype))
