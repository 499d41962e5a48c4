"""What layers share that take two or more inputs of one shape."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any

from chainrule import Layer, Shape, ShapeError


@dataclass(frozen=True)
class OfOneShape(Layer, ABC):
    """A layer of two or more inputs of one shape, which is that of y. Raises:   ShapeError."""

    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Shape:
        """Return the shape of each input."""
        name = type(self).__name__
        if not others:
            hint = f'give it two: ("y", {name}(), "x", "h") in a Graph'
            raise ShapeError(f"{name} inputs", expected="two or more", got="one", hint=hint)
        for i, shape in enumerate(others, 1):
            if shape != input_shape:
                hint = "all inputs have one shape: nothing is broadcast"
                raise ShapeError(f"{name} input {i}", expected=input_shape, got=shape, hint=hint)
        return input_shape
