"""The numerical Jacobians of a layer, and its own in the same rows and columns."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from .differences import Differences, along, assemble, step_of
from .drawing import DRAWS
from .layer_probes import LayerPoint, LayerProbe
from .maps import empty_out
from .outcomes import CaseError, Failure
from .packed import Packed
from .picking import MANY, pick, pick_flat, take


@dataclass
class Jacobians:
    """Numerical Jacobians at a point: for each argument the picked columns, by the picked (sample, output) rows."""

    point: LayerPoint
    rows: list[tuple[int, ...]]
    columns: dict[str, Array]
    of: dict[str, Differences]
    outputs: Array = field(default_factory=lambda: np.zeros(0))


def numerical_jacobians(probe: LayerProbe, wide: bool = False) -> Jacobians:
    """Return numerical Jacobians at a smooth point; they are taken once for a case, the arrays given are fresh."""
    key = f"jacobians/{probe.view}/{wide}"
    if key not in probe.memory:
        probe.memory[key] = _smooth(probe, probe.stream(key), wide)
    found: Jacobians = copy.deepcopy(probe.memory[key])
    return found


def _smooth(probe: LayerProbe, rng: np.random.Generator, wide: bool) -> Jacobians:
    best, fewest = None, math.inf
    for _ in range(DRAWS):
        found = _taken(probe, rng, probe.draw(rng, 3, wide=wide))
        rough = sum(int(differences.rough.sum()) for differences in found.of.values())
        if rough < fewest:
            best, fewest = found, rough
        if not rough:
            break
    if best is None:
        raise CaseError("no point was drawn")
    entries = sum(differences.rough.size for differences in best.of.values())
    if fewest > 0.2 * entries:
        raise Failure(
            "differences of forward with the steps h and h/2 disagree almost everywhere: it is not smooth, it "
            "jumps, or float64 is computed in a lower precision"
        )
    return best


def _taken(probe: LayerProbe, rng: np.random.Generator, point: LayerPoint) -> Jacobians:
    y = np.asarray(probe.forward(point.x, point.params))
    rows = pick(rng, y.shape)
    result = Jacobians(point, rows, {}, {}, y)
    if not probe.layer.integer_input:
        result.columns["x"] = columns = pick_flat(
            rng, point.x.size if probe.layer.mixes_samples else math.prod(point.x.shape[1:])
        )
        result.of["x"] = _input_differences(probe, point, columns, rows, y)
    for name in point.params:
        result.columns[name] = _parameter_columns(probe, rng, point, name)
        result.of[name] = _parameter_differences(probe, point, name, result.columns[name], rows, y)
    return result


def _parameter_columns(probe: LayerProbe, rng: np.random.Generator, point: LayerPoint, name: str) -> Array:
    """Return all entries of a parameter; of many, half of those that the layer's own gradient names, and others."""
    size = point.params[name].size
    if size <= MANY:
        return np.arange(size)
    out = empty_out(point.params)
    try:
        probe.linearize(point.x, point.params)[1].vjp_params(point.delta, out)
    except Failure:  # told by gradient.runs
        return pick_flat(rng, size)
    used = rng.permutation(np.flatnonzero(out[name].reshape(-1)))[: MANY // 2]
    return np.unique(np.concatenate([used, rng.permutation(size)[: MANY // 2]]))


def _input_differences(probe: LayerProbe, point: LayerPoint, columns: Array, rows: list[Any], y: Array) -> Differences:
    found = []
    x = point.x
    for k in columns:
        at: Any = int(k) if probe.layer.mixes_samples else (slice(None), int(k))
        flat = x.reshape(-1) if probe.layer.mixes_samples else x.reshape(len(x), -1)
        h = step_of(flat[at])

        def moved(t: float, at: Any = at, flat: Array = flat, h: Array = h) -> Array:
            far = flat.copy()
            far[at] += t * h
            return probe.forward(far.reshape(x.shape), point.params)

        scale = h if probe.layer.mixes_samples else h.reshape(-1, *[1] * (y.ndim - 1))
        value, error, bend = along(moved, scale)
        found.append((take(value, rows), take(error, rows), take(bend, rows)))
    return assemble(found, take(y, rows))


def _parameter_differences(
    probe: LayerProbe, point: LayerPoint, name: str, columns: Array, rows: list[Any], y: Array
) -> Differences:
    found = []
    for k in columns:
        h = float(step_of(point.params[name].reshape(-1)[int(k)]))

        def moved(t: float, k: int = int(k), h: float = h) -> Array:
            far = point.params[name].copy()
            far.reshape(-1)[k] += t * h
            return probe.forward(point.x, {**point.params, name: far})

        value, error, bend = along(moved, h)
        found.append((take(value, rows), take(error, rows), take(bend, rows)))
    return assemble(found, take(y, rows))


def analytic_jacobians(probe: LayerProbe, found: Jacobians) -> dict[str, Array]:
    """Return the layer's own Jacobians in the rows and columns of numerical ones, pulled back row by row."""
    point = found.point
    y, maps = probe.linearize(point.x, point.params)
    into: dict[str, list[Array]] = {name: [] for name in found.of}
    for row in found.rows:
        delta = np.zeros(np.shape(y))
        delta[row] = 1.0
        out = empty_out(point.params)
        if maps.has_input:
            pulled = np.asarray(maps.vjp(delta, out))
            own = pulled.reshape(-1) if probe.layer.mixes_samples else pulled[row[0]].reshape(-1)
            into["x"].append(own[found.columns["x"]])
        else:
            maps.vjp_params(delta, out)
        for name, array in out.items():
            into[name].append(array.reshape(-1)[found.columns[name]].copy())
    return {name: np.array(parts).reshape(found.of[name].value.shape) for name, parts in into.items()}


def entry_of(probe: LayerProbe, found: Jacobians, name: str) -> Any:
    """Return the function that names an entry of a Jacobian: ∂y[1, 2]/∂W[3] of sample 0."""
    point = found.point
    shape = point.params[name].shape if name != "x" else point.x.shape[0 if probe.layer.mixes_samples else 1 :]

    def text(index: tuple[int, ...]) -> str:
        if len(index) != 2:
            return f"∂y/∂{name}"
        sample, *output = found.rows[index[0]]
        if name == "x" and isinstance(probe.layer, Packed) and not probe.layer.mixes_samples:
            of = probe.layer.name_of(int(found.columns["x"][index[1]]))
            return f"∂y{_show(output)}/∂({of}) of sample {sample}"
        column = np.unravel_index(int(found.columns[name][index[1]]), shape) if shape else ()
        return f"∂y{_show(output)}/∂{name}{_show(column)} of sample {sample}"

    return text


def _show(index: Any) -> str:
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
