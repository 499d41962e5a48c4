"""A network is a composition bound to an input shape and to one flat parameter vector θ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..admission import real_array
from ..arrays import Array, Shape, random_stream
from ..errors import DataError, DefinitionError, ShapeError, SizeError
from ..rows import rows_of
from ..settings import integer
from .backprop import Composition, forward, linearize
from .compose import Chain, as_chain, largest
from .description import Description, describe, float_dtype
from .ends import Ends
from .graph import Composed
from .layers import Layer
from .losses import Loss, total, total_weight
from .plan import PLANS, Plan
from .rewriting import Rewriting, rewritten
from .vector import Vector, places_of, views_of
from .wiring import Slots

if TYPE_CHECKING:
    import numpy.typing as npt


AT_ONCE = 1 << 23
"""Bytes of the largest array between two layers, of as many samples as `predict` takes at a time: caches keep them."""


class Network:
    """X^0 = x, X^i = f^i(X^(i-1); W^i), S = X^q, with all W^i in one vector.

    `theta` is the course's θ, contiguous; `parameters` maps each name, such as `"0.W"`, to its view of θ. `gradient`
    is a vector like θ, NaN until `backprop` fills it. `statistics` is what layers remember and no gradient moves, and
    `state` one vector of both, θ first: whoever keeps it can put the network back. `seed` draws the starting values;
    equal seeds give equal networks. `ties` are those of a `Chain`. `computed` is what `rewritings` make of the chain,
    with the same bits: `chainrule.registry.rewritings` has those of a distribution.

    A `Graph` of several inputs takes shapes and arrays by their names, and one of several outputs returns such.

    Raises:   ShapeError naming both layers when two do not fit; SettingError; SizeError when θ does not fit in memory.
    Source:   course, sections 2 (f(X; θ)) and 3.
    """

    theta = Vector("The course's θ: every parameter.")
    statistics = Vector("All that layers remember, in one vector; `remembered` has its views by name.")
    state = Vector("θ and after it the statistics: all that a training changes.")
    gradient = Vector("∂Obj/∂θ of the last `backprop`, NaN before the first.")

    def __init__(
        self,
        layers: Layer | Sequence[Layer],
        input_shape: int | Shape | Mapping[str, int | Shape],
        seed: int = 0,
        dtype: npt.DTypeLike = np.float32,
        *,
        ties: Mapping[str, str] | None = None,
        rewritings: Iterable[Rewriting] = (),
    ) -> None:
        self.chain = as_chain(layers, ties)
        self.ends = Ends(self.chain, input_shape)
        self.dtype = float_dtype(dtype)
        self.seed = integer("seed", seed, minimum=0)
        given = self.ends.shapes
        self.shapes = self.chain.shapes(*given)
        """The shapes of one sample on its way: those of the inputs first, then of each layer's output."""
        self.rewritings = tuple(rewritings)
        self.computed = rewritten(self.chain, self.rewritings, *given)
        """What is computed: the chain, or the same with some layers as one."""
        self._computed_shapes = self.computed.shapes(*given)
        self._largest = largest(self.chain, *given)
        shapes, remembered = self.chain.parameter_shapes(*given), self.chain.statistic_shapes(*given)
        self._parameter_shapes, self._state_shapes = shapes, {**shapes, **remembered}
        for name in shapes.keys() & remembered.keys():
            where = f"{name!r} is the name of a parameter and of a statistic: give it another one"
            raise DefinitionError(where, hint="files know both by name")
        self._gradient_is_written = False
        self.seen: Mapping[str, Array] = {}
        """What layers have seen in the last `backprop`."""
        size, kept = (sum(map(math.prod, named.values())) for named in (shapes, remembered))
        try:
            self._state = np.zeros(size + kept, self.dtype)
            self._gradient = np.full(size, np.nan, self.dtype)
        except (MemoryError, ValueError) as error:  # NumPy's ValueError is for more than any machine has
            needed, hint = (
                2 * size * self.dtype.itemsize,
                "chainrule.describe(layers, input_shape) counts without allocating",
            )
            raise SizeError(f"a network of {size:,} parameters", bytes_needed=needed, hint=hint) from error
        self._theta, self._statistics = self._state[:size], self._state[size:]
        self.slices = MappingProxyType(places_of(shapes))
        self.parameters = MappingProxyType(views_of(self._theta, shapes))
        self.remembered = MappingProxyType(views_of(self._statistics, remembered))
        wiring, full = self.chain.wiring, self.chain.wiring.untied(self.parameters)
        self._layer_parameters = self.computed.wiring.split(full)
        self._learns = tuple(map(bool, self._layer_parameters))
        self._slots = self.slots(self._gradient)
        self._start("start", "initialize", self.parameters, wiring.split(full), random_stream(self.seed, "start"))
        plain = isinstance(self.chain, Chain) and not remembered and not wiring.integers[0]
        self._plan = None
        if isinstance(self.chain, Chain):
            known = self.computed, self._layer_parameters, self._computed_shapes, self._learns
            self._plan = lru_cache(PLANS)(partial(Plan, *known))
        self._in_turn = tuple(zip(self.computed.members, self._layer_parameters, strict=True)) if plain else ()
        self._predicted: Shape = ()  # of x, whose way through the layers has been checked
        own = wiring.split(self.remembered)
        self._start("initial statistics", "initial_statistics", self.remembered, own)

    def _start(
        self, what: str, method: str, views: Mapping[str, Array], own: Sequence[Mapping[str, Array]], *rng: Any
    ) -> None:
        """Fill the views with what each layer begins with."""
        taken, wiring = self.chain.taken(self.shapes), self.chain.wiring
        for i, (layer, shapes, part) in enumerate(zip(self.layers, taken, own, strict=True)):
            where = f"{wiring.where(i, layer)}, {what}"
            started = getattr(layer, method)(*shapes, *rng).items()
            values = {name: real_array(f"{where} of {name!r}", value) for name, value in started}
            came = {name: value.shape for name, value in values.items()}
            declared = {name: view.shape for name, view in part.items()}
            if came != declared:
                raise ShapeError(f"{where} values", expected=declared, got=came)
            for name, value in values.items():
                full = f"{wiring.names[i]}.{name}"
                if full in views:  # else it is tied, and the start of its source wins
                    views[full][...] = value

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(Network, rewritings=self.rewritings) if self.rewritings else Network
        return make, (self.chain, self.input_shape, self.seed, self.dtype.str), self._state.copy()

    def __setstate__(self, state: Array) -> None:
        self.state = state

    @property
    def input_shape(self) -> Any:
        """The shape of one sample, or of each input by name."""
        return self.ends.input_shape

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first to last."""
        return self.chain.members

    @property
    def output_shape(self) -> Any:
        """The shape of one sample's scores, or of several by name."""
        return self.ends.scores.named([self.shapes[s] for s in self.chain.wiring.outputs])

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the parts of a vector like θ by parameter name, each in its parameter's shape, sharing memory."""
        return views_of(vector, self._parameter_shapes)

    def state_views(self, vector: Array) -> dict[str, Array]:
        """Return the parts of a vector like `state` by the names of parameters and of statistics, sharing memory."""
        return views_of(vector, self._state_shapes)

    def slots(self, vector: Array) -> Slots:
        """Return a vector like θ as what a backward sweep fills."""
        return Slots(self.computed.wiring, self.views(vector))

    def __repr__(self) -> str:
        layers = f"[{', '.join(map(repr, self.layers))}]" if isinstance(self.chain, Chain) else repr(self.chain)
        ties = f", ties={self.chain.ties}" if isinstance(self.chain, Chain) and self.chain.ties else ""
        return f"Network({layers}, {self.input_shape}, seed={self.seed}, dtype={self.dtype}{ties})"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def summary(self) -> Description:
        """Return the table of layers, output shapes, parameter counts and bytes."""
        return describe(self.chain, self.input_shape, self.dtype, self.rewritings)

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """Return a network of the same layers with a copy of θ and the statistics in another dtype."""
        twin = Network(self.chain, self.input_shape, self.seed, dtype, rewritings=self.rewritings)
        twin.state[...] = self.state
        return twin

    def predict(self, x: Any) -> Any:
        """Return the scores, shape (B, *output_shape); an empty batch has an empty result.

        x may be larger than memory: so many samples are taken at a time that the largest array between two layers has
        at most 8 MiB, and that many have the bits of `predict_at_once`. Scores of more differ from those of all at
        once by rounding, as BLAS adds in another order; the same x gives the same bits. Where it pays, several threads
        take such a part each; their number shows in no bit. A network that mixes samples takes all at once.

        Raises:   ShapeError, DataError for input of another shape or kind.
        """
        if type(x) is np.ndarray and x.shape == self._predicted and x.dtype is self.dtype:
            return self._predict_in_turn(x)
        x = rows_of("network input", x)
        self.ends.check(x)
        size = max(1, AT_ONCE // (self._largest * self.dtype.itemsize))
        if self.chain.mixes_samples or len(x) <= size:
            scores = self.predict_at_once(x)
            self._predicted = x.shape if self._in_turn and len(x) else ()
            return scores
        from .at_once import batches_that_pay  # slow to import, and most predictions are small
        from .threads import Pool

        given = (x[start : start + size] for start in range(0, len(x), size))
        with Pool(batches_that_pay(self, len(x), size)) as threads:
            parts = [*map(self.ends.scores.listed, threads.in_turn(self.predict_at_once, given))]
        return self.ends.scores.named([np.concatenate(part) for part in zip(*parts, strict=True)])

    def predict_at_once(self, x: Any, layers: Composed | None = None) -> Any:
        """Return the scores of one batch, however much memory that takes; `layers` may be those of a training step.

        Raises:   as `predict`.
        """
        inputs, wiring = self.ends.admit(x, self.dtype), self.chain.wiring
        if len(inputs[0]) == 0:
            return self.ends.scores.named([np.empty((0, *self.shapes[s]), self.dtype) for s in wiring.outputs])
        shapes = self._batched(len(inputs[0]))
        ends, _ = forward(layers or self.predicting(), inputs, self._layer_parameters, shapes)
        return self.ends.scores.named([self._unshared(y, inputs) for y in ends])

    def _predict_in_turn(self, x: Array) -> Array:
        """Return the scores of x, of a shape and dtype that have been predicted: there is nothing left to check."""
        y = x
        for layer, own in self._in_turn:
            y = layer.forward(y, **own)
        return y if y.base is None and y is not x else self._unshared(y, [x])

    def _unshared(self, y: Array, inputs: Sequence[Array]) -> Array:
        """Return y, or a copy where it is a view of what was given, or of θ."""
        return y.copy() if any(np.may_share_memory(y, given) for given in (*inputs, self._state)) else y

    def decide(self, x: Any, loss: Loss) -> Array:
        """Return the final output in the targets' alphabet (classes, for a loss of classes)."""
        return loss.decide(self.predict(x))

    def backprop(
        self,
        x: Any,
        targets: Any,
        loss: Loss,
        rng: np.random.Generator | None = None,
        *,
        layers: Composed | None = None,
    ) -> float:
        """Return Obj = Σ_j l(Net(x_j), y_j) / Σ_j w_j, and fill `gradient` with ∂Obj/∂θ.

        The weights w_j are the loss's, and 1 for most: then Obj is the mean over the batch; where nothing counts, it
        is 0. With `rng`, layers that train otherwise than they predict are realized first; without, they act as in
        prediction; `layers` may be those of a training step. θ is left as it is, and so are the statistics:
        `remember(network.seen)` moves them.
        Raises:   ShapeError, DataError, TargetError; DefinitionError when a layer writes no gradient of a parameter.
        """
        inputs = self.admit_batch(x)
        weight = total_weight(loss, targets, len(inputs[0])) or 1.0
        layers = layers or self.realized(rng)
        value, self.seen = self.backprop_shard(inputs, targets, loss, weight, layers, self._slots)
        return self.check_gradient(value / weight, self._slots)

    def backprop_shard(
        self, inputs: Sequence[Array], targets: Any, loss: Loss, weight: float, layers: Composed, slots: Slots
    ) -> tuple[float, Mapping[str, Array]]:
        """Return Σ_j l(Net(x_j), y_j) over some samples of a batch, and what layers have seen.

        `slots` are filled with 1/weight Σ_j ∂l_j/∂θ; the inputs are admitted and the layers realized.
        Raises:   as `backprop`.
        """
        B = len(inputs[0])
        if layers is self.computed and self._plan is not None:
            return self._plan(B).backprop(inputs[0], targets, loss, weight, slots), {}
        ends, jacobian = linearize(layers, inputs, self._layer_parameters, self._batched(B), self._learns)
        values, delta = loss.linearize(self.ends.scores.named(ends), targets)
        value = total(loss, values, B)
        jacobian.backward([d * (1.0 / weight) for d in self.ends.scores.listed(delta)], slots, to_input=False)
        return value, jacobian.seen if self.remembered else {}

    def _batched(self, B: int) -> list[Shape]:
        """Return the shapes of what is computed, with the batch axis."""
        return [(B, *shape) for shape in self._computed_shapes]

    def remember(self, seen: Mapping[str, Array]) -> None:
        """Move the statistics by what layers have seen in one training step."""
        if seen:
            for name, value in self.chain.remembered(self.remembered, seen).items():
                self.remembered[name][...] = value

    def check_gradient(self, mean: float, slots: Slots) -> float:
        """Return the mean loss; with the first finite one, refuse a layer that leaves out the gradient of a parameter.

        It would never be trained, without a word. Raises:   DefinitionError.
        """
        if self._gradient_is_written or not math.isfinite(mean):
            return mean
        for i, (layer, own) in enumerate(zip(self.computed.members, slots.parts, strict=True)):
            for name, view in own.items():
                if np.isnan(view).all():
                    where = f"{self.computed.wiring.where(i, layer)}, leaves the gradient of {name!r} unwritten"
                    hint = "its Jacobian needs a map of that name, whose vjp(delta, out) writes into out"
                    raise DefinitionError(where, hint=hint)
        self._gradient_is_written = True
        return mean

    def linearize(
        self, x: Any, rng: np.random.Generator | None = None, *, layers: Composed | None = None
    ) -> tuple[Any, Composition]:
        """Return the scores and the Jacobian of the whole network at x.

        `layers` may be those of a training step, or `as_written()`: then there is a Jacobian for each of `self.layers`.
        Raises:   ShapeError, DataError; an empty batch has no derivative.
        """
        layers = layers or self.realized(rng)
        inputs = self.admit_batch(x)
        if layers.wiring is self.computed.wiring:
            own, shapes = self._layer_parameters, self._computed_shapes
        else:
            own, shapes = layers.wiring.split(layers.wiring.untied(self.parameters)), self.shapes
        ends, jacobian = linearize(layers, inputs, own, [(len(inputs[0]), *shape) for shape in shapes])
        return self.ends.scores.named(ends), jacobian

    def realized(self, rng: np.random.Generator | None) -> Composed:
        """Return the layers of one training step; without `rng`, those that predict."""
        if rng is not None and self.computed.trains_otherwise:
            return self.computed.realize(rng)
        return self.predicting() if self.remembered else self.computed

    def predicting(self) -> Composed:
        """Return the layers that predict with the statistics as they are."""
        return self.computed.predicting(**self.remembered) if self.remembered else self.computed

    def as_written(self) -> Composed:
        """Return the layers that predict, each for itself, whatever is computed as one."""
        return self.chain.predicting(**self.remembered)

    def admit_batch(self, given: Any) -> list[Array]:
        """Return the inputs as `admit` does, as a list. Raises:   as `admit`; DataError for an empty batch."""
        inputs = self.ends.admit(given, self.dtype)
        if len(inputs[0]) == 0:
            raise DataError("network input", expected="at least one sample", got="an empty batch")
        return inputs

    def admit(self, given: Any) -> Any:
        """Return x as an array (B, *input_shape) of the network's dtype, or of integers for a layer that takes them.

        Of several inputs, arrays by name. Raises:   ShapeError for another shape, DataError for another kind of array.
        """
        return self.ends.inputs.named(self.ends.admit(given, self.dtype))
