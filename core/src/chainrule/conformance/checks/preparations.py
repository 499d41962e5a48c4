"""What a preparation learns, and what it makes of rows with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from ...errors import DataError
from ..blame import without_addresses
from ..compare import agree, entry, relative, same_bits
from ..outcomes import CaseError, Failure
from ..preparation_probes import SIZE, PreparationProbe, applied, fitted
from ..rules import A_PREPARATION, REFERENCE, Trait, rule

COLUMNS = Trait("a preparation of columns by name", lambda case: bool(case.columns))
REFUSED = Trait("a case with rows that are to be refused", lambda case: len(case.refused) > 0)
CUTS = ((1,), (SIZE // 2,), (SIZE - 1,), (2, 3, 9), tuple(range(1, SIZE)))
"""Where rows are cut into parts."""


@rule("preparation.runs", A_PREPARATION, since="2.2")
def runs(probe: PreparationProbe) -> None:
    """It learns from rows, and makes of each row one sample of finite numbers.

    A NaN in a sample ends a training run.
    """
    point = probe.point()
    learned = fitted(probe.preparation, [point.x], point.columns)
    for count in (SIZE, 1, 2):
        made = applied(learned, point.x[:count], point.columns)
        if type(made) is not np.ndarray or made.dtype.kind not in "fiu" or len(made) != count:
            shown = f"{made.dtype} {made.shape}" if isinstance(made, np.ndarray) else type(made).__name__
            raise Failure(f"apply of {count} rows is {shown}, expected {count} samples of numbers")
        if not np.isfinite(made).all():
            raise Failure(
                f"apply of {count} rows that were learned from has {int((~np.isfinite(made)).sum())} not finite"
            )


@rule("preparation.parts", A_PREPARATION, needs=["preparation.runs"], since="2.2")
def parts(probe: PreparationProbe) -> None:
    """What learned from parts and was merged makes the samples of what learned from all at once, but for rounding.

    A set may be larger than memory, or lie on several machines: it is learned from in parts.
    """
    point = probe.point()
    whole = applied(fitted(probe.preparation, [point.x], point.columns), point.others, point.columns)
    for cuts in CUTS:
        learned = fitted(probe.preparation, np.split(point.x, cuts), point.columns)
        agree(
            applied(learned, point.others, point.columns),
            whole,
            relative(whole, 1e-9, floor=1.0),
            label=entry("samples"),
            got_is=f"of {len(cuts) + 1} parts, merged,",
            expected_is="of all rows at once",
        )


@rule("preparation.apart", A_PREPARATION, needs=["preparation.runs"], since="2.2")
def apart(probe: PreparationProbe) -> None:
    """A sample is made of its row alone, to the last bit, whatever rows are beside it.

    Rows are read batch by batch, and a prediction must not depend on its neighbours.
    """
    point = probe.point(7)
    learned = fitted(probe.preparation, [point.x], point.columns)
    whole = applied(learned, point.others, point.columns)
    order = probe.rng.permutation(7)
    for what, rows in (("alone", [[i] for i in range(7)]), ("in another order", [order])):
        for chosen in rows:
            same_bits(
                applied(learned, point.others[chosen], point.columns),
                whole[chosen],
                label=entry("samples"),
                got_is=f"of rows {list(map(int, chosen))} {what}",
                expected_is="of all rows",
            )


@rule("preparation.arguments", A_PREPARATION, needs=["preparation.files"], since="2.2")
def arguments(probe: PreparationProbe) -> None:
    """Rows are left as they were, and so is what fit and merge are called on: they return other objects.

    A run and its test part share what was learned; a second training begins with settings alone.
    """
    point = probe.point()
    first, other = point.x.copy(), point.others.copy()
    halves = [probe.preparation.fit(part, point.columns) for part in np.split(point.x, 2)]
    before = [json.dumps(half.state) for half in halves]
    applied(halves[0].merge(halves[1]).finish(), point.others, point.columns)
    for rows, kept, call in ((point.x, first, "fit"), (point.others, other, "apply")):
        same_bits(rows, kept, label=entry("rows"), got_is=f"after {call}", expected_is="before")
    if probe.preparation.state is not None:
        raise Failure("fit has given its own object a state; return replace(self, state=…)")
    for half, kept_state in zip(halves, before, strict=True):
        if json.dumps(half.state) != kept_state:
            raise Failure("merge changed the state of a part; make a new one")


@rule("preparation.files", A_PREPARATION, needs=["preparation.runs"], since="2.2")
def files(probe: PreparationProbe) -> None:
    """What was learned is its state alone, and is JSON: after a file, samples have the same bits.

    A run is used in another process, years later.
    """
    point = probe.point()
    learned = fitted(probe.preparation, [point.x], point.columns)
    try:
        state = json.loads(json.dumps(learned.state, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise Failure(f"the state is no JSON: {without_addresses(str(error))}") from error
    if state != learned.state:
        raise Failure(
            f"the state is {learned.state!r}, and {state!r} after a file: use lists and names that are strings"
        )
    if state is None:
        raise Failure("the state is None after fit: that says that nothing was learned")
    again = replace(probe.preparation, state=state)
    same_bits(
        applied(again, point.others.copy(), point.columns),
        applied(learned, point.others.copy(), point.columns),
        label=entry("samples"),
        got_is="after a file",
        expected_is="before",
        hint="it remembers something outside of the state",
    )


@rule("preparation.columns", A_PREPARATION, COLUMNS, needs=["preparation.runs"], since="2.2")
def columns(probe: PreparationProbe) -> None:
    """Columns are found by their names, and words by what they are, whatever their order in the next file.

    The next file has its columns in another order, and codes its words as they come.
    """
    point = probe.point()
    learned = fitted(probe.preparation, [point.x], point.columns)
    expected = applied(learned, point.others, point.columns)
    order = [*range(len(point.columns))[::-1]]
    rows, turned = point.others[:, order].copy(), []
    for place, i in enumerate(order):
        words = point.columns[i].words
        if words is not None:
            rows[:, place] = len(words) - 1 - rows[:, place]
        turned.append(point.columns[i]._replace(words=None if words is None else words[::-1]))
    same_bits(
        applied(learned, rows, tuple(turned)),
        expected,
        label=entry("samples"),
        got_is="of columns and words in another order",
        expected_is="in that of the training",
    )
    names = learned.names(tuple(column.name for column in point.columns))
    if names is None or len(names) != expected.reshape(len(expected), -1).shape[1]:
        raise Failure(f"names returned {names}, of samples of shape {expected.shape[1:]}")


@rule("preparation.refuses", A_PREPARATION, REFUSED, needs=["preparation.runs"], since="2.2")
def refuses(probe: PreparationProbe) -> None:
    """Rows that it cannot take are refused with a DataError, in fit and in apply.

    What cannot be made a sample must not become a wrong one.
    """
    point = probe.point()
    learned = fitted(probe.preparation, [point.x], point.columns)
    for i, given in enumerate(probe.case.refused):
        rows = np.array(given, np.float64)
        if rows.shape[1:] != point.x.shape[1:]:
            raise CaseError(f"refused[{i}] of the case has rows of {rows.shape[1:]}, rows(rng, B) {point.x.shape[1:]}")
        for call in ("fit", "apply"):
            try:
                getattr(learned if call == "apply" else probe.preparation, call)(rows, point.columns)
            except DataError:
                continue
            except Exception as error:
                text = without_addresses(str(error))
                raise Failure(f"{call} of refused[{i}] raised {type(error).__name__}: {text}; DataError is") from error
            raise Failure(f"{call} takes refused[{i}]; expected a DataError")


@rule("preparation.reference", A_PREPARATION, REFERENCE, needs=["preparation.runs"], since="2.2")
def reference(probe: PreparationProbe) -> None:
    """The samples are those of the case's independent reference, to 1e-9.

    A wrong mean trains, only worse.
    """
    point = probe.point()
    try:
        expected = np.array(probe.case.reference(point.x.copy(), point.others.copy()), np.float64)
    except Exception as error:
        raise CaseError(f"the reference of the case raised {type(error).__name__}: {error}") from error
    agree(
        applied(fitted(probe.preparation, [point.x], point.columns), point.others, point.columns),
        expected,
        relative(expected, 1e-9, floor=1.0),
        label=entry("samples"),
        got_is="the preparation's",
        expected_is="the reference's",
    )
