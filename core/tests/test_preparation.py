"""What is learned from the training part, and applied to every part, by a preparation of a third party."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import chainrule.data
from chainrule import ChainruleWarning, DataError, Dataset, Preparation, SettingError, registry
from chainrule.data import prepare
from chainrule.learning import preparation as home
from chainrule.recipe_tables import build_preparation, preparation_table
from chainrule.registry import Entry, Registry
from chainrule.rows import Column, Raw


@dataclass(frozen=True)
class Above(Preparation):
    """Rows less the smallest number that training had, of each column; rows with a NaN teach nothing."""

    twice: bool = False

    def fit(self, rows, columns):
        assert not np.isnan(rows).any()
        return replace(self, state={"low": rows.min(axis=0).tolist(), "calls": [len(rows)]})

    def merge(self, later):
        low = np.minimum(self.state["low"], later.state["low"]).tolist()
        return replace(self, state={"low": low, "calls": self.state["calls"] + later.state["calls"]})

    def apply(self, rows, columns):
        made = np.nan_to_num(rows - np.array(self.state["low"]))
        return np.concatenate([made, made], axis=1) if self.twice else made

    def teaches(self, rows, columns):
        keep = ~np.isnan(rows).any(axis=1)
        return None if keep.all() else keep

    def remarks(self, rows, columns):
        count = int((rows < np.array(self.state["low"])).sum())
        return {"numbers below those of training": count} if count else {}

    def names(self, columns):
        return columns and (*columns, *(f"{name} again" for name in columns)) if self.twice else columns


X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10) % 2


def raw(x=X, y=Y, **settings):
    return Dataset(Raw(x, Above(**settings), (Column("a"), Column("b"))), y, columns=("a", "b"))


@pytest.mark.filterwarnings("ignore:numbers below")
@pytest.mark.parametrize("split", ["stratified", "random", "ordered"])
def test_the_training_part_alone_is_learned_from(split):
    data = prepare(raw(), split=split)
    plain = prepare(Dataset(X, Y), split=split)
    low = plain.x.min(axis=0)
    np.testing.assert_array_equal(data.x, plain.x - low)
    np.testing.assert_array_equal(data.x_test, plain.x_test - low)
    np.testing.assert_array_equal(data.y, plain.y)
    np.testing.assert_array_equal(data.y_test, plain.y_test)
    assert data.preparation.state["low"] == low.tolist()
    assert (data.columns, isinstance(data.x, np.ndarray)) == (("a", "b"), True)


def test_a_data_set_is_learned_from_chunk_by_chunk_in_its_order(monkeypatch):
    monkeypatch.setattr(home, "ROWS", 3)
    data = prepare(raw(), split="none", shape=[2, 1])
    assert data.preparation.state == {"low": [0.0, 1.0], "calls": [3, 3, 3, 1]}
    assert data.x.shape == (10, 2, 1)


def test_what_was_learned_before_is_applied_and_what_a_preparation_names_is_told():
    learned = prepare(raw(twice=True), split="none").preparation
    again = prepare(raw(X + 1), split="none", preparation=learned)
    np.testing.assert_array_equal(again.x, np.concatenate([X + 1, X + 1], axis=1) - [0, 1, 0, 1])
    assert again.columns == ("a", "b", "a again", "b again")
    assert again.preparation is learned


def test_any_set_takes_a_preparation_and_a_test_part_of_its_own_is_not_learned_from():
    with pytest.warns(ChainruleWarning, match=r"^numbers below those of training: 6$"):
        data = prepare(Dataset(X, Y, X - 5, Y), preparation=Above())
    np.testing.assert_array_equal(data.x_test, X - 5 - [0, 1])
    with pytest.raises(SettingError, match="split: expected none: the data come with a test part, got 'random'"):
        prepare(Dataset(X, Y, X - 5, Y), preparation=Above(), split="random")


def test_rows_that_teach_nothing_are_left_out_of_training_alone():
    holes = X.copy()
    holes[[1, 3, 8]] = np.nan
    with pytest.warns(ChainruleWarning, match=r"^2 of 8 rows are left out of the training part, as a cell is empty$"):
        data = prepare(raw(holes), split="ordered")
    np.testing.assert_array_equal(data.x, X[[0, 2, 4, 5, 6, 7]] - [0, 1])
    np.testing.assert_array_equal(data.y, Y[[0, 2, 4, 5, 6, 7]])
    assert (len(data.x_test), len(data.y_test)) == (2, 2)
    with pytest.warns(ChainruleWarning, match="3 of 10 rows"):
        whole = prepare(raw(holes), split="none")
    np.testing.assert_array_equal(whole.y, np.delete(Y, [1, 3, 8]))
    assert len(prepare(raw(holes), split="none", preparation=whole.preparation).x) == 10
    with pytest.raises(DataError, match="the training part: expected a row to learn from, got none; every row has an"):
        prepare(raw(np.full((4, 2), np.nan), Y[:4]), split="none")


def test_what_lies_in_a_file_is_made_as_it_is_read(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    data = prepare(raw(np.load(path, mmap_mode="r")), split="ordered", shape=[1, 2])
    assert not isinstance(data.x, np.ndarray)
    assert (data.x.shape, data.x.dtype, data.x_test.shape) == ((8, 1, 2), np.float64, (2, 1, 2))
    np.testing.assert_array_equal(data.x[[5, 1]], (X[[5, 1]] - [0, 1])[:, np.newaxis])


def test_rows_that_are_not_prepared_cannot_be_used():
    for use in (np.asarray, lambda x: x[:2]):
        with pytest.raises(
            DataError, match=r"x: expected samples, got rows that are not prepared yet; chainrule\.data"
        ):
            use(raw().x)


def test_scale_several_arrays_and_what_is_no_preparation_are_refused():
    with pytest.raises(SettingError, match=r"scale: expected none: the numbers are prepared, got 0\.5"):
        prepare(raw(), scale=0.5)
    with pytest.raises(SettingError, match="preparation: expected a Preparation, of one array, got 'several arrays"):
        prepare(Dataset({"a": X, "b": X}, Y), preparation=Above())
    with pytest.raises(SettingError, match="preparation: expected a Preparation, of one array, got 7"):
        prepare(Dataset(X, Y), preparation=7)


def test_a_preparation_has_a_name_and_is_one_of_a_recipe_s_tables(monkeypatch):
    found = [*registry.default.entries(), Entry("preparations", "above", f"{__name__}:Above", "made-above", "1.0")]
    fresh = Registry(lambda: found)
    monkeypatch.setattr(registry, "default", fresh)
    monkeypatch.setattr(fresh, "load", lambda entry, load=fresh.load: Above if entry.name == "above" else load(entry))
    data = chainrule.dataset("digits", preparation={"use": "above", "twice": False}, split="none")
    assert data.x.min() == 0
    table = preparation_table(data.preparation)
    assert table == {"use": "above", "twice": False}
    state = json.loads(json.dumps(data.preparation.state))
    assert replace(build_preparation(table), state=state) == data.preparation
    with pytest.raises(chainrule.UnknownNameError, match="did you mean above"):
        chainrule.dataset("digits", preparation="abov")
