"""A vector whose parts are views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..admission import real_array
from ..arrays import Array, Shape
from ..errors import ShapeError

if TYPE_CHECKING:
    from .network import Network


class Vector:
    """A vector that a network has. Assigning copies into it, so that whatever is a view of it remains one."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.place = name, f"_{name}"

    def __get__(self, network: Network | None, owner: type | None = None) -> Array:
        if network is None:
            return self  # type: ignore[return-value]  # it is the class that was asked, for the docstring
        vector: Array = getattr(network, self.place)
        return vector

    def __set__(self, network: Network, given: Any) -> None:
        vector, target = real_array(self.name, given), self.__get__(network)
        if vector.shape != target.shape:
            raise ShapeError(self.name, expected=target.shape, got=vector.shape)
        target[...] = vector


def places_of(shapes: Mapping[str, Shape]) -> dict[str, slice]:
    """Return where arrays of these shapes lie in one vector, in their order."""
    places, start = {}, 0
    for name, shape in shapes.items():
        places[name] = slice(start, start + math.prod(shape))
        start = places[name].stop
    return places


def views_of(vector: Array, shapes: Mapping[str, Shape]) -> dict[str, Array]:
    """Return the parts of a vector by name, each in its shape, sharing memory."""
    return {name: vector[place].reshape(shapes[name]) for name, place in places_of(shapes).items()}
