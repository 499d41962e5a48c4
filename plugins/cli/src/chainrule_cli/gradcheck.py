"""`chainrule gradcheck RECIPE`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click
import numpy as np

from chainrule import Array, Loss, Network, evaluate, gradient, input_gradient, random_stream
from chainrule.differences import EPS, RATE, STEPS, judge, step_of
from chainrule.recipe import targets_for

from . import recipe_option
from .main import FAILURE

NUDGE = 0.1
"""Starting values put units exactly on a kink (b = 0 at x = 0), and equal pixels tie for a maximum, where no derivative
exists. So θ and x are moved, each feature of x in shares of its standard deviation, or of its size."""
JUDGED = 1e-3
"""An entry is judged by differences whose error is at most this share of it, or of a hundredth of the largest."""
DRAWS = 6
"""How often they are moved anew, for the entries that a kink keeps from being judged."""


@dataclass
class Findings:
    """What was found of one array: `picked` are its flat entries; what is neither right nor wrong is not judged."""

    name: str
    size: int
    picked: Array
    analytic: Array = field(init=False)
    numerical: Array = field(init=False)
    right: Array = field(init=False)
    wrong: Array = field(init=False)

    def __post_init__(self) -> None:
        self.analytic, self.numerical = np.zeros(len(self.picked)), np.zeros(len(self.picked))
        self.right, self.wrong = np.zeros(len(self.picked), bool), np.zeros(len(self.picked), bool)

    @property
    def judged(self) -> Array:
        """The entries that differences could judge."""
        return self.right | self.wrong

    @property
    def is_doubtful(self) -> bool:
        """Whether fewer than half of the entries could be judged, and none is wrong."""
        return 2 * int(self.judged.sum()) < len(self.picked) and not self.wrong.any()

    def row(self) -> tuple[str, ...]:
        """Return the line of the table: that of the entry which is furthest off, a wrong one first."""
        checked = f"{int(self.judged.sum()):,} of {self.size:,}"
        if self.is_doubtful:
            return (self.name, checked, "", "", "cannot judge")
        apart = np.abs(self.analytic - self.numerical)
        apart = np.where(self.wrong if self.wrong.any() else self.right, np.where(np.isnan(apart), np.inf, apart), -1.0)
        worst = int(apart.argmax())
        verdict = f"   WRONG at flat index {self.picked[worst]}" if self.wrong.any() else ""
        a, n = float(f"{self.analytic[worst]:.9e}"), float(f"{self.numerical[worst]:.9e}")
        return (self.name, checked, f"{a:+.9e}", f"{n:+.9e}", f"{abs(a - n):.1e}{verdict}")


@click.command
@recipe_option.argument
@recipe_option.override_options
@click.option("--samples", default=4, show_default=True, type=click.IntRange(1), help="Samples of the batch.")
@click.option("--entries", default=300, show_default=True, type=click.IntRange(1), help="Entries of each array.")
def gradcheck(recipe: str, overrides: tuple[str, ...], prefer: tuple[str, ...], samples: int, entries: int) -> int:
    """Compare the derivatives of every parameter and of the input with central differences in float64."""
    opened = recipe_option.open_recipe(recipe, [*overrides, 'network.dtype="float64"'], prefer)
    opened.loss(), opened.layers()  # a mistake in them is told before the data are read
    dataset = opened.dataset()
    loss = opened.loss(dataset)
    network = opened.network(dataset)
    x = network.admit(dataset.x[:samples])
    targets = targets_for(network, loss, None if dataset.y is None else dataset.y[:samples])

    click.echo(
        f"{recipe}: mean loss of {len(dataset.x[:samples])} samples, θ and x moved at random, tolerance {RATE:g}"
    )
    findings, doubt = compare(network, loss, x, targets, entries, random_stream(opened.seed, "gradcheck"))
    rows = [("", "checked", "analytic", "numerical", "difference"), *(found.row() for found in findings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if any(found.wrong.any() for found in findings):
        click.echo("WRONG: the analytic and the numerical derivative differ")
        return FAILURE
    if any(found.is_doubtful for found in findings):
        click.echo(f"CANNOT JUDGE: {doubt}")
        return FAILURE
    left = sum(len(found.picked) - int(found.judged.sum()) for found in findings)
    if left:
        click.echo(f"{left:,} of the entries could not be judged: {doubt}")
    click.echo("all derivatives agree")
    return 0


def compare(
    network: Network, loss: Loss, x: Any, targets: Any, entries: int, rng: np.random.Generator
) -> tuple[list[Findings], str]:
    """Return what was found of each input and each parameter, and why something could not be judged, if it could not.

    An entry that no step judges, as kinks lie within all of them, is looked at again at another point.
    """
    start, given = network.theta.copy(), _real_inputs(network, x)
    sizes = {name: array.size for name, array in given.items()}
    sizes |= {name: place.stop - place.start for name, place in network.slices.items()}
    findings = [Findings(name, size, np.sort(rng.permutation(size)[:entries])) for name, size in sizes.items()]
    doubt = ""
    for _ in range(DRAWS):
        network.theta = start + rng.normal(0, NUDGE, start.shape)
        moved = {name: a + NUDGE * _spread(a) * rng.normal(size=a.shape) for name, a in given.items()}
        x = {**x, **moved} if isinstance(x, dict) else moved.get("x", x)
        slopes = dict(_derivatives(network, loss, x, targets))
        largest = max((float(np.abs(own[np.isfinite(own)]).max(initial=0.0)) for _, own in slopes.values()), default=0)
        for found in findings:
            _look(found, network, loss, x, targets, *slopes[found.name], 1e-4 * largest)
        if all(found.judged.all() for found in findings):
            break
        doubt = _doubt(abs(evaluate(network, x, targets, loss).loss), largest)
    return findings, doubt


def _spread(x: Array) -> Array:
    """Return how far each feature may be moved: as far as it varies, or its size, or else as far as all of x vary."""
    size = np.abs(x).max(axis=0)
    return np.where(x.std(axis=0) > 0, x.std(axis=0), np.where(size > 0, size, float(x.std()) or 1.0))


def _real_inputs(network: Network, x: Any) -> dict[str, Array]:
    """Return the inputs that have a derivative, by name; of one input, it is x."""
    named = x if isinstance(x, dict) else {"x": x}
    kinds = zip(network.ends.names, network.chain.wiring.integers, strict=True)
    return {name: named[name] for name, integer in kinds if not integer}


def _derivatives(network: Network, loss: Loss, x: Any, targets: Any) -> Iterator[tuple[str, tuple[Array, Array]]]:
    """Yield for each input and parameter the flat numbers themselves, to be moved in place, and their derivatives."""
    inputs = _real_inputs(network, x)
    if inputs:
        slopes_of = input_gradient(network, x, targets, loss)
        for name, array in inputs.items():
            own = slopes_of[name] if isinstance(slopes_of, dict) else slopes_of
            yield name, (array.reshape(-1), own.reshape(-1))
    slopes = gradient(network, x, targets, loss)
    for name, place in network.slices.items():
        yield name, (network.theta[place], slopes[place])


def _look(
    found: Findings,
    network: Network,
    loss: Loss,
    x: Any,
    targets: Any,
    values: Array,
    analytic: Array,
    floor: float,
) -> None:
    """Judge the entries that are not judged yet."""
    finite = analytic[np.isfinite(analytic)]
    floor = max(floor, 1e-2 * float(np.abs(finite).max(initial=0.0)))
    for i in np.flatnonzero(~found.judged):
        k = int(found.picked[i])
        before, h = values[k], float(step_of(values[k]))

        def objective(t: float, k: int = k, before: float = before, h: float = h) -> Array:
            values[k] = before + t * h
            try:
                return np.asarray(evaluate(network, x, targets, loss).loss)
            finally:
                values[k] = before

        judgement = judge(analytic[k], objective, h, floor=floor, judged=JUDGED)
        found.analytic[i], found.numerical[i] = analytic[k], judgement.numerical
        found.right[i], found.wrong[i] = judgement.right, judgement.wrong


def _doubt(loss: float, largest: float) -> str:
    """Say why differences prove nothing, and what to do."""
    noise = 16 * EPS * loss / max(STEPS)
    if largest == 0:
        return "every derivative is zero at the points drawn; start the network where its loss moves"
    if not np.isfinite(loss) or noise > JUDGED * largest:
        return (
            f"the loss is {loss:.2g}, and its differences are rounded by {noise:.1g}, where the largest derivative is "
            f"{largest:.2g}; bring the targets and the input to numbers about 1"
        )
    return f"kinks lie within every step, at {DRAWS} points; look at fewer samples, --samples 4"
