"""`chainrule gradcheck RECIPE`."""

from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np

from chainrule import Array, Loss, Network, evaluate, gradient, input_gradient, numerical_jacobian, random_stream
from chainrule.derivatives import STEP
from chainrule.recipe import targets_for

from . import recipe_option
from .main import FAILURE

TOLERANCE = 1e-6
"""Of central differences in float64, which are good to about nine digits."""
NUDGE = 0.1
"""Starting values put units exactly on a kink (b = 0 at x = 0), and equal pixels tie for a maximum, where no derivative
exists. So θ and x are moved, x in shares of its standard deviation."""


@click.command
@recipe_option.argument
@recipe_option.override_options
@click.option("--samples", default=4, show_default=True, type=click.IntRange(1), help="Samples of the batch.")
@click.option("--entries", default=300, show_default=True, type=click.IntRange(1), help="Entries of each array.")
def gradcheck(recipe: str, overrides: tuple[str, ...], prefer: tuple[str, ...], samples: int, entries: int) -> int:
    """Compare the derivatives of every parameter and of the input with central differences in float64."""
    opened = recipe_option.open_recipe(recipe, [*overrides, 'network.dtype="float64"'], prefer)
    dataset = opened.dataset()
    network, loss = opened.network(dataset), opened.loss()
    rng = random_stream(opened.seed, "gradcheck")
    network.theta += rng.normal(0, NUDGE, network.theta.shape)
    x = network.admit(dataset.x[:samples])
    if not network.chain.integer_input:
        x = x + rng.normal(0, NUDGE * (float(x.std()) or 1.0), x.shape)
    targets = targets_for(network, loss, None if dataset.y is None else dataset.y[:samples])

    click.echo(f"{recipe}: mean loss of {len(x)} samples, θ and x moved at random, tolerance {TOLERANCE:g}")
    noise = 20 * np.finfo(np.float64).eps * abs(evaluate(network, x, targets, loss).loss) / STEP  # of a difference
    rows = [("", "checked", "analytic", "numerical", "relative error")]
    wrong = False
    for name, size, picked, analytic, numerical in compare(network, loss, x, targets, entries, rng):
        apart = np.maximum(0, np.abs(analytic - numerical) - noise)
        errors = apart / np.maximum(1e-3, np.abs(analytic) + np.abs(numerical))
        worst = int(errors.argmax())
        wrong = wrong or not errors[worst] <= TOLERANCE
        verdict = f"{errors[worst]:.1e}" + (
            "" if errors[worst] <= TOLERANCE else f"   WRONG at flat index {picked[worst]}"
        )
        shown = (f"{analytic[worst]:+.9e}", f"{numerical[worst]:+.9e}")
        rows.append((name, f"{len(picked):,} of {size:,}", *shown, verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    click.echo("WRONG: the analytic and the numerical derivative differ" if wrong else "all derivatives agree")
    return FAILURE if wrong else 0


def compare(
    network: Network, loss: Loss, x: Array, targets: Array, entries: int, rng: np.random.Generator
) -> Iterator[tuple[str, int, Array, Array, Array]]:
    """Yield, for x and each parameter: name, size, the entries picked, their analytic and numerical derivatives."""
    places = [
        (name, network.theta[place], gradient(network, x, targets, loss)[place])
        for name, place in network.slices.items()
    ]
    if not network.chain.integer_input:
        places.insert(0, ("x", x.reshape(-1), input_gradient(network, x, targets, loss).reshape(-1)))
    for name, values, analytic in places:
        picked = np.sort(rng.permutation(values.size)[:entries])

        def objective(moved: Array, values: Array = values, picked: Array = picked) -> float:
            before = values[picked]
            values[picked] = moved
            try:
                return evaluate(network, x, targets, loss).loss
            finally:
                values[picked] = before

        yield name, values.size, picked, analytic[picked], numerical_jacobian(objective, values[picked])
