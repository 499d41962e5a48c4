"""The derivative: against differences, against itself in other directions, and as the driver uses it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.differences import along, assemble, step_of
from ...functions.layers import Layer
from ...functions.network import Network
from ..blame import blame
from ..compare import agree, relative, same_names
from ..directions import compare_along, smooth_point
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import Maps, empty_out
from ..numerical import Jacobians, analytic_jacobians, entry_of, numerical_jacobians
from ..outcomes import CaseError, Failure, NotApplicable
from ..rules import A_LAYER, Trait, rule
from ..shapes import others, takes
from ..standins import Scaled, Wavy
from ..variants import variants

REAL_INPUT = Trait("a layer with a real input", lambda case: not case.layer.integer_input)
PARAMETERS = Trait("a layer with parameters", lambda case: bool(_parameters(case)))
SAMPLES_APART = Trait("a layer that treats samples apart", lambda case: not case.layer.mixes_samples)


def _parameters(case: Any) -> dict[str, Any]:
    try:
        return dict(case.layer.parameter_shapes(case.input_shape))
    except Exception:  # told by forward.parameters
        return {"unknown": ()}


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
    for shape in others(probe.layer, probe.shape):
        point = probe.point(2, shape=shape)
        compare_along(probe, point, f"samples of shape {shape}: ")


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


@rule("gradient.dense", A_LAYER, needs=["gradient.runs"])
def dense(probe: LayerProbe) -> None:
    """vjp of any δ equals δ times the layer's own dense Jacobian, made of basis cotangents.

    A vjp that is right for ones, or for one number at a time, may still mix up what it multiplies.
    """
    found = numerical_jacobians(probe)
    point = found.point
    analytic = analytic_jacobians(probe, found)
    chosen = np.zeros(point.delta.shape)
    for row in found.rows:
        chosen[row] = point.delta[row]
    weights = np.array([chosen[row] for row in found.rows])
    _, maps = probe.linearize(point.x, point.params)
    out = empty_out(point.params)
    if maps.has_input:
        pulled = np.asarray(maps.vjp(chosen, out))
        if probe.layer.mixes_samples:
            expected = weights @ analytic["x"]
            got = pulled.reshape(-1)[found.columns["x"]]
        else:
            expected = np.zeros((len(point.x), len(found.columns["x"])))
            for row, weight, entries in zip(found.rows, weights, analytic["x"], strict=True):
                expected[row[0]] += weight * entries
            got = pulled.reshape(len(point.x), -1)[:, found.columns["x"]]
        _same_product(got, expected, "x", point)
    else:
        maps.vjp_params(chosen, out)
    for name, array in out.items():
        _same_product(array.reshape(-1)[found.columns[name]], weights @ analytic[name], name, point)


def _same_product(got: Array, expected: Array, name: str, point: LayerPoint) -> None:
    agree(
        got,
        expected,
        relative(expected, 1e-10),
        label=f"δ·J_{name}, entry ",
        got_is="vjp's",
        expected_is="δ times the dense Jacobian's",
        B=len(point.x),
    )


@rule("gradient.adjoint", A_LAYER, needs=["gradient.runs"])
def adjoint(probe: LayerProbe) -> None:
    """⟨δ, J v⟩ equals ⟨δ J, v⟩ for the input and for each parameter: jvp and vjp are transposes.

    Forward mode, Gauss-Newton products and per-sample curvature use jvp, which plain training never runs.
    """
    for wide in (False, True):
        point = probe.point(wide=wide)
        _, maps = probe.linearize(point.x, point.params)
        out = empty_out(point.params)
        pulled: dict[str, Array] = {}
        if maps.has_input:
            pulled["x"] = maps.vjp(point.delta, out)
        else:
            maps.vjp_params(point.delta, out)
        pulled |= out
        directions = dict(point.tangents) if point.tangent is None else {"x": point.tangent, **point.tangents}
        still = None if point.tangent is None else np.zeros_like(point.tangent)
        pushed = {
            name: maps.jvp(direction if name == "x" else still, {} if name == "x" else {name: direction})
            for name, direction in directions.items()
        }
        for name, direction in directions.items():
            _same_pairing(point, pushed[name], float(np.vdot(pulled[name], direction)), f"J_{name}")
        if len(directions) > 1:
            together = maps.jvp(point.tangent, point.tangents)
            total = sum(float(np.vdot(pulled[name], direction)) for name, direction in directions.items())
            _same_pairing(point, together, total, "all of them together")


def _same_pairing(point: LayerPoint, pushed: Any, expected: float, name: str) -> None:
    try:
        pushed = np.broadcast_to(np.asarray(pushed), point.delta.shape)
    except ValueError:
        raise Failure(f"jvp for {name} has shape {np.shape(pushed)}, expected {point.delta.shape}") from None
    terms = pushed * point.delta
    size = float(np.abs(terms).sum()) + abs(expected)
    agree(
        float(terms.sum()),
        expected,
        1e-11 * size + 1e-13,
        label=f"{name}",
        got_is="⟨δ, J v⟩ by jvp",
        expected_is="⟨δ J, v⟩ by vjp",
        B=len(point.x),
    )


@rule("gradient.linear", A_LAYER, needs=["gradient.runs"])
def linear(probe: LayerProbe) -> None:
    """vjp and jvp are linear: sums go to sums, multiples large and small to multiples, zero to zero.

    A clipped, normalized or thresholded gradient is no derivative; clipping belongs to the optimizer.
    """
    point, other = probe.point(), probe.point()
    _, maps = probe.linearize(point.x, point.params)

    def pulled(delta: Array) -> dict[str, Array]:
        out = empty_out(point.params)
        if not maps.has_input:
            maps.vjp_params(delta, out)
            return out
        return {"x": np.array(maps.vjp(delta, out)), **out}

    first, second = pulled(point.delta), pulled(other.delta)
    for name, array in pulled(np.zeros_like(point.delta)).items():
        agree(array, np.zeros_like(array), 0.0, label=f"0·J_{name}, entry ", got_is="vjp's", expected_is="of zero")
    for a, b in ((1.0, 1.0), (-1.0, 0.0), (1e6, 0.0), (1e-6, 0.0), (-2.5, 1e3)):
        for name, array in pulled(a * point.delta + b * other.delta).items():
            expected = a * first[name] + b * second[name]
            agree(
                array,
                expected,
                relative(expected, 1e-9),
                label=f"({a:g} δ + {b:g} δ')·J_{name}, entry ",
                got_is="vjp's",
                expected_is=f"{a:g} δ·J + {b:g} δ'·J",
            )
    if point.tangent is None and not point.tangents:
        return
    pushed = _pushed(maps.jvp(point.tangent, point.tangents), point)
    for a in (-1.0, 1e6, 1e-6):
        tangent = None if point.tangent is None else a * point.tangent
        scaled = _pushed(maps.jvp(tangent, {name: a * v for name, v in point.tangents.items()}), point)
        agree(
            scaled,
            a * pushed,
            relative(a * pushed, 1e-9),
            label=f"J·({a:g} v), entry ",
            got_is="jvp's",
            expected_is="J·v times it",
        )


def _pushed(pushed: Any, point: LayerPoint) -> Array:
    try:
        return np.array(np.broadcast_to(np.asarray(pushed), point.delta.shape))
    except ValueError:
        raise Failure(f"jvp has shape {np.shape(pushed)}, expected {point.delta.shape}") from None


@rule("gradient.out", A_LAYER, PARAMETERS, needs=["gradient.runs"])
def out_overwritten(probe: LayerProbe) -> None:
    """vjp and vjp_params overwrite every entry of every `out` array in place, whatever is in it, and nothing else.

    The arrays are views of one flat gradient. An entry left out keeps the last step's gradient; one that is added to
    grows from step to step; an array that is put into the dictionary instead never reaches the optimizer.
    """
    point = probe.point()
    _, maps = probe.linearize(point.x, point.params)
    clean: dict[str, dict[str, Array]] = {}
    calls: dict[str, Callable[[Array, dict[str, Array]], Any]] = {"vjp": maps.vjp, "vjp_params": maps.vjp_params}
    for fill in (np.nan, 7.0, 0.0):
        for name, call in calls.items():
            if name == "vjp" and not maps.has_input:
                continue
            out = empty_out(point.params, fill)
            given = dict(out)
            call(point.delta, out)
            same_names(list(out), list(given), got_is=f"out after {name}", expected_is="out before")
            for key, array in given.items():
                if out[key] is not array:
                    raise Failure(f"{name} puts another array at out[{key!r}]: write into it, out[{key!r}][...] = …")
                if np.isnan(fill) and np.isnan(array).any():
                    index = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
                    raise Failure(
                        f"{name} leaves out[{key!r}]{list(index)} as it was: {int(np.isnan(array).sum())} of "
                        f"{array.size} entries are not written; or it adds to what is there"
                    )
                before = clean.setdefault(name, {}).setdefault(key, array.copy())
                agree(
                    array,
                    before,
                    relative(before, 1e-11),
                    label=f"out[{key!r}]",
                    got_is=f"{name} into an array full of {fill:g} gives",
                    expected_is="into an array full of NaN",
                    hint="it adds to what is there; overwrite: out[…][...] = …",
                )


@rule("gradient.without_out", A_LAYER, REAL_INPUT, needs=["gradient.runs"])
def without_out(probe: LayerProbe) -> None:
    """vjp returns the same δ·J_X with `out` and without.

    Whoever asks for the input's gradient alone must get the same one.
    """
    point = probe.point()
    _, maps = probe.linearize(point.x, point.params)
    alone = np.array(maps.vjp(point.delta))
    together = maps.vjp(point.delta, empty_out(point.params))
    agree(
        together, alone, relative(alone, 1e-11), label="δ·J_X", got_is="with out", expected_is="without", B=len(point.x)
    )


@rule("gradient.vjp_params", A_LAYER, PARAMETERS, REAL_INPUT, needs=["gradient.runs", "gradient.out"])
def vjp_params(probe: LayerProbe) -> None:
    """vjp_params writes what vjp writes.

    The driver calls it for the first layer alone: where it differs, a layer learns rightly anywhere but in front.
    """
    for B in (3, 1):
        point = probe.point(B)
        _, maps = probe.linearize(point.x, point.params)
        full, part = empty_out(point.params), empty_out(point.params)
        maps.vjp(point.delta, full)
        maps.vjp_params(point.delta, part)
        for name, array in full.items():
            agree(
                part[name],
                array,
                relative(array, 1e-11),
                label=f"the gradient of {name}, entry ",
                got_is="vjp_params'",
                expected_is="vjp's",
                B=B,
            )


@rule("gradient.per_sample", A_LAYER, PARAMETERS, SAMPLES_APART, needs=["gradient.runs", "gradient.out"])
def per_sample(probe: LayerProbe) -> None:
    """per_sample gives each sample's own gradient, shape (B, *param), and they sum to what vjp_params writes.

    Private training and influence functions ask for them.
    """
    point = probe.point()
    B = len(point.x)
    _, maps = probe.linearize(point.x, point.params)
    parts = maps.per_sample(point.delta)
    if parts is None:
        raise NotApplicable("a layer that offers per-sample gradients")
    same_names(list(parts), list(point.params), got_is="per_sample", expected_is="parameter_shapes")
    for j in range(B):
        delta = np.zeros_like(point.delta)
        delta[j] = point.delta[j]
        out = empty_out(point.params)
        maps.vjp_params(delta, out)
        for name, array in out.items():
            if np.shape(parts[name]) != (B, *array.shape):
                raise Failure(f"per_sample's {name} has shape {np.shape(parts[name])}, expected {(B, *array.shape)}")
            agree(
                parts[name][j],
                array,
                relative(array, 1e-10),
                label=f"the gradient of {name} by sample {j}, entry ",
                got_is="per_sample's",
                expected_is="vjp_params' with that sample's δ alone",
                B=B,
            )


@rule("gradient.jacobian", A_LAYER, needs=["gradient.runs"])
def jacobian(probe: LayerProbe) -> None:
    """jacobian(x, y) is the derivative that linearize returns.

    Each may be asked for; an author who writes both writes the formula twice.
    """
    if type(probe.layer).jacobian is Layer.jacobian:
        raise NotApplicable("a layer that defines jacobian")
    point = probe.point()
    y = probe.forward(point.x, point.params)
    with blame("jacobian(x, y)"):
        own = Maps(probe.layer.jacobian(point.x, y, **point.params), probe.layer)
    _, maps = probe.linearize(point.x, point.params)
    expected = probe.derivatives(maps, point)
    for name, array in probe.derivatives(own, point).items():
        agree(
            array,
            expected.get(name, array),
            relative(array, 1e-10),
            label=f"{name}, entry ",
            got_is="jacobian's",
            expected_is="linearize's",
        )


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
        _compare_network(probe, network, point.x)


def _compare_network(probe: LayerProbe, network: Network, x: Array) -> None:
    loss = Wavy.of(network.predict(x))
    with blame("backprop of a network with the layer"):
        network.backprop(x, None, loss)
    gradient, theta = network.gradient.copy(), network.theta.copy()
    for name, place in network.slices.items():
        columns, at = [], np.arange(place.start, place.stop)
        if len(at) > 60:
            at = np.sort(probe.rng.permutation(at)[:60])
        for k in at:
            h = float(step_of(theta[k]))

            def objective(t: float, k: int = int(k), h: float = h) -> Array:
                network.theta[k] = theta[k] + t * h
                with blame("predict of a network with the layer"):
                    value = loss.value(network.predict(x), None).mean()
                network.theta[k] = theta[k]
                return np.asarray(value)

            columns.append(along(objective, h))
        numerical = assemble(columns, np.ones(()))
        agree(
            gradient[at],
            numerical.value,
            np.where(numerical.rough, np.inf, 2 * numerical.tolerance() + 1e-9),
            label=f"∂Obj/∂θ of {name!r}, of a network {[type(m).__name__ for m in network.layers]}, entry ",
            got_is="backprop's",
            expected_is="numerical",
            B=len(x),
        )
