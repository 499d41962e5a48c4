"""Columns of Parquet and Arrow that are no plain numbers: what the same table is as csv."""

from datetime import date

import numpy as np
import pytest

import chainrule
from chainrule.frames import KINDS
from chainrule_data import read_csv, typed_tables

pytest.importorskip("pyarrow.csv")

from pyarrow import csv

from .test_arrow import READERS, form as form, pa, read as read, save

PEOPLE = {
    "id": [7, 8, 9],
    "age": [31.5, None, 20],
    "colour": pa.array(["red", None, "blue"]).dictionary_encode(),
    "town": ["Bern", "Rome", "Bern"],
    "smoker": [True, None, False],
    "born": [date(1970, 1, 2), date(2024, 2, 29), None],
    "seen": ["1970-01-03", "1970-01-02T12:00", ""],
    "often": [1, 0, 2.5],
    "kind": ["b", "a", "b"],
}
SAID = {"categories": ["town"], "dates": ["seen"], "identifiers": ["id"], "weights": "often", "missing": "mean"}


def test_words_dates_booleans_and_roles_are_those_of_a_csv_table(read, tmp_path):
    data = read(PEOPLE, **SAID, keep=["id", "age"])
    table = pa.table({**PEOPLE, "colour": ["red", None, "blue"]})
    csv.write_csv(table, tmp_path / "table.csv")
    same = read_csv(
        tmp_path / "table.csv", "kind", **{**SAID, "categories": ["town", "colour"], "dates": ["seen", "born"]},
        booleans=["smoker"], keep=["id", "age"],
    )  # fmt: skip
    np.testing.assert_array_equal(data.x.array, same.x.array)
    assert data.x.columns == same.x.columns
    assert (data.x.preparation, data.roles, data.kept) == (same.x.preparation, same.roles, same.kept)
    assert data.weights.tolist() == same.weights.tolist() == [1, 0, 2.5]
    assert data.roles["often"] == "weight"
    assert "often" not in [column.name for column in data.x.columns]


def test_auto_takes_all_words_for_kinds(read):
    data = read({"a": [1, 2], "b": ["x", "y"], "c": ["u", None]}, None, categories="auto")
    assert [column.words for column in data.x.columns] == [None, ("x", "y"), ("u", "")]


def test_words_have_one_code_in_all_parts(form, tmp_path, monkeypatch):
    monkeypatch.setattr(typed_tables, "ROWS", 3)
    monkeypatch.setattr(typed_tables, "IN_MEMORY", 4)
    words = [f"k{i * i % 7}" for i in range(20)]
    path = save(tmp_path / f"table.{form}", {"a": range(20), "b": pa.array(words).dictionary_encode()})
    data = READERS[form](path, None)
    assert isinstance(data.x.array, np.memmap)
    assert [data.x.columns[1].words[int(code)] for code in data.x.array[:, 1]] == words


def test_a_set_is_prepared_and_roles_find_the_columns_of_another_table(form, tmp_path):
    path = save(tmp_path / f"table.{form}", PEOPLE)
    data = chainrule.dataset(form, path=path, target="kind", standardize=True, split="none", **SAID)
    assert data.columns[:4] == ("age", "colour=", "colour=blue", "colour=red")
    assert data.weights.tolist() == [1, 0, 2.5]
    later = {name: PEOPLE[name] for name in ("born", "seen", "town", "smoker", "colour", "age")}
    again = READERS[form](
        save(tmp_path / f"later.{form}", later), "kind", roles=data.roles, labelled=False, missing="mean"
    )
    assert [column.name for column in again.x.columns] == [n for n, r in data.roles.items() if r in KINDS]
    assert again.weights is None
