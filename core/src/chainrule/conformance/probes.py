"""What a check looks at: a case's subject, fresh arrays for it, and calls that blame the right party."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, Shape, random_stream
from ..errors import UnsupportedError
from ..functions.differences import Differences, along, assemble, step_of
from ..functions.jacobians import BatchJacobian
from ..functions.layers import Layer
from ..functions.losses import Loss
from . import drawing
from .blame import blame
from .cases import LayerCase, LossCase
from .outcomes import CaseError, Failure

MANY = 240
"""Rows and columns of a Jacobian up to which all are compared; of more, as many are picked at random."""
DRAWS = 8
"""How often a point is drawn anew when a kink lies within a step of it."""


@dataclass
class LayerPoint:
    """A batch for a layer, its parameters, a cotangent, and directions."""

    x: Array
    params: dict[str, Array]
    delta: Array
    tangent: Array | None
    tangents: dict[str, Array]

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "x", self.x
        yield "delta", self.delta
        if self.tangent is not None:
            yield "tangent", self.tangent
        yield from self.params.items()
        yield from ((f"tangent of {name}", array) for name, array in self.tangents.items())

    def astype(self, dtype: Any) -> LayerPoint:
        """Return the point in another dtype; integers stay."""
        x = self.x if self.x.dtype.kind in "iu" else self.x.astype(dtype)
        return LayerPoint(
            x,
            {name: array.astype(dtype) for name, array in self.params.items()},
            self.delta.astype(dtype),
            None if self.tangent is None else self.tangent.astype(dtype),
            {name: array.astype(dtype) for name, array in self.tangents.items()},
        )

    def rows(self, rows: Any) -> LayerPoint:
        """Return some of the samples."""
        tangent = None if self.tangent is None else self.tangent[rows]
        return LayerPoint(self.x[rows], self.params, self.delta[rows], tangent, self.tangents)


@dataclass
class Jacobians:
    """Numerical Jacobians at a point: for each argument the picked columns, by the picked (sample, output) rows."""

    point: LayerPoint
    rows: list[tuple[int, ...]]
    columns: dict[str, Array]
    of: dict[str, Differences]
    outputs: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Question:
    """A call that another process can be asked to make: a method's name, or a function of the object."""

    name: str
    method: str | Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)

    def answer(self, subject: Any) -> Any:
        """Return what the call gives here."""
        if callable(self.method):
            return self.method(subject, *self.arguments, **self.named)
        return getattr(subject, self.method)(*self.arguments, **self.named)


class Probe:
    """What the probes of layers, losses and optimizers share."""

    kind: ClassVar[str]
    """The name of the attribute that holds the subject."""

    def __init__(self, case: Any, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        self.case = case
        self.seed = seed
        self.check_id = check_id
        self.memory = memory
        self.rng = self.stream(check_id)

    def stream(self, name: str) -> np.random.Generator:
        """Return the random numbers of a purpose: they depend on the seed, the case and the purpose alone."""
        return random_stream(self.seed, f"{self.case.id}/{name}")

    @property
    def subject(self) -> Any:
        """The layer, the loss or the optimizer."""
        return getattr(self, self.kind)

    def of(self, subject: Any) -> Any:
        """Return a probe of another subject, on the same case."""
        probe = copy.copy(self)
        setattr(probe, self.kind, subject)
        return probe

    def point(self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False) -> Any:
        """Return fresh arguments."""
        raise NotImplementedError

    def everything(self, point: Any, subject: Any = None) -> dict[str, Array]:
        """Return all that the subject computes at a point, by the name that a message uses."""
        raise NotImplementedError

    def question(self, point: Any) -> Question:
        """Return a call that shows what the subject computes at a point."""
        raise NotImplementedError


class LayerProbe(Probe):
    """A layer on the input shape of its case."""

    kind = "layer"

    def __init__(self, case: LayerCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.layer: Layer = case.layer
        self.shape: Shape = case.input_shape
        self.is_realized = False

    def realized(self) -> LayerProbe:
        """Return a probe of the layer that one training step differentiates."""
        probe = copy.copy(self)
        probe.rng = self.stream(f"{self.check_id}/realized")
        with blame("realize(rng)"):
            realized = self.layer.realize(self.stream("realize"))
        if not isinstance(realized, Layer):
            raise Failure(f"realize(rng) returned {type(realized).__name__}, no Layer")
        probe.layer, probe.is_realized = realized, True
        return probe

    @property
    def samples_apart(self) -> bool:
        """Whether the laws of a batch apply: samples do not mix, and noise does not depend on their place."""
        return not (self.layer.mixes_samples or self.is_realized)

    # Calls that blame the layer.

    def output_shape(self, shape: Shape | None = None) -> Shape:
        """Return what the layer declares for an input shape."""
        shape = self.shape if shape is None else shape
        with blame(f"output_shape({shape})"):
            return self.layer.output_shape(shape)

    def parameter_shapes(self, shape: Shape | None = None) -> dict[str, Shape]:
        """Return what the layer declares for an input shape."""
        shape = self.shape if shape is None else shape
        with blame(f"parameter_shapes({shape})"):
            return dict(self.layer.parameter_shapes(shape))

    def forward(self, x: Array, params: dict[str, Array], layer: Layer | None = None) -> Array:
        """Return y."""
        with blame(f"forward of x {x.shape} {x.dtype}"):
            return (layer or self.layer).forward(x, **params)

    def linearize(self, x: Array, params: dict[str, Array], layer: Layer | None = None) -> tuple[Array, Maps]:
        """Return y and the Jacobian."""
        with blame(f"linearize of x {x.shape} {x.dtype}"):
            result = (layer or self.layer).linearize(x, **params)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Failure(f"linearize returned {type(result).__name__}, not the pair (y, Jacobian)")
        return result[0], Maps(result[1], self.layer)

    # Fresh arrays.

    def inputs(self, rng: np.random.Generator, shape: Shape, wide: bool = False) -> Array:
        """Return inputs in the domain: distinct, and away from 0 and the declared kinks."""
        if self.layer.integer_input:
            low, high = (0, 2) if self.case.domain is None else self.case.domain
            first, last = math.ceil(low), max(math.ceil(high) - 1, math.ceil(low))
            x = rng.integers(first, last + 1, shape)
            ends = x.reshape(-1)[: x.size // 2]
            ends[:3] = (last, first, last)[: len(ends[:3])]  # the ends of the range, and one of them twice
            return rng.permutation(x.reshape(-1)).reshape(shape)
        low, high = drawing.bounds(self.case.domain, drawing.WIDE if wide else drawing.NARROW)
        return drawing.spread(rng, shape, low, high, [0.0, *self.case.kinks])

    def parameters(self, rng: np.random.Generator, shape: Shape | None = None, far: bool = False) -> dict[str, Array]:
        """Return parameters at random, away from where they start."""
        shapes = self.parameter_shapes(shape)
        try:
            starts = self.layer.initialize(self.shape if shape is None else shape, self.stream("start"))
            fit = {name: np.shape(start) for name, start in starts.items()} == shapes
        except Exception:  # told by lifecycle.initialize
            fit = False
        if not fit:
            return {name: drawing.signed(rng, own) for name, own in shapes.items()}
        return {name: drawing.away(rng, starts[name], far=far) for name in shapes}

    def point(
        self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False, shape: Shape | None = None
    ) -> LayerPoint:
        """Return fresh arguments; `wide` ones reach further out, with parameters of any sign."""
        return self._point(self.rng, B, wide=wide, shape=shape).astype(dtype)

    def _point(self, rng: np.random.Generator, B: int, *, wide: bool, shape: Shape | None = None) -> LayerPoint:
        shape = self.shape if shape is None else shape
        x = self.inputs(rng, (B, *shape), wide)
        params = self.parameters(rng, shape, far=wide)
        if wide and params and not np.isfinite(self.forward(x, params)).all():
            params = self.parameters(rng, shape)  # a parameter that must keep its sign
        return self.at(x, params, rng, shape)

    def at(
        self, x: Array, params: dict[str, Array], rng: np.random.Generator | None = None, shape: Shape | None = None
    ) -> LayerPoint:
        """Return the point of given x and parameters, with a cotangent and directions."""
        rng = self.rng if rng is None else rng
        return LayerPoint(
            x,
            params,
            drawing.signed(rng, (len(x), *self.output_shape(shape))),
            None if self.layer.integer_input else drawing.signed(rng, x.shape),
            {name: drawing.signed(rng, array.shape) for name, array in params.items()},
        )

    # Everything that the layer computes.

    def everything(self, point: LayerPoint, subject: Layer | None = None) -> dict[str, Array]:
        """Return forward, linearize, vjp, vjp_params, jvp and per_sample at a point."""
        layer = self.layer if subject is None else subject
        found = {"forward's y": self.forward(point.x, point.params, layer)}
        found["linearize's y"], maps = self.linearize(point.x, point.params, layer)
        return {**found, **self.derivatives(maps, point)}

    def derivatives(self, maps: Maps, point: LayerPoint) -> dict[str, Array]:
        """Return vjp, vjp_params, jvp and per_sample of a Jacobian."""
        found: dict[str, Array] = {}
        out = empty_out(point.params)
        if maps.has_input:
            found["vjp's δ·J_X"] = maps.vjp(point.delta, out)
            found |= {f"vjp's gradient of {name}": array for name, array in out.items()}
        out = empty_out(point.params)
        maps.vjp_params(point.delta, out)
        found |= {f"vjp_params' gradient of {name}": array for name, array in out.items()}
        if point.tangents or point.tangent is not None:
            found["jvp"] = maps.jvp(point.tangent, point.tangents)
        rows = maps.per_sample(point.delta)
        found |= {f"per_sample's gradient of {name}": array for name, array in (rows or {}).items()}
        return found

    def question(self, point: LayerPoint) -> Question:
        """Return the call of forward."""
        return Question("forward", "forward", (point.x,), point.params)

    # Jacobians.

    def jacobians(self, wide: bool = False) -> Jacobians:
        """Return numerical Jacobians at a smooth point; they are taken once for a case, the arrays given are fresh."""
        key = f"jacobians/{self.is_realized}/{wide}"
        if key not in self.memory:
            self.memory[key] = self._smooth_jacobians(self.stream(key), wide)
        found: Jacobians = copy.deepcopy(self.memory[key])
        return found

    def _smooth_jacobians(self, rng: np.random.Generator, wide: bool) -> Jacobians:
        best, fewest = None, math.inf
        for _ in range(DRAWS):
            found = self._jacobians(rng, self._point(rng, 3, wide=wide))
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

    def _jacobians(self, rng: np.random.Generator, point: LayerPoint) -> Jacobians:
        y = np.asarray(self.forward(point.x, point.params))
        rows = pick(rng, y.shape)
        result = Jacobians(point, rows, {}, {}, y)
        if not self.layer.integer_input:
            result.columns["x"] = columns = pick_flat(
                rng, point.x.size if self.layer.mixes_samples else math.prod(point.x.shape[1:])
            )
            result.of["x"] = self._input_differences(point, columns, rows, y)
        for name in point.params:
            result.columns[name] = self._parameter_columns(rng, point, name)
            result.of[name] = self._parameter_differences(point, name, result.columns[name], rows, y)
        return result

    def _parameter_columns(self, rng: np.random.Generator, point: LayerPoint, name: str) -> Array:
        """Return all entries of a parameter; of many, half of those that the layer's own gradient names, and others."""
        size = point.params[name].size
        if size <= MANY:
            return np.arange(size)
        out = empty_out(point.params)
        try:
            self.linearize(point.x, point.params)[1].vjp_params(point.delta, out)
        except Failure:  # told by gradient.runs
            return pick_flat(rng, size)
        used = rng.permutation(np.flatnonzero(out[name].reshape(-1)))[: MANY // 2]
        return np.unique(np.concatenate([used, rng.permutation(size)[: MANY // 2]]))

    def _input_differences(self, point: LayerPoint, columns: Array, rows: list[Any], y: Array) -> Differences:
        found = []
        x = point.x
        for k in columns:
            at: Any = int(k) if self.layer.mixes_samples else (slice(None), int(k))
            flat = x.reshape(-1) if self.layer.mixes_samples else x.reshape(len(x), -1)
            h = step_of(flat[at])

            def moved(t: float, at: Any = at, flat: Array = flat, h: Array = h) -> Array:
                far = flat.copy()
                far[at] += t * h
                return self.forward(far.reshape(x.shape), point.params)

            scale = h if self.layer.mixes_samples else h.reshape(-1, *[1] * (y.ndim - 1))
            value, error, bend = along(moved, scale)
            found.append((take(value, rows), take(error, rows), take(bend, rows)))
        return assemble(found, take(y, rows))

    def _parameter_differences(
        self, point: LayerPoint, name: str, columns: Array, rows: list[Any], y: Array
    ) -> Differences:
        found = []
        for k in columns:
            h = float(step_of(point.params[name].reshape(-1)[int(k)]))

            def moved(t: float, k: int = int(k), h: float = h) -> Array:
                far = point.params[name].copy()
                far.reshape(-1)[k] += t * h
                return self.forward(point.x, {**point.params, name: far})

            value, error, bend = along(moved, h)
            found.append((take(value, rows), take(error, rows), take(bend, rows)))
        return assemble(found, take(y, rows))

    def analytic(self, found: Jacobians) -> dict[str, Array]:
        """Return the layer's own Jacobians in the rows and columns of numerical ones, pulled back row by row."""
        point = found.point
        y, maps = self.linearize(point.x, point.params)
        into: dict[str, list[Array]] = {name: [] for name in found.of}
        for row in found.rows:
            delta = np.zeros(np.shape(y))
            delta[row] = 1.0
            out = empty_out(point.params)
            if maps.has_input:
                pulled = np.asarray(maps.vjp(delta, out))
                own = pulled.reshape(-1) if self.layer.mixes_samples else pulled[row[0]].reshape(-1)
                into["x"].append(own[found.columns["x"]])
            else:
                maps.vjp_params(delta, out)
            for name, array in out.items():
                into[name].append(array.reshape(-1)[found.columns[name]].copy())
        return {name: np.array(parts).reshape(found.of[name].value.shape) for name, parts in into.items()}

    def label(self, found: Jacobians, name: str) -> Any:
        """Return the function that names an entry of a Jacobian: ∂y[1, 2]/∂W[3] of sample 0."""
        point = found.point
        shape = point.params[name].shape if name != "x" else point.x.shape[0 if self.layer.mixes_samples else 1 :]

        def text(index: tuple[int, ...]) -> str:
            if len(index) != 2:
                return f"∂y/∂{name}"
            sample, *output = found.rows[index[0]]
            column = np.unravel_index(int(found.columns[name][index[1]]), shape) if shape else ()
            return f"∂y{_show(output)}/∂{name}{_show(column)} of sample {sample}"

        return text


class Maps:
    """A layer's Jacobian, called with blame."""

    def __init__(self, jacobian: Any, layer: Layer) -> None:
        if not isinstance(jacobian, BatchJacobian):
            raise Failure(f"the derivative is a {type(jacobian).__name__}, no BatchJacobian: return Jacobian(…)")
        self.jacobian = jacobian
        self.has_input = not layer.integer_input

    def vjp(self, delta: Array, out: dict[str, Array] | None = None) -> Array:
        """Return δ·J_X."""
        with blame(f"vjp of δ {delta.shape} {delta.dtype}"):
            passed: Array = self.jacobian.vjp(delta, out)
            return passed

    def vjp_params(self, delta: Array, out: dict[str, Array]) -> None:
        """Fill out."""
        with blame(f"vjp_params of δ {delta.shape} {delta.dtype}"):
            self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Array | None, tangents: dict[str, Array]) -> Array:
        """Return J·v."""
        with blame("jvp"):
            pushed: Array = self.jacobian.jvp(tangent, tangents)
            return pushed

    def per_sample(self, delta: Array) -> dict[str, Array] | None:
        """Return each sample's gradients; None where the class refuses by name."""
        with blame("per_sample"):
            try:
                return self.jacobian.per_sample(delta)
            except (UnsupportedError, NotImplementedError):
                return None


@dataclass
class LossPoint:
    """Scores and targets of a batch."""

    scores: Array
    targets: Any

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "scores", self.scores
        if isinstance(self.targets, np.ndarray):
            yield "targets", self.targets

    def astype(self, dtype: Any) -> LossPoint:
        """Return the point with scores in another dtype."""
        return LossPoint(self.scores.astype(dtype), self.targets)

    def rows(self, rows: Any) -> LossPoint:
        """Return some of the points."""
        return LossPoint(self.scores[rows], None if self.targets is None else self.targets[rows])


class LossProbe(Probe):
    """A loss on scores of its case's shape."""

    kind = "loss"

    def __init__(self, case: LossCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.loss: Loss = case.loss

    def point(self, B: int = 5, *, dtype: Any = np.float64, wide: bool = False) -> LossPoint:
        """Return fresh scores and targets."""
        reach = drawing.WIDE if wide else drawing.NARROW
        scores = drawing.spread(self.rng, (B, *self.case.score_shape), -reach, reach, [0.0])
        targets = self.targets(B)
        if self.case.targets == "real":  # a loss has its kink where the two meet
            scores = np.where(np.abs(scores - targets) < 0.02, targets + 0.05, scores)
        return LossPoint(scores.astype(dtype), targets)

    def targets(self, B: int) -> Any:
        """Return legal targets."""
        try:
            drawn = drawing.draw_targets(self.case.targets, self.rng, B, self.case.score_shape)
        except Exception as error:
            raise CaseError(f"targets(rng, {B}) raised {type(error).__name__}: {error}") from error
        if drawn is not None and (not isinstance(drawn, np.ndarray) or drawn.ndim == 0 or len(drawn) != B):
            came = f"{drawn.shape}" if isinstance(drawn, np.ndarray) else type(drawn).__name__
            raise CaseError(f"targets(rng, {B}) returned {came}, expected an array of {B} targets, or None")
        return drawn

    def value(self, scores: Array, targets: Any, loss: Loss | None = None) -> Array:
        """Return the value of each point."""
        with blame(f"value of scores {scores.shape} {scores.dtype}"):
            return (loss or self.loss).value(scores, targets)

    def gradient(self, scores: Array, targets: Any, loss: Loss | None = None) -> Array:
        """Return the gradient of each point."""
        with blame(f"gradient of scores {scores.shape} {scores.dtype}"):
            return (loss or self.loss).gradient(scores, targets)

    def linearize(self, scores: Array, targets: Any, loss: Loss | None = None) -> tuple[Array, Array]:
        """Return value and gradient."""
        with blame(f"linearize of scores {scores.shape} {scores.dtype}"):
            result = (loss or self.loss).linearize(scores, targets)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Failure(f"linearize returned {type(result).__name__}, not the pair (value, gradient)")
        return result

    def hessian(self, scores: Array, targets: Any) -> Array | None:
        """Return the second derivatives; None where the loss refuses."""
        with blame("hessian"):
            try:
                return self.loss.hessian(scores, targets)
            except (UnsupportedError, NotImplementedError):
                return None

    def everything(self, point: LossPoint, subject: Loss | None = None) -> dict[str, Array]:
        """Return value, gradient, linearize, decide, error and hessian at a point."""
        loss = self.loss if subject is None else subject
        s, t = point.scores, point.targets
        found = {"value": self.value(s, t, loss), "gradient": self.gradient(s, t, loss)}
        found["linearize's value"], found["linearize's gradient"] = self.linearize(s, t, loss)
        with blame("decide"):
            found["decide"] = loss.decide(s)
        with blame("error"):
            error = loss.error(s, t)
        with blame("probabilities"), contextlib.suppress(UnsupportedError, NotImplementedError):
            found["probabilities"] = loss.probabilities(s)
        hessian = self.hessian(s, t)
        return found | {name: v for name, v in (("error", error), ("hessian", hessian)) if v is not None}

    def question(self, point: LossPoint) -> Question:
        """Return the call of value."""
        return Question("value", "value", (point.scores, point.targets))


def empty_out(params: dict[str, Array], fill: float = np.nan) -> dict[str, Array]:
    """Return arrays to write gradients into, views of one flat vector as a network has them, with something in them."""
    size = sum(array.size for array in params.values())
    dtype = next(iter(params.values())).dtype if params else np.float64
    flat, out, start = np.full(size, fill, dtype), {}, 0
    for name, array in params.items():
        out[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return out


def pick(rng: np.random.Generator, shape: Shape) -> list[tuple[int, ...]]:
    """Return the indices of an array, or some of them where there are many."""
    return [tuple(int(i) for i in np.unravel_index(int(flat), shape)) for flat in pick_flat(rng, math.prod(shape))]


def pick_flat(rng: np.random.Generator, size: int) -> Array:
    """Return the flat indices of an array, or some of them where there are many."""
    return np.arange(size) if size <= MANY else np.sort(rng.permutation(size)[:MANY])


def take(values: Array, rows: list[tuple[int, ...]]) -> Array:
    """Return the entries of some indices."""
    return np.array([values[row] for row in rows])


def _show(index: Any) -> str:
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
