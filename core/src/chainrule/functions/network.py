"""A network is a chain bound to an input shape and to one flat parameter vector θ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..admission import as_array, real_array
from ..arrays import Array, Shape, random_stream
from ..errors import DataError, DefinitionError, ShapeError, SizeError, show_shape
from ..rows import rows_of
from ..settings import integer, sample_shape
from .backprop import Composition, Gradients, check_output, linearize, split_by_position
from .compose import Chain, as_chain, largest
from .description import Description, describe, float_dtype
from .layers import Layer
from .losses import Loss

if TYPE_CHECKING:
    import numpy.typing as npt


AT_ONCE = 1 << 25
"""Bytes of the largest array between two layers, of as many samples as `predict` takes at a time."""


class Network:
    """X^0 = x, X^i = f^i(X^(i-1); W^i), S = X^q, with all W^i in one vector.

    `theta` is the course's θ, contiguous; `parameters` maps each name, such as `"0.W"`, to its view of θ. `gradient`
    is a vector like θ, NaN until `backprop` fills it. `seed` draws the starting values; equal seeds give equal
    networks.

    Raises:   ShapeError naming both layers when two do not fit; SettingError; SizeError when θ does not fit in memory.
    Source:   course, sections 2 (f(X; θ)) and 3.
    """

    def __init__(
        self,
        layers: Layer | Sequence[Layer],
        input_shape: int | Shape,
        seed: int = 0,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.chain = as_chain(layers)
        self.input_shape = sample_shape("input_shape", input_shape)
        self.dtype = float_dtype(dtype)
        self.seed = integer("seed", seed, minimum=0)
        self._shapes = self.chain.shapes(self.input_shape)
        self._largest = largest(self.chain, self.input_shape)
        shapes = self.chain.parameter_shapes(self.input_shape)
        self._parameter_shapes = shapes
        self._gradient_is_written = False
        size = sum(map(math.prod, shapes.values()))
        try:
            self._theta = np.zeros(size, self.dtype)
            self._gradient = np.full(size, np.nan, self.dtype)
        except (MemoryError, ValueError) as error:  # NumPy's ValueError is for more than any machine has
            raise SizeError(
                f"a network of {size:,} parameters",
                bytes_needed=2 * size * self.dtype.itemsize,
                hint="chainrule.describe(layers, input_shape) counts without allocating",
            ) from error
        self.slices = MappingProxyType(_slices(shapes))
        self.parameters = MappingProxyType(self.views(self._theta))
        self._layer_parameters = split_by_position(self.parameters, len(self.layers))
        self._layer_gradients = split_by_position(self.views(self._gradient), len(self.layers))
        self._start()

    def _start(self) -> None:
        rng = random_stream(self.seed, "start")
        members = zip(self.layers, self._shapes[:-1], self._layer_parameters, strict=True)
        for i, (layer, input_shape, own) in enumerate(members):
            started = layer.initialize(input_shape, rng).items()
            values = {name: real_array(f"layer {i}, {layer!r}, start of {name!r}", value) for name, value in started}
            came = {name: value.shape for name, value in values.items()}
            declared = {name: view.shape for name, view in own.items()}
            if came != declared:
                raise ShapeError(f"layer {i}, {layer!r}, start values", expected=declared, got=came)
            for name, view in own.items():
                view[...] = values[name]

    @property
    def theta(self) -> Array:
        """The course's θ: every parameter. Assigning copies into it, so that the parameters remain its views."""
        return self._theta

    @theta.setter
    def theta(self, vector: Any) -> None:
        _copy_into("theta", self._theta, vector)

    @property
    def gradient(self) -> Array:
        """∂Obj/∂θ of the last `backprop`, NaN before the first. Assigning copies into it."""
        return self._gradient

    @gradient.setter
    def gradient(self, vector: Any) -> None:
        _copy_into("gradient", self._gradient, vector)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.chain, self.input_shape, self.seed, self.dtype.str, self._theta.copy())

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first to last."""
        return self.chain.layers

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample's scores."""
        return self._shapes[-1]

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the parts of a vector like θ by parameter name, each in its parameter's shape, sharing memory."""
        return {name: vector[place].reshape(self._parameter_shapes[name]) for name, place in self.slices.items()}

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return f"Network([{layers}], {self.input_shape}, seed={self.seed}, dtype={self.dtype})"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def summary(self) -> Description:
        """Return the table of layers, output shapes, parameter counts and bytes."""
        return describe(self.chain, self.input_shape, self.dtype)

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """Return a network of the same layers with a copy of θ in another dtype."""
        twin = Network(self.chain, self.input_shape, self.seed, dtype)
        twin.theta[...] = self.theta
        return twin

    def predict(self, x: Any) -> Array:
        """Return the scores, shape (B, *output_shape); an empty batch has an empty result.

        x may be larger than memory: so many samples are taken at a time that the largest array between two layers has
        at most 32 MiB, and that many have the bits of `predict_at_once`. Scores of more differ from those of all at
        once by rounding, as BLAS adds in another order; the same x gives the same bits. A network that mixes samples
        takes them all at once.

        Raises:   ShapeError, DataError for input of another shape or kind.
        """
        x = rows_of("network input", x)
        self._check_shape(x.shape)
        size = max(1, AT_ONCE // (self._largest * self.dtype.itemsize))
        if self.chain.mixes_samples or len(x) <= size:
            return self.predict_at_once(x)
        starts = range(0, len(x), size)
        return np.concatenate([self.predict_at_once(x[start : start + size]) for start in starts])

    def predict_at_once(self, x: Any) -> Array:
        """Return the scores of one batch, however much memory that takes. Raises:   as `predict`."""
        x = self.admit(x)
        if len(x) == 0:
            return np.empty((0, *self.output_shape), self.dtype)
        scores: Array = x
        for i, layer in enumerate(self.layers):
            scores = layer.forward(scores, **self._layer_parameters[i])
            check_output(self.layers, i, scores, (len(x), *self._shapes[i + 1]))
        shared = np.may_share_memory(scores, x) or np.may_share_memory(scores, self.theta)
        return scores.copy() if shared else scores

    def decide(self, x: Any, loss: Loss) -> Array:
        """Return the final output in the targets' alphabet (classes, for a loss of classes)."""
        return loss.decide(self.predict(x))

    def backprop(self, x: Any, targets: Any, loss: Loss, rng: np.random.Generator | None = None) -> float:
        """Return Obj = 1/B Σ_j l(Net(x_j), y_j), and fill `gradient` with ∂Obj/∂θ.

        With `rng`, stochastic layers are realized first; without, they act as in prediction. θ is left as it is.
        Raises:   ShapeError, DataError, TargetError; DefinitionError when a layer writes no gradient of a parameter.
        """
        x = self.admit_batch(x)
        total = self.backprop_shard(x, targets, loss, len(x), self.realized(rng), self._layer_gradients)
        return self.check_gradient(total / len(x))

    def backprop_shard(
        self, x: Array, targets: Any, loss: Loss, B: int, layers: Sequence[Layer], gradients: Gradients
    ) -> float:
        """Return Σ_j l(Net(x_j), y_j) over some samples of a batch of B, and fill `gradients` with 1/B Σ_j ∂l_j/∂θ.

        x is admitted and the layers are realized. Raises:   as `backprop`.
        """
        scores, jacobian = linearize(layers, x, self._layer_parameters, self._shapes)
        values, delta = loss.linearize(scores, targets)
        if getattr(values, "shape", None) != (len(x),):
            came = np.shape(values)
            raise ShapeError(f"the value of {loss!r}", expected=(len(x),), got=came, hint="one number per sample")
        jacobian.backward(delta * (1.0 / B), gradients, to_input=False)
        return float(np.add.reduce(values, dtype=np.float64))

    def check_gradient(self, mean: float) -> float:
        """Return the mean loss; the first finite one must have left no layer's gradient unwritten."""
        if not self._gradient_is_written and math.isfinite(mean):
            self._check_written()
        return mean

    def _check_written(self) -> None:
        """Refuse a layer that leaves out a parameter: it would never be trained, without a word."""
        for i, (layer, own) in enumerate(zip(self.layers, self._layer_gradients, strict=True)):
            for name, view in own.items():
                if np.isnan(view).all():
                    raise DefinitionError(
                        f"layer {i}, {layer!r}, leaves the gradient of {name!r} unwritten",
                        hint="its Jacobian needs a map of that name, whose vjp(delta, out) writes into out",
                    )
        self._gradient_is_written = True

    def linearize(self, x: Any, rng: np.random.Generator | None = None) -> tuple[Array, Composition]:
        """Return the scores and the Jacobian of the whole network at x.

        Raises:   ShapeError, DataError; an empty batch has no derivative.
        """
        return linearize(self.realized(rng), self.admit_batch(x), self._layer_parameters, self._shapes)

    def realized(self, rng: np.random.Generator | None) -> tuple[Layer, ...]:
        """Return the layers of one training step: with `rng`, stochastic ones are realized."""
        if rng is None or not self.chain.stochastic:
            return self.chain.layers
        return tuple(layer.realize(rng) for layer in self.chain.layers)

    def admit_batch(self, given: Any) -> Array:
        """Return x as `admit` does. Raises:   as `admit`; DataError for an empty batch."""
        x = self.admit(given)
        if len(x) == 0:
            raise DataError("network input", expected="at least one sample", got="an empty batch")
        return x

    def admit(self, given: Any) -> Array:
        """Return x as an array (B, *input_shape) of the network's dtype, or of integers for a layer that takes them.

        Raises:   ShapeError for another shape, DataError for another kind of array.
        """
        x = as_array("network input", given)
        self._check_shape(x.shape)
        if self.chain.integer_input:
            if x.dtype.kind not in "iu":
                first = f"network input of layer 0, {self.layers[0]!r}"
                raise DataError(
                    first,
                    expected="integers",
                    got=x.dtype,
                    hint="it takes indices: x.astype(int)",
                    recipe_hint="it takes indices: the integers of an npz or idx file, without data.scale",
                )
            return x
        return x if x.dtype == self.dtype else real_array("network input", x).astype(self.dtype)

    def _check_shape(self, came: Shape) -> None:
        if len(came) == 0 or came[1:] != self.input_shape:
            hint = f"one sample is a batch of one: x[None], shape {show_shape((1, *came))}"
            alone = came == self.input_shape
            raise ShapeError("network input", expected=("B", *self.input_shape), got=came, hint=hint if alone else None)


def _copy_into(name: str, target: Array, given: Any) -> None:
    vector = real_array(name, given)
    if vector.shape != target.shape:
        raise ShapeError(name, expected=target.shape, got=vector.shape)
    target[...] = vector


def _restore(chain: Chain, input_shape: Shape, seed: int, dtype: str, theta: Array) -> Network:
    network = Network(chain, input_shape, seed, dtype)
    network.theta = theta
    return network


def _slices(shapes: Mapping[str, Shape]) -> dict[str, slice]:
    slices, start = {}, 0
    for name, shape in shapes.items():
        slices[name] = slice(start, start + math.prod(shape))
        start = slices[name].stop
    return slices
