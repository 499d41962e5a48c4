"""What a regression predicts, against what was true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array, DataError, Loss, Network, SettingError, ShapeError
from chainrule.admission import real_array
from chainrule.evaluation import EVALUATION_BATCH
from chainrule.learning.standardized import decides_numbers
from chainrule.recipe import targets_for
from chainrule.rows import indexable

from .canvas import style
from .curves import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS, PER_ROW = 9, 3
"""Targets that are drawn at most, side by side."""


def numbers(network: Network, loss: Loss, x: Any, y: Any) -> tuple[Array, Array]:
    """Return true and predicted numbers of samples in the targets' own unit, (N, m) each.

    Raises:   SettingError for a loss that decides for anything but numbers; DataError without targets.
    """
    x = indexable(x, "x")
    if y is None:
        raise DataError("targets", expected="a number for each sample", got="none")
    targets = targets_for(network, loss, y)
    if not decides_numbers(network, loss, targets):
        raise SettingError("loss", expected="one whose decisions are numbers, as the targets are", got=loss)
    starts = range(0, len(x), EVALUATION_BATCH)
    predicted = np.concatenate([loss.decide(network.predict(x[i : i + EVALUATION_BATCH])) for i in starts])
    return np.asarray(targets).reshape(len(x), -1), predicted.reshape(len(x), -1)


@style()
def draw_predicted(
    true: Array, predicted: Array, *, names: Sequence[str] | None = None, title: str = "Predicted against true"
) -> Figure:
    """Draw a point for each sample: what is true to the right, what is predicted upwards; on the line they are equal.

    Shapes:   (N,) or (N, m), of m targets the first nine have a panel each; `names` are theirs.
    Raises:   ShapeError unless both have one shape; DataError for what are no real numbers, or none.
    """
    from .picture import Picture

    true, predicted = (real_array(what, given) for what, given in (("true", true), ("predicted", predicted)))
    if true.shape != predicted.shape:
        raise ShapeError("predicted", expected=true.shape, got=predicted.shape, hint="one for each true number")
    if not true.size:
        raise DataError("true", expected="a number or more", got="none")
    true, predicted = true.reshape(len(true), -1), predicted.reshape(len(true), -1)
    shown = min(true.shape[1], PANELS)
    across = min(shown, PER_ROW)
    down = -(-shown // across)
    figure = Picture(figsize=(1.0 + 4.2 * across, 0.6 + 4.2 * down), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for i, axes in enumerate(figure.subplots(down, across, squeeze=False).flat):
        if i >= shown:
            axes.set_axis_off()
            continue
        y, decided = true[:, i], predicted[:, i]
        low, high = min(y.min(), decided.min()), max(y.max(), decided.max())
        axes.plot([low, high], [low, high], color="0.4", linewidth=1, linestyle="--")
        axes.plot(y, decided, "o", markersize=3, alpha=0.6, markeredgewidth=0, color=COLOURS[0], rasterized=True)
        axes.set_aspect("equal", adjustable="datalim")
        name = names[i] if names is not None else f"target {i}" if shown > 1 else None
        squares, about = ((y - decided) ** 2).sum(), ((y - y.mean()) ** 2).sum()
        share = f"R² {1 - squares / about:.3f}, " if about else ""
        axes.set_title(f"{name}\n" * (name is not None) + f"{share}RMSE {np.sqrt(squares / len(y)):.4g}")
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
    return figure
