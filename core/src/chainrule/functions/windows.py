"""Windows that walk along an axis: the index arithmetic of convolution and pooling, in any number of axes.

Letters:  n inputs along the axis; k the window's size, s its stride, d its dilation; p_before and p_after the padding.
          i counts the places of a window, its taps, and u the windows, both from 0.
Formula:  window u meets input u·s + i·d - p_before with its tap i; what lies outside 0 … n-1 is padding.
Source:   course, section 5; the corrected set is 2.1 of its inventory, where d = (k - 1)/2 is the kernel's half width,
          our i is its i + d, and errata E9, E11, E15 and E23 are mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..arrays import Shape
from ..errors import SettingError, ShapeError
from ..settings import axis_pair, plain_number

Four = tuple[int, int, int, int]


@dataclass(frozen=True)
class Walk:
    """A window's walk along one axis; `ceil` adds a last window that hangs over the end."""

    size: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """The inputs from a window's first tap to its last, (k - 1)·d + 1."""
        return (self.size - 1) * self.dilation + 1

    def count(self, n: int) -> int:
        """Return how many windows there are: ⌊(n + p_before + p_after - extent)/s⌋ + 1, and at least 0.

        With `ceil` the quotient is rounded up if that window begins on an input; the first one has to fit.
        """
        room = n + self.before + self.after - self.extent
        if room < 0:
            return 0
        hangs_over = self.ceil and room % self.stride > 0 and (room // self.stride + 1) * self.stride < n + self.before
        return room // self.stride + 1 + hangs_over

    def meet(self, tap: int, n: int) -> tuple[slice, slice]:
        """Return the windows whose `tap` lies on an input, and those inputs: the windows where it lies on padding are
        left out. Both slices are empty when there are none.
        """
        offset = tap * self.dilation - self.before
        first = max(-(offset // self.stride), 0)  # ⌈-offset / stride⌉
        end = min((n - 1 - offset) // self.stride + 1, self.count(n))
        if end <= first:
            return slice(0, 0), slice(0, 0)
        start = first * self.stride + offset
        return slice(first, end), slice(start, (end - 1) * self.stride + offset + 1, self.stride)

    def on_padded(self, tap: int, first: int, end: int) -> slice:
        """Return the places, counted from the padding's begin, that windows `first` … `end` - 1 meet with `tap`."""
        start = first * self.stride + tap * self.dilation
        return slice(start, start + (end - first - 1) * self.stride + 1, self.stride)

    def real(self, u: int, n: int) -> int:
        """Return how many taps of window u lie on inputs."""
        return sum(0 <= place < n for place in self._places(u))

    def padded(self, u: int, n: int) -> int:
        """Return how many taps of window u lie on inputs or on their padding: all, unless it hangs over the end."""
        return sum(place < n + self.after for place in self._places(u))

    def _places(self, u: int) -> Iterator[int]:
        return (u * self.stride + tap * self.dilation - self.before for tap in range(self.size))


def taps(walks: tuple[Walk, Walk], plane: Shape) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Yield, for each tap of a window in row-major order, the index of the windows (B, H', W', …) whose tap lies on an
    input, and that of the inputs (B, H, W, …) that it meets.
    """
    rows, columns = walks
    every = slice(None)
    for i in range(rows.size):
        for j in range(columns.size):
            (windows_i, inputs_i), (windows_j, inputs_j) = rows.meet(i, plane[0]), columns.meet(j, plane[1])
            yield (every, windows_i, windows_j), (every, inputs_i, inputs_j)


def padding_sides(name: str, value: Any) -> Four:
    """Return a padding as (top, bottom, left, right): n is all four, (n_h, n_w) is one for each axis.

    Raises:   SettingError when an entry is no int of at least 0, or there are not one, two or four.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(given) not in (1, 2, 4) or any(type(entry) is not int or entry < 0 for entry in given):
        expected = "ints of at least 0: n, (n_h, n_w) or (top, bottom, left, right)"
        raise SettingError(name, expected=expected, got=value, hint=plain_number(value))
    if len(given) == 4:
        return given
    vertical, horizontal = axis_pair(name, value, minimum=0)
    return vertical, vertical, horizontal, horizontal


def same_sides(n: int, walk: Walk) -> tuple[int, int]:
    """Return the padding of an axis that gives ⌈n/s⌉ windows; of an odd number the larger half comes after."""
    windows = -(-n // walk.stride)
    total = max((windows - 1) * walk.stride + walk.extent - n, 0)
    return total // 2, total - total // 2


def picture(where: str, input_shape: Shape) -> tuple[int, int, int]:
    """Return (H, W, C). Raises:   ShapeError when the input is no picture."""
    if len(input_shape) != 3:
        hint = "pictures are channels-last" + ("; gray ones have C = 1" if len(input_shape) == 2 else "")
        raise ShapeError(f"{where} input", expected=("H", "W", "C"), got=input_shape, hint=hint)
    H, W, C = input_shape
    return H, W, C


def count_windows(where: str, walks: tuple[Walk, Walk], input_shape: Shape) -> tuple[int, int]:
    """Return (H', W') for a picture (H, W, C).

    Raises:   ShapeError when it is no picture; when a window is larger than the padded picture, with both sizes; when
              it is (C, H, W), which 1 or 3 rows betray with as many columns as channels and a window of all the rows.
    """
    H, W, C = picture(where, input_shape)
    extents = tuple(walk.extent for walk in walks)
    if H in (1, 3) and W == C > 4 and extents[0] >= max(H, 2):
        hint = "it looks like (C, H, W): np.moveaxis(x, 1, -1) puts the channels last"
        raise ShapeError(f"{where} input", expected=("H", "W", "C"), got=input_shape, hint=hint)
    counts = walks[0].count(H), walks[1].count(W)
    if min(counts) < 1:
        padded = tuple(n + walk.before + walk.after for n, walk in zip((H, W), walks, strict=True))
        expected, hint = f"at least the window's {extents}", "enlarge the padding or take a smaller window"
        got = f"{padded}, padding included"
        raise ShapeError(f"{where} input {input_shape}", expected=expected, got=got, hint=hint)
    return counts
