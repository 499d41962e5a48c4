"""A call leaves as it was all that is not its result: its arguments, its surroundings, and the object."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from ..attributes import attributes, fresh_attributes
from ..compare import brief, differs, entry
from ..layer_probes import LayerProbe
from ..loss_probes import LossProbe
from ..outcomes import Failure
from ..probes import Probe
from ..rules import A_FUNCTION, A_LAYER, A_LOSS, ANY, Trait, rule
from ..surroundings import changes_around

TARGETS = Trait("a loss with targets", lambda case: hasattr(case, "targets") and case.targets is not None)


def _unchanged(probe: Probe, wanted: Callable[[str], bool]) -> None:
    """Compare arguments before and after everything was computed, with a batch of one, too."""
    for B, dtype in ((3, np.float64), (1, np.float64), (3, np.float32)):
        point = probe.point(B, dtype=dtype)
        before = {name: array.copy() for name, array in point.arrays()}
        probe.everything(point)
        for name, array in point.arrays():
            if not wanted(name):
                continue
            if not array.flags.writeable:
                raise Failure(f"{name} was made read-only; its flags are its owner's")
            changed = differs(array, before[name], 0.0)
            if changed.any():
                index = tuple(int(i) for i in np.argwhere(changed)[0])
                raise Failure(
                    f"{entry(name)(index)}: {array[index]} afterwards, {before[name][index]} before "
                    f"({int(changed.sum())} of {changed.size} entries changed, {np.dtype(dtype)}, B = {B})\n"
                    "likely cause: an operation in place (+=, *=, out=, sort) on an argument; work on a copy"
                )


@rule("purity.input", A_FUNCTION, needs=["runs.everything"])
def purity_input(probe: Probe) -> None:
    """x (a layer's input, a loss's scores) is left as it was.

    It belongs to the data set, or to the layer before, whose derivative may need it.
    """
    _unchanged(probe, lambda name: name in ("x", "scores"))


@rule("purity.delta", A_LAYER, needs=["runs.everything"])
def purity_delta(probe: LayerProbe) -> None:
    """δ and the tangents are left as they were.

    A residual connection gives the same δ to two layers.
    """
    _unchanged(probe, lambda name: name == "delta" or name.startswith("tangent"))
    point = probe.point()
    names = list(point.tangents)
    probe.everything(point)
    if list(point.tangents) != names:
        raise Failure(f"jvp changed the dictionary of directions: {names} before, {list(point.tangents)} after")


@rule("purity.parameters", A_LAYER, needs=["runs.everything"])
def purity_parameters(probe: LayerProbe) -> None:
    """Parameters are left as they were.

    Only the optimizer moves θ.
    """
    names = set(probe.parameter_shapes())
    _unchanged(probe, lambda name: name in names)


@rule("purity.targets", A_LOSS, TARGETS, needs=["runs.everything"])
def purity_targets(probe: LossProbe) -> None:
    """Targets are left as they were.

    They are compared with every epoch's scores.
    """
    _unchanged(probe, lambda name: name == "targets")


@rule("purity.surroundings", ANY, needs=["runs.everything"])
def surroundings(probe: Probe) -> None:
    """Global random states, floating-point settings and warning filters are left as they were, and nothing is printed.

    A layer that seeds the global generator makes every other user of it repeat itself.
    """
    np.random.random(), random.random()  # noqa: NPY002 - so that a seed that it sets is another state
    for name, before, after in changes_around(lambda: probe.everything(probe.point())):
        raise Failure(f"{name} changed: {before} before, {after} after")


@rule("purity.state", ANY, needs=["runs.everything"])
def state(probe: Probe) -> None:
    """The attributes of the object and of its class are left as they were: settings only, no state.

    What a layer remembers of one batch, another thread, shard or copy will take for its own.
    """
    subject = probe.written
    before = probe.memory["attributes"] if not getattr(probe, "view", "") else attributes(subject)
    probe.everything(probe.point())
    probe.everything(probe.point(5))
    before = {
        name: value
        for name, value in before.items()
        if not name.startswith("self.") or name in fresh_attributes(subject)
    }
    for name, after in attributes(subject).items():
        if name not in before:
            raise Failure(
                f"the attribute {name} appeared: {brief(after[1])}; keep what vjp needs in the Jacobian object"
            )
        if before[name] != after:
            raise Failure(f"the attribute {name} changed: {brief(before[name][1])} before, {brief(after[1])} after")
