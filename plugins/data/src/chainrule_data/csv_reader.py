"""Tables of comma-separated values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path

from chainrule import DataError, Dataset, SettingError
from chainrule.errors import warn
from chainrule.frames import WORD

from .csv_blocks import fill, reads
from .csv_cells import find_words
from .csv_header import Columns, is_header, look_ahead
from .csv_lines import Format, Row, opened
from .csv_table import CSVTable, LateWordError
from .table_columns import Asked
from .table_preparation import TablePreparation
from .table_roles import Wishes


def read_csv(
    path: Path,
    target: str | int | None,
    header: bool | None = None,
    delimiter: str | None = None,
    classes: bool = False,
    decimal: str = ".",
    comment: str | None = None,
    columns: Sequence[str] | int | None = None,
    labelled: bool = True,
    standardize: bool | str = False,
    missing: str = "error",
    categories: Sequence[str] | str = (),
    unknown: str = "zeros",
    dates: Sequence[str] = (),
    booleans: Sequence[str] = (),
    drop: Sequence[str] = (),
    identifiers: Sequence[str] = (),
    weights: str | None = None,
    roles: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
) -> Dataset:
    """Read a table, one sample a line; `target` is the column of y, by name or by position from 0, None for no y.

    A target of whole numbers, 1 or 1.0, becomes integers, of other numbers float64, of words classes in alphabetical
    order; with `classes`, numbers are names of classes, too, in their own order. Every other column is a feature: x is
    (N, features), float64; that of a large table is memory-mapped. A first column without a name has the row labels
    of a data frame, whole numbers or words that all differ, and is left out with a warning.

    The delimiter is a tab in a file of .tsv or .tsv.gz, and a comma in any other, unless `delimiter` says it: " " is
    any run of spaces and tabs. Without `header`, the first line is one where words, and no numbers, stand above
    numbers. Lines that begin with `comment` are left out; a gzipped table is read as it is.

    Features are numbers, but for columns that are named: `categories` are words, "auto" all columns that have one;
    `dates` are those of ISO 8601, as days since 1970; `booleans` are 1 and 0. `drop` and `identifiers` are no features,
    and neither are columns that are not among `columns`, where these are named; `weights` is the column that says how
    often a sample counts, numbers from 0 on. With words, `standardize`, or `missing`
    cells that are none of an "error", x is `Raw`: `TablePreparation` has these settings and `unknown`.

    `columns` may be the features of an earlier table, in their order, or their number, and `roles` those of all its
    columns: a table with a header is taken by these names, one without by order, with a warning. What is not `labelled`
    may have its target or not, and y is None. `keep` are columns whose cells are given beside the samples, as they are.

    Raises:   SettingError; DataError with line and column for a cell that is no finite number, for a line of another
              length, an empty file, a column without a name that labels no rows, an unknown target or column, and a
              first line that may be names or a sample.
    """
    path = Path(path)
    if header is not None and not isinstance(header, bool):
        raise SettingError("header", expected="true or false", got=header)
    wishes = Wishes(categories, dates, booleans, drop, identifiers, weights)
    asked = Asked(target, classes, columns, labelled, wishes, roles, keep)
    preparation = TablePreparation(standardize, missing, unknown)
    if delimiter is None:
        delimiter = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else ","
    form = Format(delimiter, decimal, comment, fixed=asked.features is not None)
    with opened(path) as file:
        rows = form.rows(path, file)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}, line 1", expected="a table", got="an empty file")
        following = look_ahead(rows)
        form.check_delimiter(path, first, following)
        named = is_header(path, first, following, form, target, asked.features) if header is None else header
        cells = [cell.strip() for cell in first[1]]
        names = cells if named else [str(i) for i in range(len(cells))]
        found = asked.find(path, f"{path}, line {first[0]}", names, named)
        content = chain([] if named else [first], following, rows)
        words: dict[str, str | None] = {}
        if roles is None and wishes.automatic:  # what has no word in the first lines will have none, for the most part
            words = find_words(path, [*([] if named else [first]), *following], found, asked.said, form)
        make = partial(_read, path, found, form, preparation, asked)
        with suppress(LateWordError):
            return make(content, words, first[0] if named else 0, sure=roles is not None or not wishes.automatic)
    with opened(path) as file:
        words = find_words(path, islice(form.rows(path, file), int(named), None), found, asked.said, form)
    with opened(path) as file:
        return make(islice(form.rows(path, file), int(named), None), words, first[0] if named else 0, sure=True)


def _read(
    path: Path,
    columns: Columns,
    form: Format,
    preparation: TablePreparation,
    asked: Asked,
    rows: Iterable[Row],
    words: Mapping[str, str | None],
    header: int,
    sure: bool,
) -> Dataset:
    """Return the set of the rows after so many lines of header.

    Raises:   LateWordError, unless it is `sure` which columns have words; DataError.
    """
    said = {**asked.said, **dict.fromkeys(words, WORD)}
    with ExitStack() as stack:
        table = CSVTable(path, columns, said, form, preparation, asked, sure, stack)
        if reads(path, form):
            fill(table, path, header)
        else:
            for line, cells in rows:
                table.add(line, cells)
        for remark in filter(None, words.values()):
            warn(remark)
        return table.dataset()
