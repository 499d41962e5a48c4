"""`chainrule predict --probabilities`."""

import csv
import io

import numpy as np
import pytest

import chainrule_runs
from chainrule import Network, layer

from .conftest import POINTS, table

ONE_SCORE = (("units = 2 ", "units = 1 "), ('"cross_entropy"', '"logistic"'))


def read(shown):
    assert shown.status == 0, shown.err
    head, *rows = csv.reader(io.StringIO(shown.out))
    return {name: [row[i] for row in rows] for i, name in enumerate(head)}


@pytest.mark.parametrize(
    ("changes", "names"),
    [((), ["probability flat", "probability tall"]), (ONE_SCORE, ["probability tall"])],
    ids=["of each class", "of the second of two"],
)
def test_they_stand_between_decisions_and_scores(chainrule, trained, folder, changes, names):
    run = trained(*changes)
    (folder / "in.csv").write_text(table(POINTS))
    plain, found = (read(chainrule("predict", "run", "in.csv", *more)) for more in ((), ("--probabilities",)))
    assert [*found] == ["decision", *names, *[*plain][1:]]
    assert {name: found[name] for name in plain} == plain
    expected = chainrule_runs.open_model(run.folder).probabilities(folder / "in.csv")
    np.testing.assert_array_equal(np.array([found[name] for name in names], np.float32).T, expected)
    likely = np.array(found["probability tall"], float) > 0.5
    np.testing.assert_array_equal(np.where(likely, "tall", "flat"), found["decision"])

    shown = chainrule("predict", "run", "in.csv", "--probabilities", "--out", "out.npz")
    assert shown.status == 0, shown.err
    with np.load(folder / "out.npz") as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], expected)
        np.testing.assert_array_equal(arrays["decisions"].reshape(-1), found["decision"])
    assert chainrule("predict", "run", "in.csv", "--probabilities", "--out", "out.csv").status == 0
    assert (folder / "out.csv").read_text() == chainrule("predict", "run", "in.csv", "--probabilities").out


def test_a_loss_without_them_is_refused_before_anything_is_written(chainrule, trained, folder):
    trained(('"cross_entropy"', '"multiclass_hinge"'))
    (folder / "in.csv").write_text(table(POINTS))
    shown = chainrule("predict", "run", "in.csv", "--probabilities", "--out", "out.csv")
    assert shown.status == 2
    assert "--probabilities: expected a network whose loss is a likelihood, such as cross_entropy" in shown.err
    assert not (folder / "out.csv").exists()
    chainrule_runs.save(folder / "net", Network([layer("affine", units=2)], 2))
    shown = chainrule("predict", "net", "in.csv", "--probabilities")
    assert "loss: expected a network that was saved with its loss" in shown.err
