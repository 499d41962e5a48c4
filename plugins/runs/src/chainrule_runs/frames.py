"""Tables in memory, columns by name, as the rows that a reader would give of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import DataError, Dataset, SettingError
from chainrule.admission import as_array
from chainrule.frames import KINDS, Values, columns_of, is_frame, values_of
from chainrule.rows import Column, Raw


def rows_of_table(table: Any, roles: Mapping[str, str] | None, prepared: bool) -> Dataset:
    """Return a mapping of columns, a data frame or an array as rows of a set without targets.

    `roles` are those of the training's columns; in their order, others left out, columns are features. With `prepared`
    a preparation is to be applied, and the rows are `Raw`.
    Raises:   DataError for a column that is missing or of another kind; SettingError where no names are known.
    """
    features = {name: role for name, role in (roles or {}).items() if role in KINDS}
    if not (isinstance(table, Mapping) or is_frame(table)):
        x = as_array("x", table)
        if features and set(features.values()) != {"number"}:
            expected = f"columns by name, {', '.join([*features][:20])}"
            raise DataError("x", expected=expected, got="an array", hint="a mapping or a data frame has them")
        if features and prepared and x.shape[1:] != (len(features),):
            raise DataError("x", expected=f"{len(features)} columns, {', '.join([*features][:20])}", got=x.shape)
        return Dataset(Raw(x, None, tuple(Column(name) for name in features)) if prepared else x, None)
    if not features:
        hint = "give an array of the features, in their order"
        raise SettingError("x", expected="an array, as the run knows no columns by name", got=type(table), hint=hint)
    there = columns_of("x", table)
    missing = [name for name in features if name not in there]
    if missing:
        raise DataError(f"no column {missing[0]!r}", hint=f"the network takes {', '.join([*features][:20])}")
    readers = [Values(name, role) for name, role in features.items()]
    numbers = [reader.read(values_of(f"column {reader.name!r}", there[reader.name])) for reader in readers]
    if len({len(column) for column in numbers}) != 1:
        lengths = {name: len(column) for name, column in zip(features, numbers, strict=True)}
        raise DataError("x", expected="columns of one length", got=lengths)
    rows = np.stack(numbers, axis=1)
    columns = tuple(Column(reader.name, reader.words) for reader in readers)
    return Dataset(Raw(rows, None, columns) if prepared else rows, None)
