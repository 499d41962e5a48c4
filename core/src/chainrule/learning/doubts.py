"""What is wrong but legal in a training: each is said once, as a ChainruleWarning, and training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..admission import CHUNK
from ..arrays import Array
from ..errors import warn
from ..functions.compose import Chain
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..functions.network import Network
from ..rows import Named, by_name
from .history import History

SAMPLES, BYTES = 256, 1 << 19
"""How much of x is looked at, in rows that are spread over it."""
LARGE = 16.0
"""Root mean square of a feature, above which the usual learning rates are too high for it."""
APART = 100.0
"""Ratio of the largest feature to the smallest: two orders of magnitude."""
BUSY = 0.1
"""Share of its values that are not 0, from which a feature is not sparse."""
FEW, FEWER = 20, 10
"""Steps from which it says something that no class is learned, and that the loss has risen."""
RISE = 0.01
"""Share by which a loss rises that has not just stayed where it was."""


class Doubts:
    """Looks at a training before its first step and after its last one, at some samples spread over x.

    A run that is `resumed` was looked at when it began. `of_zeros` is the mean loss of scores that are all 0.
    """

    def __init__(self, network: Network, x: Any, targets: Any, loss: Loss, *, of_zeros: float, resumed: bool) -> None:
        self._network, self._targets, self._loss, self._of_zeros = network, targets, loss, of_zeros
        bytes_each = sum(np.asarray(array[:1]).nbytes for array in by_name(x).values())
        size = min(len(x), SAMPLES, BYTES // max(1, bytes_each) + 1)
        rows = np.unique(np.linspace(0, len(x) - 1, size, dtype=np.int64))
        self._sample = x[rows], None if targets is None else targets[rows]
        self._start: float | None = None
        if resumed:
            return
        self._start = self._measure()
        _of_the_last_layer(network, loss)
        sample = by_name(self._sample[0])
        for name, integer in zip(network.ends.names, network.chain.wiring.integers, strict=True):
            if not integer:
                _of_features(name, np.asarray(sample[name]))
        if targets is not None and not isinstance(targets, Named):
            _of_targets(targets)

    def _measure(self) -> float:
        x, targets = self._sample
        return float(np.mean(self._loss.value(self._network.predict(x), targets), dtype=np.float64))

    def of_the_end(self, history: History, steps: int) -> None:
        """Warn of a training that came to nothing."""
        if not history or steps < FEWER:
            return
        kept, end = (history.best or history[-1]).e_in, self._measure()
        if self._start is not None and end > self._start + RISE * abs(self._start) and kept.loss > self._of_zeros:
            warn(
                f"the loss of {len(self._sample[0])} samples of the training data rose from {self._start:.5g} to "
                f"{end:.5g}: the network has learned nothing; try a learning rate ten times smaller"
            )
            return
        if steps < FEW or kept.error is None or self._targets is None or isinstance(self._targets, Named):
            return
        base = _base_rate(self._targets)
        if base is not None and 0 < base <= kept.error + 1e-9:  # both are counts, divided and rounded
            warn(
                f"E_in ended at an error of {kept.error:.2%}, no better than the {base:.2%} of always deciding "
                "the most frequent class: the network has learned nothing; try another learning rate, or more epochs"
            )


def _of_the_last_layer(network: Network, loss: Loss) -> None:
    """Warn of a squashing that the loss does once more."""
    last = _last(network.layers)
    if loss.applies is not None and last.output_range is not None:
        low, high = last.output_range
        warn(
            f"the loss, {loss!r}, applies a {loss.applies} itself, and the last layer, {last!r}, has brought the "
            f"scores between {low:g} and {high:g} before it: leave that layer out"
        )


def _last(layers: Sequence[Layer]) -> Layer:
    """Return the last layer that is none of several, behind which there is only noise, such as dropout."""
    quiet = [layer for layer in layers if not layer.stochastic or isinstance(layer, Chain)]
    last = quiet[-1] if quiet else layers[-1]
    return _last(last.layers) if isinstance(last, Chain) else last


def _of_features(x: str, sample: Array) -> None:
    """Warn of features that differ by orders of magnitude, or are all too large.

    Features are the last axis. Constant ones and, among the small, sparse ones do not count.
    """
    if sample.dtype.kind not in "fiu" or sample.size == 0 or not np.isfinite(sample).all():
        return
    columns = sample.reshape(-1, sample.shape[-1] if sample.ndim > 1 else 1).astype(np.float64, copy=False)
    low, high = columns.min(axis=0), columns.max(axis=0)
    sizes = np.where(high > low, np.sqrt(np.einsum("ij,ij->j", columns, columns) / len(columns)), 0)
    busy = sizes * (np.count_nonzero(columns, axis=0) >= BUSY * len(columns))
    large, small = int(busy.argmax()), int(np.where(busy > 0, busy, np.inf).argmin())
    if busy[large] >= APART * busy[small] > 0:
        warn(
            f"features of {x} differ by orders of magnitude (column {large} is about {busy[large]:.2g} in size, column "
            f"{small} about {busy[small]:.2g}), so that no learning rate fits all: bring each column to mean 0 and "
            f"deviation 1, a recipe's table by standardize = true, in Python by ({x} - {x}.mean(0)) / {x}.std(0)"
        )
    elif sizes.max() > LARGE:
        largest = float(max(-low.min(), high.max()))
        if 200 < largest < 255 and (columns == columns.round()).all():
            largest = 255.0  # bytes, the last of which are not in the sample
        warn(
            f"{x} holds numbers up to {largest:g}, too large for the usual learning rates: bring them to about 1, by "
            f"data.scale = {1 / largest:.3g} in a recipe, by {x} / {largest:g} in Python"
        )


def _of_targets(targets: Any) -> None:
    """Warn of targets that are all the same."""
    first = np.asarray(targets[:1])
    if len(targets) == 1 or any((rows != first).any() for rows in _chunks(targets)):
        return
    value = f" {first.item()}" if first.size == 1 else ""
    warn(f"all {len(targets):,} targets are the same{value}: there is nothing to learn; look at the column of targets")


def _base_rate(targets: Any) -> float | None:
    """Return the share of all but the most frequent target; None where there are too many to be classes."""
    counts: dict[bytes, int] = {}
    for rows in _chunks(targets):
        flat = rows.reshape(-1) if rows.size == len(rows) else rows.reshape(len(rows), -1)
        distinct, repeats = np.unique(flat, axis=None if flat.ndim == 1 else 0, return_counts=True)
        for target, count in zip(distinct, repeats.tolist(), strict=True):
            counts[target.tobytes()] = counts.get(target.tobytes(), 0) + count
        if len(counts) > CHUNK // 1024:
            return None
    return 1 - max(counts.values()) / len(targets)


def _chunks(targets: Any) -> Any:
    """Yield the targets a part at a time, so that a memory-mapped file stays on disk."""
    step = max(1, CHUNK // max(1, np.asarray(targets[:1]).nbytes))
    for start in range(0, len(targets), step):
        yield np.asarray(targets[start : start + step])
