"""A run on a table with words, dates and missing cells, and raw tables that it is used on afterwards."""

import json

import numpy as np
import pytest

import chainrule_runs
from chainrule import read_recipe
from chainrule_runs import RunFolder, saved
from chainrule_runs.inputs import own_data
from chainrule_runs.tensors import TensorFile, dump

RNG = np.random.default_rng(1)
SIZE = 60
AGE = RNG.uniform(20, 70, SIZE).round(1)
COLOUR = RNG.choice(["red", "blue", ""], SIZE)
KIND = np.where((AGE > 45) ^ (COLOUR == "red"), "tall", "flat")
CELLS = {
    "id": [f"s{i}" for i in range(SIZE)],
    "age": ["" if i % 9 == 4 else str(age) for i, age in enumerate(AGE)],
    "colour": COLOUR.tolist(),
    "born": [f"19{10 + i}-03-01" for i in range(SIZE)],
    "smoker": ["yes" if i % 3 else "no" for i in range(SIZE)],
    "kind": KIND.tolist(),
}
PREPARED = """
identifiers = ["id"]
categories = "auto"
dates = ["born"]
booleans = ["smoker"]
standardize = true
missing = "mean"
"""
RECIPE = f"""\
[data]
use = "csv"
path = "people.csv"
target = "kind"
{PREPARED}
[network]
layers = [{{ use = "affine_relu", units = 16 }}, {{ use = "affine", units = 2 }}]
[training]
loss = "cross_entropy"
optimizer = {{ use = "momentum", learning_rate = 0.1 }}
batch_size = 4
epochs = 60
"""


def lines(names, rows=range(SIZE), cells=CELLS):
    return "".join(",".join(line) + "\n" for line in [names, *([cells[name][i] for name in names] for i in rows)])


@pytest.fixture
def run(chainrule, folder):
    """Train the recipe on all columns into the folder `run`, and return that."""

    def train(*replacements):
        (folder / "people.csv").write_text(lines([*CELLS]))
        text = RECIPE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (folder / "recipe.toml").write_text(text)
        shown = chainrule("train", "recipe.toml", "--out", "run")
        assert shown.status == 0, shown.err
        return folder / "run"

    return train


def table_of(shown):
    assert shown.status == 0, shown.err
    return [line.split(",") for line in shown.out.splitlines()[1:]]


def test_what_was_learned_is_that_of_the_training_part_and_lies_in_the_run(run):
    folder = run()
    facts = TensorFile(folder / saved.NAME).facts
    data = read_recipe(folder / "recipe.toml").dataset()
    assert facts["preparation"]["state"] == data.preparation.state
    assert facts["preparation"]["use"] == "table"
    assert sum(own["count"] for name, own in data.preparation.state.items() if name == "born") == len(data.x)
    assert facts["roles"]["id"] == "identifier"
    assert chainrule_runs.load(folder).predict(data.x_test).shape == (12, 2)


def test_raw_files_are_predicted_and_evaluated_whatever_their_columns(chainrule, run, folder):
    run()
    rows = [5, 4, 0, 59, 13]
    (folder / "in.csv").write_text(lines([*CELLS], rows))
    expected = table_of(chainrule("predict", "run", "in.csv"))
    whole = (folder / "people.csv").read_text()
    np.testing.assert_array_equal([row[0] for row in expected], KIND[rows])
    for names in (["smoker", "born", "colour", "age"], ["kind", "colour", "id", "age", "smoker", "born"]):
        (folder / "in.csv").write_text(lines(names, rows))
        shown = chainrule("predict", "run", "in.csv")
        assert (table_of(shown), shown.err) == (expected, "")
    for name in ("in.csv", "people.csv"):
        assert json.loads(chainrule("evaluate", "run", name, "--json").out)["error"] < 0.05
    (folder / "in.tsv").write_text(lines([*CELLS], rows).replace(",", "\t"))
    assert table_of(chainrule("predict", "run", "in.tsv")) == expected
    (folder / "people.csv").write_text(lines([*CELLS][::-1]))
    assert chainrule("evaluate", "run", "--part", "train").status == 0
    assert own_data(folder / "run").columns[0] == "age"
    (folder / "people.csv").write_text(whole)


def test_a_file_of_one_row_or_of_other_words_is_prepared_as_the_training_was(chainrule, run, folder):
    run()
    (folder / "in.csv").write_text("age,colour,born,smoker\n,green,1950-01-01,yes\n")
    shown = chainrule("predict", "run", "in.csv")
    assert shown.status == 0
    assert shown.err == (
        "Warning: rows with a word in column 'colour' that training never saw, 'green', which count as none: 1\n"
    )
    preparation = own_data(folder / "run").preparation
    born = (-7305 - preparation.state["born"]["mean"]) / np.sqrt(
        preparation.state["born"]["squares"] / preparation.state["born"]["count"]
    )
    smoker = preparation.state["smoker"]
    yes = (1 - smoker["mean"]) / np.sqrt(smoker["squares"] / smoker["count"])
    scores = chainrule_runs.load(folder / "run").predict(np.array([[0, 0, 0, 0, born, yes]]))
    np.testing.assert_allclose(np.float64(table_of(shown)[0][1:]), scores[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("replacement", "content", "message"),
    [
        (('"mean"', '"drop"'), "age,born,smoker\n1,2000-01-01,no\n", "in.csv, line 1: no column 'colour'; the network"),
        (
            ('missing = "mean"', 'missing = "mean"\nunknown = "error"'),
            "age,colour,born,smoker\n1,green,2000-01-01,no\n",
            "in.csv: row 0, column 'colour': expected a word of the training part, got 'green'; unknown = ",
        ),
        (
            ('"mean"', '"mean"'),
            "age,colour,born,smoker\nold,red,2000-01-01,no\n",
            "in.csv, line 2, column 'age': expected a finite number, got 'old'\n",
        ),
        (
            ('"mean"', '"mean"'),
            "age,colour,born,smoker\n1,red,soon,no\n",
            "in.csv, line 2, column 'born': expected a date such as",
        ),
    ],
)
def test_rows_that_the_run_cannot_take_are_named(chainrule, run, folder, replacement, content, message):
    run(replacement)
    (folder / "in.csv").write_text(content)
    shown = chainrule("predict", "run", "in.csv")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(f"Error: {message}"), shown.err


def test_dropped_rows_are_dropped_from_training_alone(chainrule, run, folder):
    run(('"mean"', '"drop"'))
    shown = chainrule("predict", "run", "people.csv")
    assert (len(table_of(shown)), shown.err) == (SIZE, "")
    state = TensorFile(folder / "run" / saved.NAME).facts["preparation"]["state"]
    assert state["age"]["count"] == state["born"]["count"] < 48


def test_a_headerless_table_is_predicted_by_its_order(chainrule, run, folder):
    (folder / "people.csv").write_text(lines([*CELLS]))
    rows = lines(["age", "colour", "kind"]).partition("\n")[2]
    (folder / "bare.csv").write_text(rows)
    recipe = RECIPE.replace("people.csv", "bare.csv").replace('"kind"', "-1\nheader = false")
    for said in ('identifiers = ["id"]\n', 'dates = ["born"]\n', 'booleans = ["smoker"]\n'):
        recipe = recipe.replace(said, "")
    (folder / "recipe.toml").write_text(recipe)
    assert chainrule("train", "recipe.toml", "--out", "run").status == 0
    expected = table_of(chainrule("predict", "run", "bare.csv"))
    assert json.loads(chainrule("evaluate", "run", "bare.csv", "--json").out)["samples"] == SIZE
    (folder / "bare.csv").write_text(lines(["age", "colour"]).partition("\n")[2])
    assert table_of(chainrule("predict", "run", "bare.csv")) == expected


def test_a_run_is_resumed_with_the_same_bits(run, folder):
    run()
    recipe = read_recipe(folder / "recipe.toml")
    data = recipe.dataset()
    with RunFolder.resume(folder / "run", recipe) as again:
        again.train(recipe.network(data), data)
    assert again.ended == "its last epoch is done"


def test_pictures_are_standardized_by_name_of_the_preparation(chainrule, folder):
    np.savez(folder / "in.npz", x=RNG.normal(9, 3, size=(30, 2, 2)), y=np.arange(30) % 2)
    recipe = RECIPE.partition("[network]")[2]
    data = 'data = { use = "npz", path = "in.npz", preparation = { use = "table", standardize = true } }\n[network]'
    (folder / "recipe.toml").write_text(data + recipe.replace("layers = [", 'layers = [{ use = "flatten" }, '))
    shown = chainrule("train", "recipe.toml", "--out", "run")
    assert shown.status == 0, shown.err
    data = own_data(folder / "run")
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-6)
    scores = chainrule_runs.load(folder / "run").predict(data.x_test)
    assert chainrule("predict", "run", "in.npz", "--out", "out.npz").status == 0
    raw = np.load(folder / "in.npz")["x"]
    state = data.preparation.state
    x = data.preparation.apply(raw, ())
    assert [*state] == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(np.load(folder / "out.npz")["scores"], chainrule_runs.load(folder / "run").predict(x))
    assert scores.shape == (6, 2)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"preparation": {"use": "table"}}, "preparation: expected a table of settings, and what was learned, got"),
        ({"preparation": {"use": "tabel", "state": {}}}, "did you mean table"),
        ({"preparation": {"use": "table", "state": {"age": {"words": "red"}}}}, "state: expected what was learned of"),
        ({"roles": ["age"]}, "roles: expected a table of names, got"),
    ],
)
def test_forged_facts_are_refused(chainrule, run, facts, message):
    folder = run()
    path = folder / saved.NAME
    file = TensorFile(path)
    path.write_bytes(dump(file.read(), {**file.facts, **facts}))
    shown = chainrule("predict", "run", "people.csv")
    assert shown.status == 1
    assert message in shown.err
