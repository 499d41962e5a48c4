"""From raw tables to decisions, in Python and on the command line."""

import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest

import chainrule_runs
from chainrule import (
    SGD,
    ChainruleWarning,
    DataError,
    Network,
    SettingError,
    UnsupportedError,
    dataset,
    layer,
    loss,
    read_recipe,
    train,
)
from chainrule_runs import Model, open_model

from .test_preparation import CELLS, KIND, SIZE, lines, run as run, table_of

FEATURES = ("age", "colour", "born", "smoker")


class Frame:
    """What a data frame is by its looks: columns by name."""

    def __init__(self, columns):
        self._columns = columns

    @property
    def columns(self):
        return list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]


def typed():
    """The columns as a program has them, and not as text."""
    return {
        "age": [None if not cell else float(cell) for cell in CELLS["age"]],
        "colour": [cell or float("nan") for cell in CELLS["colour"]],
        "born": [date.fromisoformat(cell) for cell in CELLS["born"]],
        "smoker": [cell == "yes" for cell in CELLS["smoker"]],
    }


def test_a_run_predicts_raw_rows_in_a_new_process_without_the_training_data(chainrule, run, folder):
    run()
    rows = [40, 4, 2, 31]
    (folder / "in.csv").write_text(lines(["smoker", "id", "born", "colour", "age"], rows))
    (folder / "people.csv").unlink()
    (folder / "recipe.toml").unlink()
    expected = table_of(chainrule("predict", "run", "in.csv"))
    code = (
        "from chainrule_runs import open_model\n"
        "model = open_model('run')\n"
        "print(*model.decide('in.csv'))\n"
        "print(*map(repr, model.predict('in.csv').astype(float).ravel().tolist()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=60)
    decided, scores = ran.stdout.splitlines()
    assert decided.split() == [row[0] for row in expected]
    np.testing.assert_array_equal(np.float32(scores.split()).reshape(4, 2), np.float32([row[1:] for row in expected]))


def test_a_file_columns_by_name_and_a_frame_are_decided_alike(run, folder):
    model = open_model(run())
    assert isinstance(model, Model)
    expected = model.predict(folder / "people.csv")
    as_words = {name: CELLS[name] for name in reversed(FEATURES)}
    for table in (as_words, typed(), Frame(typed()), {**typed(), "more": range(SIZE)}):
        np.testing.assert_array_equal(model.predict(table), expected)
    decided = model.decide(Frame(typed()))
    assert (decided == KIND).mean() > 0.95
    p = model.probabilities(str(folder / "people.csv"))
    e = np.exp(expected.astype(np.float64))
    np.testing.assert_allclose(p, e / e.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
    assert model.classes == ("flat", "tall")


def test_dates_are_days_in_utc_whatever_they_are_written_with(run):
    model = open_model(run())
    table = {"age": [30], "colour": ["red"], "smoker": [1]}
    noon = [
        ["1950-06-01T12:00"],
        [datetime(1950, 6, 1, 12)],
        [datetime(1950, 6, 1, 12, tzinfo=UTC)],
        np.array(["1950-06-01T12"], "M8[h]"),
    ]
    first, *others = [model.predict({**table, "born": born}) for born in noon]
    assert all((other == first).all() for other in others)


def test_a_new_word_is_told(run):
    model = open_model(run())
    with pytest.warns(ChainruleWarning, match="training never saw, 'green', which count as none: 2"):
        model.decide(
            {"age": [1, 2, 3], "colour": ["green", "red", "green"], "born": ["2000-01-01"] * 3, "smoker": [0, 1, 0]}
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": None}, "^no column 'age'; the network takes age, colour, born, smoker$"),
        ({"age": ["old"]}, "^row 0, column 'age': expected a finite number, got 'old'$"),
        ({"smoker": ["maybe"]}, "^row 0, column 'smoker': expected true or false, yes or no, 1 or 0, got 'maybe'$"),
        ({"born": ["soon"]}, "^row 0, column 'born': expected a date such as 2024-12-31, .*, got 'soon'$"),
        ({"age": [1, 2]}, "^x: expected columns of one length, got {'age': 2, 'colour': 1"),
        ({"age": [float("inf")]}, "^row 0, column 'age': expected a finite number, got inf$"),
    ],
)
def test_columns_that_the_run_cannot_take_are_named(run, change, message):
    model = open_model(run())
    table = {"age": [30], "colour": ["red"], "born": ["2000-01-01"], "smoker": ["yes"], **change}
    with pytest.raises(DataError, match=message):
        model.predict({name: column for name, column in table.items() if column is not None})


def test_an_array_has_no_words(run):
    with pytest.raises(
        DataError, match=r"^x: expected columns by name, age, colour, born, smoker, got an array; a map"
    ):
        open_model(run()).predict(np.zeros((1, 4)))


def test_a_run_of_numbers_takes_an_array_too(chainrule, trained, folder):
    plain, prepared = (
        open_model(trained(*change, out=out).folder)
        for change, out in (((), "plain"), ((('target = "kind"', 'target = "kind", standardize = true'),), "prepared"))
    )
    points = np.array([[0.2, 0.7], [0.9, 0.1]])
    for model in (plain, prepared):
        by_name = {"height": points[:, 1], "width": points[:, 0]}
        np.testing.assert_array_equal(model.predict(points), model.predict(by_name))
    with pytest.raises(DataError, match=r"^x: expected 2 columns, width, height, got \(1, 3\)"):
        prepared.predict(np.zeros((1, 3)))


def test_a_network_is_saved_with_what_was_learned(chainrule, run, folder):
    data = read_recipe(run() / "recipe.toml").dataset()
    trained = open_model("run")
    network = trained.saved.network
    chainrule_runs.save(
        "net",
        network,
        loss=trained.saved.loss,
        classes=["flat", "tall"],
        columns=data.columns,
        preparation=data.preparation,
        roles=data.roles,
    )
    np.testing.assert_array_equal(open_model("net").predict(typed()), trained.predict(typed()))
    assert chainrule("predict", "net", "people.csv").out == chainrule("predict", "run", "people.csv").out


def test_a_network_without_loss_or_columns_says_what_it_lacks(folder):
    network = Network([layer("affine", units=2)], 3)
    chainrule_runs.save("bare", network)
    model = open_model("bare")
    np.testing.assert_array_equal(model.predict([[1, 2, 3]]), network.predict([[1, 2, 3]]))
    for use in (model.decide, model.probabilities):
        with pytest.raises(
            SettingError, match=r"loss: expected a network that was saved with its loss, got None; save\("
        ):
            use([[1, 2, 3]])
    with pytest.raises(SettingError, match="x: expected an array, as the run knows no columns by name, got"):
        model.predict({"a": [1]})
    chainrule_runs.save("hinge", network, loss=loss("multiclass_hinge"))
    with pytest.raises(UnsupportedError, match="is no likelihood"):
        open_model("hinge").probabilities([[1, 2, 3]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"preparation": "table"},
            "preparation: expected a Preparation that has learned, got 'table'; data.preparation",
        ),
        ({"roles": {"a": 1}}, "roles: expected a role for each column by name, as data.roles, got"),
    ],
)
def test_what_was_not_learned_is_not_saved(folder, settings, message):
    with pytest.raises(SettingError, match=message):
        chainrule_runs.save("net", Network([layer("affine", units=2)], 3), **settings)


def test_columns_are_carried_through(chainrule, run, folder):
    run()
    content = lines(["smoker", "id", "born", "colour", "age"], range(SIZE))
    (folder / "in.csv").write_text(content)
    expected = table_of(chainrule("predict", "run", "in.csv"))
    shown = chainrule("predict", "run", "in.csv", "--keep", "id", "--keep", "colour")
    assert shown.out.startswith("id,colour,decision,score flat,score tall\n")
    rows = [[f"s{i}", CELLS["colour"][i], *row] for i, row in enumerate(expected)]
    assert table_of(shown) == rows
    assert chainrule("predict", "run", "in.csv", "--keep", "id", "--out", "out.npz").status == 0
    assert np.load(folder / "out.npz")["id"].tolist() == CELLS["id"]
    shown = chainrule("predict", "run", "in.csv", "--keep", "idd")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err == "Error: in.csv, line 1: no column 'idd'; did you mean 'id'?\n"
    np.savez(folder / "in.npz", x=np.zeros((1, 4)))
    shown = chainrule("predict", "run", "in.npz", "--keep", "id")
    assert shown.err.startswith("Error: --keep: expected none, as .npz files take none"), shown.err


def test_a_column_that_is_kept_need_not_be_known(chainrule, trained, folder):
    trained()
    (folder / "in.csv").write_text("width,note,height\n0.5,first,0.1\n0.1,second,0.6\n")
    shown = chainrule("predict", "run", "in.csv", "--keep", "note")
    assert ([row[0] for row in table_of(shown)], shown.err) == (["first", "second"], "")


@pytest.mark.parametrize("library", ["pandas", "polars", "neither"])
def test_what_was_learned_from_a_frame_decides_for_frames(folder, library):
    frame = Frame
    if library != "neither":
        frame = pytest.importorskip(library, reason="it is of the group more: uv run --group more pytest").DataFrame
    columns = {**typed(), "often": [1.0] * SIZE}
    columns["colour"] = [cell or None for cell in CELLS["colour"]]
    table = frame({**columns, "kind": KIND.tolist()})
    settings = {"categories": "auto", "missing": "mean", "standardize": True, "weights": "often", "split": "none"}
    data = dataset("frame", table=table, target="kind", **settings)
    network = Network([layer("affine_relu", units=16), layer("affine", units=2)], data.x.shape[1])
    how = {"loss": loss("cross_entropy"), "optimizer": SGD(0.3), "batch_size": 4, "epochs": 60}
    train(network, data.x, data.y, sample_weight=data.weights, **how)
    known = {"classes": data.classes, "columns": data.columns, "preparation": data.preparation, "roles": data.roles}
    chainrule_runs.save(folder / "net", network, loss=how["loss"], **known)
    del columns["often"]
    model = open_model(folder / "net")
    np.testing.assert_array_equal(model.predict(frame(columns)), network.predict(data.x))
    assert (model.decide(frame(columns)) == KIND).mean() > 0.95
