"""Readers of files, ours and others', are found by the ends of names that they declare."""

from pathlib import Path

import numpy as np
import pytest

from chainrule import Dataset, offers, registry
from chainrule.registry import Registry

from .conftest import KINDS, POINTS, table


def read_lines(path: Path, target: str | None, factor: float = 1.0, columns=None):
    """Read numbers between slashes under a line of names; told `columns`, in their order."""
    names, *rows = (line.split("/") for line in Path(path).read_text().split())
    own = columns if isinstance(columns, list) else [name for name in names if name != target]
    x = np.array([[factor * float(row[names.index(name)]) for name in own] for row in rows])
    return Dataset(x, None, columns=tuple(own))


def read_as_it_comes(path: Path, target: str | None = None):
    names, *rows = (line.split("/") for line in Path(path).read_text().split())
    return Dataset(np.array(rows, float), None, columns=tuple(names))


def read_badly(path: Path):
    return np.zeros((3, 2))


@pytest.mark.parametrize("ending", [".asc", ".table.gz", "-slashed"])
def test_a_third_party_s_reader_reads_the_files_that_it_declares(chainrule, trained, folder, offer, ending):
    run = trained()
    offer(ending, read_lines)
    (folder / f"IN{ending.upper()}").write_text("height/width\n" + "".join(f"{y}/{x}\n" for x, y in POINTS))
    shown = chainrule("predict", "run", f"IN{ending.upper()}")
    assert (shown.status, shown.err) == (0, "")
    scores = [line.split(",")[1:] for line in shown.out.splitlines()[1:]]
    assert scores == [list(map(str, row)) for row in run.network.predict(POINTS)]


def test_the_longest_end_of_a_name_counts(chainrule, trained, folder, offer):
    trained()
    offer(".lines.csv", read_lines)
    (folder / "in.lines.csv").write_text("height/width\n1/2\n")
    assert chainrule("predict", "run", "in.lines.csv").status == 0


def test_a_run_s_own_settings_go_to_the_same_reader(chainrule, trained, folder, offer):
    """By whatever name the recipe calls it; the factor makes the rows larger than those of the other."""
    offer("slashed", read_lines, group="data")
    offer(".asc", read_lines)
    (folder / "in.asc").write_text("height/width\n2/1\n")
    from chainrule_runs.readers import Reader
    from chainrule_runs.saved import open_saved

    run = trained()
    saved = open_saved(run.folder)
    saved.recipe.table["data"] = {"use": "chainrule-slashed:slashed", "path": "own.asc", "factor": 3.0, "scale": 0.5}
    reader = Reader.of(saved, folder / "in.asc")
    assert reader.settings == {"factor": 3.0}
    assert reader.read(folder / "in.asc", target=None).x.tolist() == [[6, 3]]
    saved.recipe.table["data"]["use"] = "chainrule-data:csv"
    assert Reader.of(saved, folder / "in.asc").settings == {}
    saved.recipe.table["data"]["use"] = "gone"
    assert Reader.of(saved, folder / "in.asc").settings == {}


def test_names_in_another_order_are_refused_where_the_reader_cannot_order_them(chainrule, trained, folder, offer):
    trained()
    offer(".asc", read_as_it_comes)
    (folder / "in.asc").write_text("height/width\n1/2\n")
    shown = chainrule("predict", "run", "in.asc")
    assert (shown.status, shown.err) == (2, "Error: in.asc: its columns: expected width, height, got height, width\n")
    (folder / "in.asc").write_text("width/height\n1/2\n")
    assert chainrule("predict", "run", "in.asc").status == 0


def test_two_readers_of_the_same_files_are_told_apart_by_preference(chainrule, trained, folder, offer):
    trained()
    offer(".csv", read_lines)
    (folder / "in.csv").write_text(table(POINTS, KINDS))
    shown = chainrule("predict", "run", "in.csv")
    assert shown.status == 1
    assert "'.csv' in files is offered by chainrule-data" in shown.err
    trained(out="other", options=["--prefer", "chainrule-data"])
    assert chainrule("predict", "other", "in.csv").status == 0


def test_a_reader_of_something_else_is_to_blame(chainrule, trained, folder, offer):
    trained()
    offer(".asc", read_badly)
    (folder / "in.asc").write_text("")
    shown = chainrule("predict", "run", "in.asc")
    assert (shown.status, shown.err) == (1, "Error: the reader of .asc: expected a Dataset, got ndarray\n")


def test_without_readers_the_command_that_brings_some_is_named(chainrule, trained, folder, monkeypatch):
    trained()
    found = [entry for entry in registry.default.entries() if entry.distribution != "chainrule-data"]
    monkeypatch.setattr(registry, "default", Registry(lambda: found))
    (folder / "in.csv").write_text(table(POINTS))
    shown = chainrule("predict", "run", "in.csv")
    told = f"Error: in.csv: no plug-in that reads files is installed; {offers.install('chainrule-data')}\n"
    assert (shown.status, shown.err) == (1, told)
