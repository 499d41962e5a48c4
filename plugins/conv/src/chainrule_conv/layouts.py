"""What a layout of the direct method's matrix X̂ has to offer, and in what its cost is counted.

What is copied and added should lie in long runs, and a product should have many columns. `Stretches` keeps the channels
last, as the pictures have them; `Planes` takes a picture of few channels apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from chainrule import Array

LEAST = 8
"""A product with fewer columns takes as long as with so many."""
GATHERED, SCATTERED = 18, 45
"""To gather a number of X̂, or to add one up, takes as long as so many products."""
RUN, RUN_SCATTERED = 300, 950
"""To begin a run of numbers to be gathered, or added up, takes so long, too."""
MADE = 36
"""To write a row of K into K̂ does so, where a batch has eight samples."""


class Block(NamedTuple):
    """Some samples, and some rows of their windows."""

    samples: slice
    rows: slice


class Layout(Protocol):
    """X̂ of the blocks of a padded picture, its transpose, and K̂."""

    @property
    def width(self) -> int:
        """The windows of a row of X̂."""

    def cost(self, channels: int, filters: int, *, scattered: bool = False) -> float:
        """Return what a row of windows and of taps takes of a sample, counted in products."""

    def numbers(self, channels: int) -> int:
        """Return how many numbers a row of X̂ has."""

    def room(self, samples: int, channels: int, dtype: Any) -> Array:
        """Return zeros as `pad` lays pictures out."""

    def pad(self, x: Array) -> Array:
        """Return x, (B, H, W, C), surrounded by zeros, as the layout has it."""

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded, (B, H, W, C)."""

    def gather(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""

    def scatter(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂ = δ K̂ᵀ of a block to the inputs that its windows met."""

    def signal(self, delta: Array) -> Array:
        """Return δ of a block as a matrix."""

    def write(self, columns: Array, matrix: Array, y: Array) -> None:
        """Overwrite y of a block with X̂ K̂."""

    def matrix(self, K: Array) -> Array:
        """Return K̂."""

    def kernel(self, matrix: Array, dK: Array) -> None:
        """Overwrite dK with its part in a matrix like K̂."""
