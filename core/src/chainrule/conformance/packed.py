"""A layer of several inputs or outputs as most checks see it: one vector of all its real inputs, and one output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError, UnsupportedError
from ..functions.jacobians import BatchJacobian
from ..functions.layers import Layer, integers_of, set_fields, trains_otherwise
from .outcomes import Failure


@dataclass(frozen=True)
class Packed(Layer):
    """A layer whose real inputs are cut from one vector; inputs of whole numbers are held, alike in every sample.

    So every check of a layer is one of each of its maps alone, the blocks of the Jacobian, and of all together. Where
    no input is real, the vector is one of whole numbers.

    Formula:  y = f(x_0, x_1, …), x = [x_0, x_1, …]
    Shapes:   x (B, N), N the numbers of all inputs that are not held; y as the layer's, or (B, M) of several outputs.
    Raises:   SettingError, and what the layer raises for the shapes.
    """

    layer: Layer
    shapes: tuple[Shape, ...]
    held: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer):
            raise SettingError("layer", expected="a Layer", got=self.layer)
        shapes = tuple(tuple(shape) for shape in self.shapes)
        self.layer.output_shape(*shapes)
        set_fields(
            self,
            shapes=shapes,
            held=tuple(map(tuple, self.held)),
            stochastic=self.layer.stochastic,
            trains_otherwise=trains_otherwise(self.layer),
            mixes_samples=self.layer.mixes_samples,
            output_range=self.layer.output_range,
            integer_input=all(integers_of(self.layer, len(shapes))),
        )

    @property
    def taken(self) -> tuple[bool, ...]:
        """Of each input, whether it is in the vector."""
        integers = integers_of(self.layer, len(self.shapes))
        return tuple(all(integers) or not integer for integer in integers)

    @property
    def outputs(self) -> tuple[Shape, ...] | None:
        """The shapes of several outputs; None of one."""
        declared: Any = self.layer.output_shape(*self.shapes)
        return declared if is_several(declared) else None

    @property
    def size(self) -> int:
        """How many numbers the vector has."""
        return sum(math.prod(shape) for shape, taken in zip(self.shapes, self.taken, strict=True) if taken)

    def unpack(self, x: Array) -> list[Array]:
        """Return the inputs of a batch, or of one sample; those that are not held share memory with x."""
        found, start = [], 0
        for shape, taken, held in zip(self.shapes, self.taken, self.held, strict=True):
            full = (*x.shape[:-1], *shape)
            if taken:
                found.append(x[..., start : start + math.prod(shape)].reshape(full))
                start += math.prod(shape)
            else:
                found.append(np.array(np.broadcast_to(np.array(held, np.int64).reshape(shape), full)))
        return found

    def pack(self, parts: Sequence[Any]) -> Array:
        """Return one vector of what there is of each input; what is held is left out."""
        return flat([part for part, taken in zip(parts, self.taken, strict=True) if taken])

    def name_of(self, column: int) -> str:
        """Return how a message names an entry of the vector."""
        for i, (shape, taken) in enumerate(zip(self.shapes, self.taken, strict=True)):
            if taken and column < math.prod(shape):
                at = np.unravel_index(column, shape) if shape else ()
                return f"input {i}[{', '.join(str(int(k)) for k in at)}]"
            column -= math.prod(shape) if taken else 0
        return f"x[{column}]"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of y."""
        if input_shape != (self.size,):
            raise ShapeError("the packed inputs", expected=(self.size,), got=input_shape)
        outputs = self.outputs
        return self.layer.output_shape(*self.shapes) if outputs is None else (sum(map(math.prod, outputs)),)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of the layer."""
        self.output_shape(input_shape)
        return self.layer.parameter_shapes(*self.shapes)

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return those of the layer."""
        self.output_shape(input_shape)
        return self.layer.initialize(*self.shapes, rng)

    def forward(self, x: Array, /, **params: Array) -> Array:
        """Return what the layer does, several outputs in one."""
        return self._joined(self.layer.forward(*self.unpack(x), **params))

    def linearize(self, x: Array, /, **params: Array) -> tuple[Array, BatchJacobian]:
        """Return what the layer does, its Jacobian taking and returning vectors."""
        inputs = self.unpack(x)
        y, jacobian = self.layer.linearize(*inputs, **params)
        if not isinstance(jacobian, BatchJacobian):
            raise Failure(f"the derivative is a {type(jacobian).__name__}, no BatchJacobian")
        return self._joined(y), PackedJacobian(self, jacobian)

    def jacobian(self, x: Array, y: Array, /, **params: Array) -> BatchJacobian:
        """Return the layer's, or that of `linearize` where y is packed or the layer has none."""
        if self.outputs is not None or type(self.layer).jacobian is Layer.jacobian:
            return self.linearize(x, **params)[1]
        return PackedJacobian(self, self.layer.jacobian(*self.unpack(x), y, **params))

    def _joined(self, y: Any) -> Array:
        if self.outputs is None:
            return y  # type: ignore[no-any-return]
        if not isinstance(y, tuple) or len(y) != len(self.outputs):
            raise Failure(f"forward returned {type(y).__name__}, and output_shape declares {len(self.outputs)} outputs")
        return flat(y)

    def cut(self, delta: Array) -> Any:
        """Return δ as the layer takes it."""
        if self.outputs is None:
            return delta
        ends = np.cumsum([math.prod(shape) for shape in self.outputs])[:-1]
        parts = zip(np.split(delta, ends, axis=-1), self.outputs, strict=True)
        return tuple(part.reshape(len(delta), *shape) for part, shape in parts)

    def realize(self, rng: np.random.Generator) -> Layer:
        """Realize the layer."""
        realized = self.layer.realize(rng)
        return self if realized is self.layer else Packed(realized, self.shapes, self.held)

    def statistic_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return those of the layer."""
        return self.layer.statistic_shapes(*self.shapes)

    def initial_statistics(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Array]:
        """Return those of the layer."""
        return self.layer.initial_statistics(*self.shapes)

    def predicting(self, /, *args: Any, **statistics: Array) -> Layer:
        """Give them to the layer."""
        return Packed(self.layer.predicting(**statistics), self.shapes, self.held)

    def remembered(self, old: Mapping[str, Array], seen: Mapping[str, Array], /) -> dict[str, Array]:
        """Ask the layer."""
        return self.layer.remembered(old, seen)

    def least_batch(self, input_shape: Shape, /, *others: Any, **_: Any) -> int:
        """Return that of the layer."""
        return self.layer.least_batch(*self.shapes)


class PackedJacobian(BatchJacobian):
    """The Jacobian of a packed layer."""

    __slots__ = ("jacobian", "packed", "seen")

    def __init__(self, packed: Packed, jacobian: BatchJacobian) -> None:
        self.packed = packed
        self.jacobian = jacobian
        self.seen = jacobian.seen

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return the parts of δ·J_X as one vector."""
        packed = self.packed
        if packed.integer_input:
            raise UnsupportedError("the inputs have no derivative")
        pulled = self.jacobian.vjp(packed.cut(delta), out)
        return packed.pack(check_pulled(pulled, len(delta), packed.shapes, packed.taken))

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Fill `out`."""
        self.jacobian.vjp_params(self.packed.cut(delta), out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return J·v, v cut into the parts of the inputs."""
        packed, count = self.packed, len(self.packed.shapes)
        parts: Any = (None,) * count
        if tangent is not None:
            cut = packed.unpack(tangent)
            parts = tuple(v if taken else None for v, taken in zip(cut, packed.taken, strict=True))
        return packed._joined(self.jacobian.jvp(parts if count > 1 else parts[0], params))

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return the layer's."""
        return self.jacobian.per_sample(self.packed.cut(delta))


def check_pulled(pulled: Any, B: int, shapes: Sequence[Shape], real: Sequence[bool]) -> Sequence[Any]:
    """Return what vjp has returned for each input. Raises:   Failure where that is not as declared."""
    if len(shapes) == 1:
        pulled = (pulled,)
    if not isinstance(pulled, tuple) or len(pulled) != len(shapes):
        came = f"a tuple of {len(pulled)}" if isinstance(pulled, tuple) else type(pulled).__name__
        raise Failure(f"vjp returned {came}, expected a tuple of {len(shapes)}, one δ for each input")
    for i, (part, shape, has) in enumerate(zip(pulled, shapes, real, strict=True)):
        if not has and part is not None:
            raise Failure(f"vjp returned a {type(part).__name__} for input {i}, which has no derivative; expected None")
        if has and (not isinstance(part, np.ndarray) or part.shape != (B, *shape)):
            came = f"shape {part.shape}" if isinstance(part, np.ndarray) else f"a {type(part).__name__}"
            raise Failure(f"vjp's δ of input {i} has {came}, expected {(B, *shape)}")
    return pulled


def is_several(shapes: Any) -> bool:
    """Return whether these are several shapes, and not one."""
    return isinstance(shapes, tuple | list) and len(shapes) > 0 and all(isinstance(s, tuple | list) for s in shapes)


def flat(parts: Sequence[Array]) -> Array:
    """Return arrays (B, …) as one of (B, N); a single one keeps its memory."""
    rows = [np.asarray(part).reshape(len(part), -1) if np.ndim(part) else np.asarray(part) for part in parts]
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=-1)
