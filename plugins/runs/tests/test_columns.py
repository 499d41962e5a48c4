"""A table's columns, found by their names as the run knows them."""

import gzip
import json
import re

import numpy as np
import pytest

import chainrule_runs
from chainrule import Network, SettingError, layer, loss, read_recipe
from chainrule_runs import RunFolder, run_folder, saved
from chainrule_runs.inputs import own_data
from chainrule_runs.tensors import TensorFile, dump

from .conftest import KINDS, POINTS, table

NAMES = ("width", "height", "kind")
ORDERS = [("width", "height", "kind"), ("height", "width", "kind"), ("kind", "height", "width")]


def reordered(names, kinds=KINDS, points=POINTS):
    """The same table, its columns in another order; names that it does not have are of zeros."""
    columns = {"": range(len(points)), "width": points[:, 0], "height": points[:, 1], "kind": kinds}
    cells = [columns.get(name, np.zeros(len(points), int)) for name in names]
    return "".join(",".join(map(str, line)) + "\n" for line in [names, *zip(*cells, strict=True)])


def forget(run, *names):
    """Make a run one of those that knew no names."""
    path = run / saved.NAME
    file = TensorFile(path)
    path.write_bytes(dump(file.read(), {name: fact for name, fact in file.facts.items() if name not in names}))


@pytest.mark.parametrize("target", ['"kind"', "-1"])
@pytest.mark.parametrize("names", [*ORDERS, ("", *NAMES), ("height", "width")])
def test_a_file_s_columns_are_taken_by_name(chainrule, trained, folder, names, target):
    run = trained(('target = "kind"', f"target = {target}"))
    expected = run.network.predict(POINTS)
    (folder / "in.csv").write_text(reordered(names))
    shown = chainrule("predict", "run", "in.csv")
    assert shown.status == 0, shown.err
    assert [line.split(",")[1:] for line in shown.out.splitlines()[1:]] == [list(map(str, row)) for row in expected]
    assert ("Warning: in.csv: the first column has no name" in shown.err) == ("" in names)
    if "kind" not in names:
        return
    report = chainrule("evaluate", "run", "in.csv", "--json")
    assert report.status == 0, report.err
    wrong = np.array(["flat", "tall"])[expected.argmax(axis=1)] != KINDS
    assert json.loads(report.out)["error"] == pytest.approx(wrong.mean(), abs=1e-12)


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("width", "kind"), "no column 'height'; the network takes width, height"),
        (("width", "heigth", "kind"), "no column 'height'; is it 'heigth'? the network takes width, height"),
        (("width", "width", "height", "kind"), "more than one column 'width'; give each a name of its own"),
    ],
)
def test_a_missing_column_is_named(chainrule, trained, folder, command, names, message):
    trained()
    (folder / "in.csv").write_text(reordered(names))
    shown = chainrule(command, "run", "in.csv")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(f"Error: in.csv, line 1: {message}"), shown.err


def test_a_column_that_the_network_does_not_know_is_left_out_with_a_warning(chainrule, trained, folder):
    trained()
    shown = []
    for names in (("width", "height"), ("depth", "width", "tint", "height")):
        (folder / "in.csv").write_text(reordered(names))
        shown.append(chainrule("predict", "run", "in.csv"))
    assert shown[1].out == shown[0].out
    warning = "Warning: in.csv: columns that the network does not know are left out: depth, tint\n"
    assert (shown[0].err, shown[1].err) == ("", warning)


@pytest.mark.parametrize("options", [[], ["--part", "test"], ["--part", "train"]])
def test_the_run_s_own_data_are_taken_by_name(chainrule, trained, folder, options):
    """The file may have been written again since."""
    trained(('target = "kind"', "target = -1"))
    before = chainrule("evaluate", "run", *options)
    path = folder / "home" / "table.csv"
    path.write_text(reordered(ORDERS[2]))
    assert chainrule("evaluate", "run", *options) == before
    path.write_text(reordered(("width", "kind")))
    shown = chainrule("evaluate", "run", *options)
    assert (shown.status, shown.out) == (2, "")
    assert f"{path}, line 1: no column 'height'; the network takes width, height" in shown.err


def test_the_run_s_own_data_have_its_numbers_of_the_classes(chainrule, trained, folder):
    run = trained(('target = "kind"', 'target = "kind", split = "none"'))
    tall = KINDS == "tall"
    (folder / "home" / "table.csv").write_text(reordered(NAMES, KINDS[tall], POINTS[tall]))
    data = own_data(run.folder)
    assert (data.y.tolist(), data.classes) == ([1] * tall.sum(), ("flat", "tall"))


def test_a_run_that_knew_no_names_goes_by_order_with_a_warning(chainrule, trained, folder):
    run = trained()
    (folder / "in.csv").write_text(reordered(ORDERS[1]))
    forget(run.folder, "columns", "target")
    expected = run.network.predict(POINTS[:, ::-1])
    for command in ("predict", "evaluate"):
        shown = chainrule(command, "run", "in.csv")
        assert (shown.status, shown.err) == (
            0,
            "Warning: in.csv: its columns are taken in their order, as the network does not know them by name\n",
        )
        if command == "predict":
            assert [line.split(",")[1:] for line in shown.out.splitlines()[1:]] == [
                list(map(str, row)) for row in expected
            ]


def test_names_that_no_file_holds_are_not_kept_and_that_is_told(chainrule, trained, folder, monkeypatch):
    monkeypatch.setattr(run_folder, "NAMES_LIMIT", 18)
    run = trained()
    assert saved.open_saved(run.folder).usage.columns is None
    monkeypatch.setattr(run_folder, "NAMES_LIMIT", 19)  # of width and height, and what is around them
    trained(out="other")
    assert saved.open_saved(folder / "other").usage.columns == ("width", "height")
    with RunFolder.start(folder / "new", read_recipe(folder / "home" / "recipe.toml")) as kept:
        kept.train(kept.recipe.network(data := kept.recipe.dataset()), data)
        assert kept.notes == []
    monkeypatch.setattr(run_folder, "NAMES_LIMIT", 18)
    shown = chainrule("train", folder / "home" / "recipe.toml", "--out", "noted")
    assert "the names of 2 columns are too long to keep: tables are read in their order\n" in shown.err


def test_a_run_on_a_table_without_a_header_knows_no_names(chainrule, trained, folder, recipe):
    (recipe().parent / "other.csv").write_text(table(POINTS, KINDS, header=False))
    trained(('path = "table.csv", target = "kind"', 'path = "other.csv", target = -1, header = false'))
    (folder / "in.csv").write_text(table(POINTS, header=False))
    shown = chainrule("predict", "run", "in.csv")
    assert (shown.status, shown.err) == (0, "")


@pytest.mark.parametrize("content", ["width;height\n0,25;0,5\n", "# made by hand\nheight;width\n0,5;0,25\n"])
def test_a_file_is_read_with_every_setting_of_the_run_s_own(chainrule, trained, folder, recipe, content):
    lines = table(POINTS, KINDS, delimiter=";").replace(".", ",")
    (recipe().parent / "other.csv").write_text("# measured\n" + lines)
    run = trained(
        ('path = "table.csv"', 'path = "other.csv", delimiter = ";", decimal = ",", comment = "#"'),
        ('"csv"', '"chainrule-data:csv"'),
    )
    (folder / "in.csv.gz").write_bytes(gzip.compress(content.encode()))
    shown = chainrule("predict", "run", "in.csv.gz")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.splitlines()[1].split(",")[1:] == list(map(str, run.network.predict([[0.25, 0.5]])[0]))


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_file_of_tabs_is_read_by_its_suffix_and_of_semicolons_it_is_told_what_to_do(
    chainrule, trained, folder, command
):
    """Neither command has an option for it."""
    trained()
    for name, delimiter in (("in.csv", ","), ("in.tsv", "\t"), ("other.csv", ";")):
        (folder / name).write_text(table(POINTS, KINDS, delimiter=delimiter))
    assert chainrule(command, "run", "in.tsv") == chainrule(command, "run", "in.csv")
    shown = chainrule(command, "run", "other.csv")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err == (
        "Error: other.csv, line 1: expected columns, got one, 'width;height;kind'; "
        'this table is read with delimiter = ",": write it so\n'
    )


@pytest.mark.parametrize("own", ["csv", "npz"])
@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_labels_of_any_file_are_names_where_those_of_the_run_are_numbers(
    chainrule, trained, folder, recipe, own, suffix
):
    """Else labels of 1 and 2 alone would be taken for the second and the third class of 1, 2, 3."""
    labels = np.arange(20) % 3 + 1
    home = recipe().parent
    (home / "table.csv").write_text(table(POINTS, labels))
    np.savez(home / "own.npz", x=POINTS, y=labels)
    reader = {"csv": '"csv", path = "table.csv", target = "kind"', "npz": '"npz", path = "own.npz"'}[own]
    before = '"csv", path = "table.csv", target = "kind"'
    run = trained((before, f"{reader}, classes = true, split = 'none'"), ("units = 2", "units = 3"))
    some = labels != 3
    (folder / "in.csv").write_text(table(POINTS[some], labels[some], header=suffix == own))
    np.savez(folder / "in.npz", x=POINTS[some], y=labels[some])
    shown = chainrule("evaluate", "run", f"in.{suffix}", "--json", *(["--target", "-1"] if suffix == "csv" else []))
    assert shown.status == 0, shown.err
    report = json.loads(shown.out)
    assert [(row["name"], row["samples"]) for row in report["classes"]] == [("1", 7), ("2", 7), ("3", 0)]
    decided = run.network.predict(POINTS[some]).argmax(axis=1) + 1
    assert report["error"] == pytest.approx((decided != labels[some]).mean(), abs=1e-12)


@pytest.mark.parametrize(("own", "other"), [("{}", "{}.0"), ("{}.0", "{}"), ("{}.0", "{}e0"), ("{}.5", "{}.50")])
def test_numbers_that_are_names_of_classes_are_compared_as_numbers(chainrule, trained, folder, recipe, own, other):
    labels = np.arange(20) % 3 + 1
    home = recipe().parent
    (home / "table.csv").write_text(table(POINTS, [own.format(label) for label in labels]))
    trained(('target = "kind"', 'target = "kind", classes = true'), ("units = 2", "units = 3"))
    for name, spelled in (("own.csv", own), ("other.csv", other)):
        (folder / name).write_text(table(POINTS, [spelled.format(label) for label in labels]))
    shown = chainrule("evaluate", "run", "own.csv")
    assert (shown.status, shown.err) == (0, "")
    assert chainrule("evaluate", "run", "other.csv") == shown


def test_names_that_a_network_was_saved_with_are_compared_as_numbers_too(chainrule, folder):
    network = Network(layer("affine", units=3), 2)
    labels = np.arange(20) % 3 + 1
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"), classes=["1.0", "2.0", "3.0"])
    np.savez(folder / "in.npz", x=POINTS, y=labels)
    np.savez(folder / "counted.npz", x=POINTS, y=labels - 1)
    chainrule_runs.save(folder / "counts", network, loss=loss("cross_entropy"))
    shown = chainrule("evaluate", "net", "in.npz", "--json")
    assert shown.status == 0, shown.err
    expected = json.loads(chainrule("evaluate", "counts", "counted.npz", "--json").out)
    assert json.loads(shown.out)["confusion"] == expected["confusion"]
    np.savez(folder / "in.npz", x=POINTS, y=labels + 1)
    shown = chainrule("evaluate", "net", "in.npz")
    assert shown.err == "Error: in.npz: the targets: expected the classes of the run, 1.0, 2.0, 3.0, got 4\n"


# Networks that Python saved


def test_a_saved_network_may_know_its_columns(chainrule, folder):
    network = Network(layer("affine", units=2), 2)
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"), columns=["width", "height"])
    (folder / "in.csv").write_text(reordered(ORDERS[2]))
    shown = chainrule("predict", "net", "in.csv", "--target", "kind")
    assert (shown.status, shown.err) == (0, "")
    scores = [line.split(",")[1:] for line in shown.out.splitlines()[1:]]
    assert scores == [list(map(str, row)) for row in network.predict(POINTS)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("ab", "columns: expected a list of names, one for each number of a sample, got 'ab'"),
        ([0, 1], "columns: expected a list of names, one for each number of a sample, got [0, 1]"),
        (["a", "a"], "columns: expected names that differ, got ('a', 'a')"),
        (["a"], "columns: expected 2 names, one for each number of a sample, got ('a',)"),
    ],
)
def test_columns_that_are_no_names_are_not_saved(folder, columns, message):
    with pytest.raises(SettingError, match=f"^{re.escape(message)}"):
        chainrule_runs.save(folder / "net", Network(layer("affine", units=2), 2), columns=columns)
    assert list(folder.iterdir()) == []
