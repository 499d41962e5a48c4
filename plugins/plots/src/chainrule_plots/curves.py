"""Loss and error over the epochs of one run or of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array, DataError, EpochRecord

from .canvas import characters, shorten, style, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#000000", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
"""Of Okabe and Ito (2008), Color universal design; neighbours differ in lightness, too."""
MARKERS = "os^DvPX*"
DASHES = {"E_in": "--", "E_val": ":", "E_out": "-"}
DATA = {"E_in": "training data", "E_val": "validation data", "E_out": "test data"}
OF_ONE_RUN = {"E_in": COLOURS[1], "E_val": COLOURS[3], "E_out": COLOURS[0]}
NAME = 48
Histories = Mapping[str, Sequence[EpochRecord]]


@style()
def draw_history(histories: Histories) -> Figure:
    """Draw loss and error over epochs, E_in dashed, E_val dotted, E_out solid; runs differ in colour and marker.

    `histories` maps the name of each run to its epochs, a `chainrule.History` or what `read_history` returns. The loss
    is on a logarithmic scale where it spans more than a decade; errors are drawn where any run has them.

    Raises:   DataError for runs without names, without runs, or for a run without epochs.
    """
    from .picture import Picture

    if not isinstance(histories, Mapping):
        got, hint = f"a {type(histories).__name__}", 'draw_history({"run": history})'
        raise DataError("histories", expected="the runs by name", got=got, hint=hint)
    if not histories:
        raise DataError("history", expected="at least one run", got="none")
    for name, history in histories.items():
        if not len(history):
            raise DataError(f"history of {name}", expected="at least one epoch", got="none", hint="none was finished")
    quantities = ["loss"] + ["error"] * any(_series(h, "error", which) for h in histories.values() for which in DASHES)
    figure = Picture(figsize=(1.2 + 4.4 * len(quantities), 4.4), layout="constrained")
    figure.suptitle(_title(histories, quantities), fontsize=11)
    panels = np.atleast_1d(figure.subplots(1, len(quantities)))
    for axes, quantity in zip(panels, quantities, strict=True):
        _panel(axes, quantity, histories)
    handles, labels = _legend(histories)
    columns = max(1, characters(figure.get_figwidth(), 9) // (max(map(len, labels)) + 8))
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)), frameon=False)
    return figure


def _panel(axes: Axes, quantity: str, histories: Histories) -> None:
    seen, alone = [], len(histories) == 1
    for i, (name, history) in enumerate(histories.items()):
        for which in DASHES:
            series = _series(history, quantity, which)
            if not series:
                continue
            epochs, values = np.array([e for e, _ in series]), np.array([v for _, v in series])
            axes.plot(epochs, values, label=f"{name}, {which}", **_look(i, which, alone, len(series)))
            seen.append(values)
    values = np.concatenate(seen)
    axes.set_xlabel("epoch")
    whole_ticks(axes.xaxis, 8)
    title = quantity.capitalize()
    if quantity == "error":
        axes.set_ylabel("error (% of samples)")
        axes.set_ylim(0, 1.05 * float(np.nanmax(values)) or 1)
    else:
        axes.set_ylabel("loss (mean per sample)")
        if _spans_a_decade(values):
            _logarithmic(axes, values)
            title += ", logarithmic scale"
    if alone:
        title += f"\n{_last(next(iter(histories.values())), quantity)}"
    axes.set_title(title)


def _series(history: Sequence[EpochRecord], quantity: str, which: str) -> list[tuple[int, float]]:
    """Return (epoch, value) where there is one: errors in percent, NaN for what is not finite."""
    series = []
    for record in history:
        evaluation = record.evaluations.get(which)
        value = None if evaluation is None else getattr(evaluation, quantity)
        if value is not None:
            scaled = 100 * value if quantity == "error" else value
            series.append((record.epoch, scaled if np.isfinite(scaled) else np.nan))
    return series


def _look(i: int, which: str, alone: bool, points: int) -> dict[str, Any]:
    """Return how a line looks: one run has a colour for each of its lines, several have one each."""
    look: dict[str, Any] = {"linestyle": DASHES[which], "linewidth": 1.6 if which == "E_out" else 1.2, "markersize": 4}
    if alone:
        look["color"] = OF_ONE_RUN[which]
        return look | {"marker": "." if points < 12 else ""}
    every = (0.02 * (i % 4), 0.1)  # by distance on the page, so that long runs and short ones have as many
    return look | {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "markevery": every if points > 1 else 1,
    }


def _legend(histories: Histories) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    alone = len(histories) == 1
    whiches = [which for which in DASHES if any(_series(h, "loss", which) for h in histories.values())]
    handles, labels = [], []
    if not alone:
        for i, name in enumerate(histories):
            handles.append(Line2D([], [], **_look(i, "E_out", alone, 1)))
            labels.append(" " * name.startswith("_") + shorten(name, NAME))  # older matplotlibs hide labels with _
    for which in whiches:
        look = _look(0, which, True, 99)
        handles.append(Line2D([], [], **(look if alone else look | {"color": "0.4"})))
        labels.append(f"{which}, {DATA[which]}")
    return handles, labels


def _title(histories: Histories, quantities: list[str]) -> str:
    what = " and ".join(quantities)
    if len(histories) > 1:
        return f"{what.capitalize()} of {len(histories)} runs"
    ((name, history),) = histories.items()
    return f"{shorten(name, NAME)}: {what} of {len(history)} epoch{'s' * (len(history) != 1)}"


def _last(history: Sequence[EpochRecord], quantity: str) -> str:
    """Return the last values of a run."""
    last = {which: _series(history[-1:], quantity, which) for which in DASHES}
    shown = [
        f"{which} {values[0][1]:.2f} %" if quantity == "error" else f"{which} {values[0][1]:.4g}"
        for which, values in last.items()
        if values
    ]
    return f"epoch {history[-1].epoch}: {', '.join(shown)}"


def _spans_a_decade(values: Array) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() > 10 * finite.min())


def _logarithmic(axes: Axes, values: Array) -> None:
    """Use a logarithmic scale whose ticks are plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = np.log10(np.nanmax(values) / np.nanmin(values))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=10))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
