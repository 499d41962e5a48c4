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


class Names:
    """The names of inputs or of outputs, in a composition's order; a user has one value where there is one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def listed(self, given: Any) -> list[Any]:
        """Return as a list what a user has."""
        return [given] if len(self.names) == 1 else [given[name] for name in self.names]

    def named(self, values: Sequence[Any]) -> Any:
        """Return a list as a user has it."""
        return values[0] if len(self.names) == 1 else dict(zip(self.names, values, strict=True))


class Ends:
    """The inputs and outputs of a composition, and what each input has to be.

    `shapes` are those of the inputs, in the composition's order, and `input_shape` is as a user writes it.
    Raises:   SettingError.
    """

    def __init__(self, chain: Chain | Graph, input_shape: Any) -> None:
        self.chain = chain
        self.names = names = chain.inputs if isinstance(chain, Graph) and len(chain.inputs) > 1 else ("x",)
        self.inputs, self.scores = Names(names), Names(chain.outputs if isinstance(chain, Graph) else ("scores",))
        self._several = several = len(names) > 1
        self._where = [f"network input {name!r}" for name in names] if several else ["network input"]
        given = {*input_shape} if isinstance(input_shape, Mapping) else None
        if given is not None and not several:
            hint = "the data are arrays by name: give one, or make inputs of them"
            raise SettingError("input_shape", expected="one shape, for one input", got=input_shape, recipe_hint=hint)
        if several and given != {*names}:
            expected = f"a shape for each of {', '.join(names)}, by name"
            hint = f"give data of these names: of an npz, x = {[*names]}".replace("'", '"')
            raise SettingError("input_shape", expected=expected, got=input_shape, recipe_hint=hint)
        where = [f"input_shape: {name}" for name in names] if several else ["input_shape"]
        self.shapes: list[Shape] = list(map(sample_shape, where, self.inputs.listed(input_shape)))
        self.input_shape: Any = self.inputs.named(self.shapes)
        self._real = None if several or chain.wiring.integers[0] else self.shapes[0]

    def admit(self, given: Any, dtype: np.dtype[Any]) -> list[Array]:
        """Return each input in the dtype, or integers where it has no derivative. Raises:   ShapeError, DataError."""
        if type(given) is np.ndarray and given.dtype == dtype and given.ndim and given.shape[1:] == self._real:
            return [given]
        if self._several:
            given = rows_of("network input", given)
        if self._several or isinstance(given, Named):
            self.check(given)
        found: list[Array] = []
        for i, own in enumerate(self.inputs.listed(given)):
            x = as_array(self._where[i], own)
            self._check_shape(i, x)
            integer = self.chain.wiring.integers[i]
            if integer and x.dtype.kind not in "iub":
                wiring = self.chain.wiring
                taker = next(at for at, sources in enumerate(wiring.sources) if i in sources)
                where = f"{self._where[i]} of {wiring.where(taker, self.chain.members[taker])}"
                hint = "it takes indices: x.astype(int)"
                other = "it takes indices: the integers of an npz or idx file, without data.scale"
                raise DataError(where, expected="integers", got=x.dtype, hint=hint, recipe_hint=other)
            found.append(x if integer or x.dtype == dtype else real_array(self._where[i], x).astype(dtype))
        return found

    def check(self, x: Any) -> None:
        """Refuse rows of other shapes, or by other names. Raises:   ShapeError, DataError."""
        came = [*x.arrays] if isinstance(x, Named) else None
        if came is not None and not self._several:
            as_array("network input", x.arrays)  # which refuses arrays by name
        if self._several and (came is None or {*came} != {*self.names}):
            expected, hint = f"the inputs {', '.join(self.names)}", "give arrays by name, {name: array}"
            raise DataError("network input", expected=expected, got=", ".join(came or ["one array"]), hint=hint)
        for i, own in enumerate(self.inputs.listed(x)):
            self._check_shape(i, own)

    def _check_shape(self, i: int, x: Any) -> None:
        came, expected = x.shape, self.shapes[i]
        if len(came) == 0 or came[1:] != expected:
            one = f"one sample is a batch of one: x[None], shape {show_shape((1, *came))}" if came == expected else None
            raise ShapeError(self._where[i], expected=("B", *expected), got=came, hint=one)
