"""What enters a network and what leaves it: one array, or several by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..admission import as_array, real_array
from ..arrays import Array, Shape
from ..errors import DataError, SettingError, ShapeError, show_shape
from ..rows import Named, rows_of
from ..settings import sample_shape
from .compose import Chain
from .graph import Graph


class Ends:
    """The inputs and outputs of a composition; a user has one array where there is one, and arrays by name of several.

    `shapes` are those of the inputs, in the composition's order, and `input_shape` is as a user writes it.
    Raises:   SettingError.
    """

    def __init__(self, chain: Chain | Graph, input_shape: Any) -> None:
        self.chain = chain
        self.names = names = chain.inputs if isinstance(chain, Graph) and len(chain.inputs) > 1 else ("x",)
        self._inputs = names if len(names) > 1 else None
        self._outputs = chain.outputs if isinstance(chain, Graph) and len(chain.outputs) > 1 else None
        if self._inputs is None and not isinstance(input_shape, Mapping):
            self.input_shape: Any = sample_shape("input_shape", input_shape)
        elif self._inputs is None:
            hint = "the data are arrays by name: give one, or make inputs of them"
            raise SettingError("input_shape", expected="one shape, for one input", got=input_shape, recipe_hint=hint)
        elif not isinstance(input_shape, Mapping) or {*input_shape} != {*names}:
            expected = f"a shape for each of {', '.join(names)}, by name"
            hint = f"give data of these names: of an npz, x = {[*names]}".replace("'", '"')
            raise SettingError("input_shape", expected=expected, got=input_shape, recipe_hint=hint)
        else:
            self.input_shape = {name: sample_shape(f"input_shape: {name}", input_shape[name]) for name in names}
        self.shapes: list[Shape] = self.inputs(self.input_shape)

    def inputs(self, given: Any) -> list[Any]:
        """Return what there is of each input, in their order."""
        return [given] if self._inputs is None else [given[name] for name in self._inputs]

    def scores(self, given: Any) -> list[Any]:
        """Return what there is of each output, in their order."""
        return [given] if self._outputs is None else [given[name] for name in self._outputs]

    def by_input(self, values: Any) -> Any:
        """Return what a composition has returned, one for each input, by name where there are several."""
        return values if self._inputs is None else dict(zip(self._inputs, values, strict=True))

    def scores_of(self, values: Any) -> list[Any]:
        """Return what a composition has returned, one for each output, as a list."""
        return [values] if self._outputs is None else [*values]

    def outputs(self, ends: Sequence[Any]) -> Any:
        """Return the one output, or several by name."""
        return ends[0] if self._outputs is None else dict(zip(self._outputs, ends, strict=True))

    def admit(self, given: Any, dtype: np.dtype[Any]) -> Any:
        """Return x in the dtype, or as integers where it has no derivative. Raises:   ShapeError, DataError."""
        if self._inputs is None:
            return self._admit("network input", as_array("network input", _alone(given)), 0, dtype)
        given = rows_of("network input", given)
        self.check(given)
        named = [(f"network input {name!r}", name) for name in self._inputs]
        return {name: self._admit(what, as_array(what, given[name]), i, dtype) for i, (what, name) in enumerate(named)}

    def _admit(self, what: str, x: Array, i: int, dtype: np.dtype[Any]) -> Array:
        _check_shape(what, x.shape, self.shapes[i])
        if not self.chain.wiring.integers[i]:
            return x if x.dtype == dtype else real_array(what, x).astype(dtype)
        if x.dtype.kind not in "iub":
            taker = next(at for at, sources in enumerate(self.chain.wiring.sources) if i in sources)
            raise DataError(
                f"{what} of {self.chain.wiring.where(taker, self.chain.members[taker])}",
                expected="integers",
                got=x.dtype,
                hint="it takes indices: x.astype(int)",
                recipe_hint="it takes indices: the integers of an npz or idx file, without data.scale",
            )
        return x

    def check(self, x: Any) -> None:
        """Refuse rows of other shapes, or by other names. Raises:   ShapeError, DataError."""
        if self._inputs is None:
            alone = x if x is _alone(x) else as_array("network input", _alone(x))  # which refuses arrays by name
            _check_shape("network input", alone.shape, self.shapes[0])
        elif not isinstance(x, Named) or {*x.arrays} != {*self._inputs}:
            names = ", ".join(x.arrays) if isinstance(x, Named) else "one array"
            hint = "give arrays by name, {name: array}"
            raise DataError("network input", expected=f"the inputs {', '.join(self._inputs)}", got=names, hint=hint)
        else:
            for name, shape in zip(self._inputs, self.shapes, strict=True):
                _check_shape(f"network input {name!r}", x[name].shape, shape)


def _alone(given: Any) -> Any:
    """Return what stands for one array; of arrays by name, what the user gave."""
    return given.arrays if isinstance(given, Named) else given


def _check_shape(what: str, came: Shape, expected: Shape) -> None:
    if len(came) == 0 or came[1:] != expected:
        hint = f"one sample is a batch of one: x[None], shape {show_shape((1, *came))}" if came == expected else None
        raise ShapeError(what, expected=("B", *expected), got=came, hint=hint)
