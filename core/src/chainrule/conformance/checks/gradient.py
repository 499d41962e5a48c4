"""The derivative against differences: entry by entry, for other shapes and settings, and in a network."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np

from ...functions.network import Network
from ..blame import blame
from ..compare import agree
from ..directions import compare_along, smooth_point
from ..layer_probes import LayerProbe
from ..maps import empty_out
from ..networks import compare_total
from ..numerical import Jacobians, analytic_jacobians, entry_of, numerical_jacobians
from ..outcomes import CaseError, Failure
from ..rules import A_LAYER, PARAMETERS, REAL_INPUT, rule
from ..shapes import takes
from ..standins import Scaled
from ..variants import variants


@rule("gradient.runs", A_LAYER, needs=["forward.runs", "forward.parameters"])
def gradient_runs(probe: LayerProbe) -> None:
    """linearize returns a BatchJacobian whose vjp returns arrays in the shape of x, and fills `out`.

    The driver multiplies these maps; it knows no more of a layer.
    """
    for B in (3, 1):
        point = probe.point(B)
        y, maps = probe.linearize(point.x, point.params)
        if np.shape(y) != point.delta.shape:
            raise Failure(f"linearize's y has shape {np.shape(y)}, expected {point.delta.shape}")
        if maps.has_input:
            for out in (None, empty_out(point.params)):
                pulled = maps.vjp(point.delta, out)
                if not isinstance(pulled, np.ndarray) or pulled.shape != point.x.shape:
                    came = getattr(pulled, "shape", type(pulled).__name__)
                    raise Failure(f"vjp of x {point.x.shape}: δ·J_X has shape {came}, expected that of x")
        maps.vjp_params(point.delta, empty_out(point.params))


@rule("gradient.input", A_LAYER, REAL_INPUT, needs=["gradient.runs"])
def gradient_input(probe: LayerProbe) -> None:
    """The Jacobian of the input equals the numerical one, entry by entry.

    A wrong derivative trains: it converges more slowly, or to something worse, and nobody is told.
    """
    for wide in (False, True):
        _compare(probe, numerical_jacobians(probe, wide), ["x"])


@rule("gradient.parameters", A_LAYER, PARAMETERS, needs=["gradient.runs"])
def gradient_parameters(probe: LayerProbe) -> None:
    """The Jacobian of every parameter equals the numerical one, entry by entry.

    It is what training follows.
    """
    for wide in (False, True):
        found = numerical_jacobians(probe, wide)
        _compare(probe, found, list(found.point.params))


def _compare(probe: LayerProbe, found: Jacobians, names: list[str]) -> None:
    if not probe.is_realized:
        _refuse_constant(probe)
    analytic = analytic_jacobians(probe, found)
    for name in names:
        numerical = found.of[name]
        tolerance = np.where(numerical.rough, np.inf, numerical.tolerance())
        got = np.where(numerical.rough & ~np.isfinite(numerical.value), 0.0, analytic[name])
        expected = np.where(numerical.rough & ~np.isfinite(numerical.value), 0.0, numerical.value)
        agree(
            got,
            expected,
            tolerance,
            label=entry_of(probe, found, name),
            got_is="the layer's",
            expected_is="numerical",
            B=len(found.point.x),
        )


def _refuse_constant(probe: LayerProbe) -> None:
    if not any(part.value.any() for wide in (False, True) for part in numerical_jacobians(probe, wide).of.values()):
        raise CaseError(
            "the numerical Jacobians are zero for the input and for every parameter: at the inputs drawn, the layer is "
            "constant; choose another input_shape, settings or domain"
        )


@rule("gradient.alive", A_LAYER, PARAMETERS, needs=["gradient.runs"], realized=False)
def alive(probe: LayerProbe) -> None:
    """Every parameter has an effect on the output.

    A parameter that is declared and not used is trained, stored and counted for nothing, or was meant to be used.
    """
    found = [numerical_jacobians(probe, wide) for wide in (False, True)]
    _refuse_constant(probe)
    for name, array in found[0].point.params.items():
        if array.size and not any(jacobians.of[name].value.any() for jacobians in found):
            raise Failure(f"{name} {array.shape}: the numerical Jacobian is zero; forward does not depend on it")


@rule("gradient.shapes", A_LAYER, needs=["gradient.runs", "forward.declarations"])
def gradient_shapes(probe: LayerProbe) -> None:
    """The derivative is right for other input shapes, too.

    Index arithmetic that is right on one shape fails on the next: where the stride does not divide it, where height
    and width differ.
    """
    for other in probe.others():
        compare_along(other, other.point(2), f"{other.samples}: ")


@rule("gradient.settings", A_LAYER, needs=["gradient.runs", "gradient.shapes"], realized=False)
def gradient_settings(probe: LayerProbe) -> None:
    """The derivative is right for other settings, too: each number one larger, each choice of yes or no the other way.

    A case of stride 1 says nothing of stride 2, where the course's own formula is wrong (E12).
    """
    for layer in variants(probe.layer):
        if not takes(layer, probe.shape) or layer.stochastic:
            continue
        other = copy.copy(probe)
        other.layer = layer
        try:
            point = other.point(2)
            works = np.isfinite(other.forward(point.x, point.params)).all()
        except Failure:  # a setting that it should refuse: told by errors.settings where it is declared
            continue
        if works:
            compare_along(other, point, f"{layer!r}: ")


@rule("gradient.network", A_LAYER, needs=["gradient.runs", "forward.start"])
def in_a_network(probe: LayerProbe) -> None:
    """Inside a small network the total gradient of the mean loss equals the numerical one.

    Here a layer meets what the driver does: a δ that other layers made, views of one flat vector, the factor 1/B.
    """
    for B in (3, 1):
        point = smooth_point(probe, partial(probe.point, B))
        members = [probe.layer, Scaled()] if probe.layer.integer_input else [Scaled(), probe.layer, Scaled()]
        with blame("a network of the layer and its neighbours"):
            network = Network(members, probe.shape, dtype=np.float64)
        position = members.index(probe.layer)
        network.theta = probe.rng.uniform(0.7, 1.3, network.theta.size) * probe.rng.choice([-1, 1], network.theta.size)
        for name, array in point.params.items():
            network.parameters[f"{position}.{name}"][...] = array
        if position:
            network.parameters["0.a"][...] = 1  # the layer's input stays in its domain
        compare_total(probe, network, point.x, len(point.x))
