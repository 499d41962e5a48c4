"""`chainrule summary RECIPE`."""

from __future__ import annotations

import click

from chainrule import describe

from . import recipe_option
from .progress import sizes


@click.command
@recipe_option.argument
@recipe_option.override_options
def summary(recipe: str, overrides: tuple[str, ...], prefer: tuple[str, ...]) -> None:
    """Show layers, output shapes, parameter counts and bytes; no parameter is allocated."""
    opened = recipe_option.open_recipe(recipe, overrides, prefer)
    layers, dataset = opened.layers(), opened.dataset()
    click.echo(f"{recipe}: {sizes(dataset)}")
    click.echo(describe(layers, dataset.input_shape, opened.dtype, opened.rewritings()))
