"""`chainrule evaluate`, judged by scikit-learn and by the run's own history."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

import chainrule_runs
from chainrule import Dataset, Network, layer, loss
from chainrule_runs.evaluation import evaluate
from chainrule_runs.inputs import own_part
from chainrule_runs.saved import open_saved

from .conftest import KINDS, POINTS, run_at, table
from .test_prediction import NUMBERS, PICTURES, write_idx

BINARY = (('"cross_entropy"', '"logistic"'), ("units = 2 }]", "units = 1 }]"))
FOUR = (("units = 2 }]", "units = 4 }]"),)  # classes that the data do not have
REAL = (
    ('target = "kind"', 'target = "height"'),
    ('"cross_entropy"', '"squared_error"'),
    ("units = 2 }]", "units = 1 }]"),
)


@pytest.fixture
def numbers(recipe, folder):
    """Make the table of the recipe one of numbers alone."""
    recipe()
    (folder / "home" / "table.csv").write_text(table(POINTS))


def reported(chainrule, *arguments, warnings=()):
    shown = chainrule("evaluate", *arguments, "--json")
    assert (shown.status, shown.err) == (0, "".join(f"Warning: {warning}\n" for warning in warnings))
    return json.loads(shown.out)


def agree_with_sklearn(report, y, scores):
    """`scores` are of classes, or of the second of two."""
    scores = np.asarray(scores, np.float64)
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    m = scores.shape[1]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    decisions = scores.argmax(axis=1)
    assert report["confusion"] == confusion_matrix(y, decisions, labels=range(m)).tolist()
    assert report["error"] == pytest.approx(1 - accuracy_score(y, decisions), abs=1e-12)
    assert report["loss"] == pytest.approx(log_loss(y, p, labels=range(m)), rel=1e-5)
    theirs = precision_recall_fscore_support(y, decisions, labels=range(m), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "samples"), theirs, strict=True):
        np.testing.assert_allclose([row[name] for row in report["classes"]], column, rtol=1e-12)
    assert report["samples"] == len(y)


def test_digits_agree_with_scikit_learn(chainrule, folder):
    assert chainrule("train", "digits", "--set", "training.epochs=3", "--out", "run").status == 0
    run = run_at(folder / "run")
    data = run.recipe.dataset()
    report = reported(chainrule, "run")
    agree_with_sklearn(report, data.y_test, run.network.predict(data.x_test[:]))
    assert [row["name"] for row in report["classes"]] == list("0123456789")
    agree_with_sklearn(reported(chainrule, "run", "--part", "train"), data.y, run.network.predict(data.x[:]))


@pytest.mark.parametrize("changes", [(), BINARY, FOUR])
@pytest.mark.parametrize("kinds", [KINDS, np.full(20, "flat"), np.full(20, "tall")])
def test_named_classes_agree_with_scikit_learn(chainrule, trained, folder, changes, kinds):
    run = trained(*changes)
    (folder / "in.csv").write_text(table(POINTS, kinds))
    report = reported(chainrule, "run", "in.csv")
    agree_with_sklearn(report, (kinds == "tall").astype(int), run.network.predict(POINTS))
    assert [row["name"] for row in report["classes"]] == ["flat", "tall", *(["2", "3"] if changes == FOUR else [])]


@pytest.mark.parametrize("name", ["logistic", "signed_logistic"])
@pytest.mark.parametrize("only", [None, 0, 1])
def test_two_numbers_agree_with_scikit_learn(folder, name, only):
    network = Network(layer("affine", units=1), 2, dtype=np.float64)
    network.theta = [4.0, -3.0, 0.1]
    chainrule_runs.save(folder / "net", network, loss=loss(name))
    y = (POINTS.sum(axis=1) > 0.8).astype(int) if only is None else np.full(20, only)
    report = evaluate(open_saved(folder / "net"), Dataset(POINTS, 2 * y - 1 if name == "signed_logistic" else y))
    found = {"samples": report.samples, "loss": report.evaluation.loss, "error": report.evaluation.error}
    found |= {"confusion": report.confusion.tolist(), "classes": [vars(scores) for scores in report.table]}
    agree_with_sklearn(found, y, network.predict(POINTS))
    assert report.classes == (("-1", "1") if name == "signed_logistic" else ("0", "1"))


EPOCHS = "epochs = 3"


@pytest.mark.parametrize("weights", [{}, {"weights": "often"}])
@pytest.mark.parametrize("by_class", [None, '"balanced"', '{ "0" = 3 }'])
@pytest.mark.parametrize("changes", [(), BINARY])
def test_weights_of_samples_and_classes_are_those_of_the_run(
    chainrule, trained, recipe, folder, weights, by_class, changes
):
    lines = table(POINTS, KINDS).splitlines()
    often = ["often", *(str(i % 3) for i in range(len(POINTS)))]
    heavy = "".join(f"{line},{weight}\n" for line, weight in zip(lines, often, strict=True))
    recipe()
    (folder / "home" / "table.csv").write_text(heavy)
    column = 'target = "kind", weights = "often"' if weights else 'target = "kind", drop = ["often"]'
    more = () if by_class is None else ((EPOCHS, f"{EPOCHS}\nclass_weight = {by_class}"),)
    run = trained(*changes, ('target = "kind"', column), *more)
    for part, key in (("test", "e_out"), ("train", "e_in")):
        report = reported(chainrule, "run", "--part", part)
        assert {name: report[name] for name in ("loss", "error")} == run.history[-1][key]
    (folder / "in.csv").write_text(heavy)
    (folder / "plain.csv").write_text("\n".join(lines))
    saved, y = open_saved(folder / "run"), (KINDS == "tall").astype(int)
    counts = np.ones(2) if by_class is None else np.array([3.0, 1]) if "3" in by_class else None
    if counts is None:
        counts = np.array([saved.usage.class_weight[name] for name in ("0", "1")])
    for name, own in (("in.csv", np.arange(20) % 3 if weights else 1), ("plain.csv", 1)):
        report = reported(chainrule, "run", name)
        v = counts[y] * own
        wrong = np.array([run.loss.error(run.network.predict(POINTS), y[:, np.newaxis] if changes else y)]).ravel()
        assert report["error"] == pytest.approx((v * wrong).sum() / v.sum(), abs=1e-12)
        assert np.sum(report["confusion"]) == 20
    shown = chainrule("evaluate", "run", "in.csv").out
    assert shown.startswith("20 samples by weight: loss" if weights or by_class else "20 samples: loss")
    assert chainrule("predict", "run", "plain.csv").out == chainrule("predict", "run", "in.csv").out


def test_a_resumed_run_knows_its_weights(chainrule, trained, recipe, folder):
    lines = table(POINTS, KINDS).splitlines()
    recipe()
    path = folder / "home" / "table.csv"
    path.write_text("".join(f"{line},{weight}\n" for line, weight in zip(lines, ["often", *range(20)], strict=True)))
    trained(('target = "kind"', 'target = "kind", weights = "often"'))
    path.write_text(path.read_text().replace(",19\n", ",18\n"))
    shown = chainrule("train", "--resume", "run", "--set", "training.epochs=4")
    assert shown.err.startswith("Error: run: the data are not those of the run")


@pytest.mark.parametrize("changes", [(), BINARY, (('target = "kind"', 'target = "kind", scale = 0.5'),), "cnn"])
def test_e_out_of_the_history_is_what_evaluate_finds_to_the_last_bit(chainrule, trained, folder, changes):
    if changes == "cnn":
        options = ["--set", "training.epochs=1", "--set", "training.shards=2", "--prefer", "chainrule-numba"]
        assert chainrule("train", "digits-cnn", *options, "--out", "run").status == 0
        run = run_at(folder / "run")
    else:
        run = trained(*changes)
    for part, key in (([], "e_out"), (["--part", "test"], "e_out"), (["--part", "train"], "e_in")):
        report = reported(chainrule, "run", *part)
        assert {name: report[name] for name in ("loss", "error")} == run.history[-1][key]


@pytest.mark.usefixtures("numbers")
def test_real_targets_have_a_loss_and_no_classes(chainrule, trained, folder):
    run = trained(*REAL)
    report = reported(chainrule, "run")
    metrics = report.pop("metrics")
    assert report == {"samples": 4, **run.history[-1]["e_out"], "confusion": None, "classes": []}
    assert report["error"] is None
    shown = f"R² {metrics['r2']:.3f}, MAE {metrics['mae']:.3f}, RMSE {metrics['rmse']:.3f}"
    assert chainrule("evaluate", "run").out == f"4 samples: loss {report['loss']:.5f}, {shown}\n"
    data = run.recipe.dataset()
    off = run.network.predict(data.x_test)[:, 0] - data.y_test
    np.testing.assert_allclose(metrics["mae"], np.abs(off).mean())
    np.testing.assert_allclose(metrics["rmse"], np.sqrt((off**2).mean()))
    np.testing.assert_allclose(metrics["r2"], 1 - (off**2).mean() / data.y_test.var())


def test_what_is_shown_is_what_was_counted(chainrule, trained, folder):
    trained(options=["--set", "training.epochs=1"])
    (folder / "in.csv").write_text(table(POINTS, KINDS))
    report = reported(chainrule, "run", "in.csv")
    lines = chainrule("evaluate", "run", "in.csv").out.splitlines()
    assert lines[0] == f"20 samples: loss {report['loss']:.5f}, error {report['error']:.2%}"
    assert lines[2].split() == ["class", "samples", "precision", "recall", "F1"]
    for line, row in zip(lines[3:5], report["classes"], strict=True):
        assert line.split() == [
            row["name"],
            str(row["samples"]),
            *(f"{row[k]:.2%}" for k in ("precision", "recall", "f1")),
        ]
    assert lines[6] == "confusion: a row for each true class, a column for each decision"
    assert [line.split() for line in lines[8:]] == [
        ["flat", "tall"],
        *([name, *map(str, row)] for name, row in zip(("flat", "tall"), report["confusion"], strict=True)),
    ]


# Files of another kind than the run's


def test_a_table_without_a_header_is_evaluated_whole(chainrule, trained, folder):
    """As it is predicted: its first line is a sample."""
    trained()
    kinds = (KINDS == "tall").astype(int)
    (folder / "in.csv").write_text(table(POINTS, kinds, header=False))
    named = folder / "named.csv"
    named.write_text(table(POINTS, kinds))
    by_order = "in.csv has no header: its columns are taken for width, height, in this order"
    numbers = ".csv: its targets are numbers, and no names: flat is 0, tall is 1"
    by_name = reported(chainrule, "run", "named.csv", warnings=[f"named{numbers}"])
    warnings = [by_order, f"in{numbers}"]
    assert reported(chainrule, "run", "in.csv", "--target", "2", warnings=warnings) == by_name
    assert reported(chainrule, "run", "in.csv", "--target", "-1", warnings=warnings) == by_name
    assert by_name["samples"] == 20


def test_the_column_of_the_targets_is_named_where_the_run_has_none(chainrule, folder):
    chainrule_runs.save(folder / "net", Network(layer("affine", units=2), 2), loss=loss("cross_entropy"))
    (folder / "in.csv").write_text(table(POINTS, KINDS))
    shown = chainrule("evaluate", "net", "in.csv")
    assert (shown.status, shown.err) == (2, "Error: --target: expected the column of the targets, got None\n")
    by_order = "in.csv: its columns are taken in their order, as the network does not know them by name"
    warnings = [by_order, "in.csv: the network has no names for its classes: flat is 0, tall is 1"]
    by_name = reported(chainrule, "net", "in.csv", "--target", "kind", warnings=warnings)
    assert by_name == reported(chainrule, "net", "in.csv", "--target", "2", warnings=warnings)
    (folder / "in.csv").write_text(table(POINTS, KINDS).replace("kind", "7"))
    assert by_name == reported(chainrule, "net", "in.csv", "--target", "7", warnings=warnings)


@pytest.mark.parametrize("suffix", ["idx", "idx.gz"])
def test_pictures_have_their_labels_in_a_file_beside_them(chainrule, folder, suffix):
    network = Network([layer("flatten"), layer("affine", units=3)], (4, 4, 1))
    network.theta = network.theta / 255
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"))
    write_idx(folder / f"x.{suffix}", PICTURES)
    write_idx(folder / f"y.{suffix}", NUMBERS.astype(np.uint8))
    report = reported(chainrule, "net", f"x.{suffix}", "--labels", f"y.{suffix}")
    agree_with_sklearn(report, NUMBERS, network.predict(PICTURES[..., np.newaxis].astype(np.float32)))
    np.savez(folder / "in.npz", x=PICTURES, y=NUMBERS)
    assert reported(chainrule, "net", "in.npz") == report


def test_probabilities_as_targets_have_no_confusion(folder):
    network = Network(layer("affine", units=1), 2)
    chainrule_runs.save(folder / "net", network, loss=loss("logistic"))
    report = evaluate(open_saved(folder / "net"), Dataset(POINTS, POINTS[:, 0]))
    assert report.confusion is None
    assert report.table == []
    assert report.evaluation.error is not None


def test_the_own_data_are_read_as_they_are_now(chainrule, trained, folder):
    run = trained()
    whole = own_part(open_saved(run.folder), "train")
    assert (len(whole.x), whole.classes, whole.x_test) == (16, ("flat", "tall"), None)
    shutil.move(folder / "home", folder / "moved")
    shown = chainrule("evaluate", "run")
    assert shown.status == 2
    assert shown.err.startswith(f"Error: {folder / 'home' / 'table.csv'}: no such file"), shown.err


# What is wrong


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["run", "in.csv", "--part", "train"], "--part is of the run's own data: leave it out, or DATA"),
        (["run", "--target", "kind"], "--target and --labels are of a file: name one as DATA"),
        (["run", "--labels", "y.idx"], "--target and --labels are of a file: name one as DATA"),
        (["run", "--part", "both"], "Invalid value for '--part': 'both' is not one of 'test', 'train'"),
        (["run", "in.csv", "--labels", "y.idx"], "--labels: expected none, as .csv files take none, got 'y.idx'"),
        (["run", "in.npz", "--target", "kind"], "--target: expected none, as .npz files take none, got 'kind'"),
        (["run", "x.idx"], "--labels: expected the file of the pictures' labels, got None"),
        (["run", "in.csv", "--target", "kin"], "in.csv, line 1: no column 'kin'; did you mean 'kind'?"),
        (["run", "in.csv", "--target", "--3"], "in.csv, line 1: no column '--3'; the columns are width, height, kind"),
        (["run", "in.csv", "--target", "²"], "in.csv, line 1: no column '²'"),
        (["run", "in.csv", "--target", "9"], "in.csv: target: expected a column from 0 to 2, got 9"),
        (["run", "bare.csv"], "bare.csv, line 1: no column 'kind'; the columns are width, height"),
        (["run", "new.csv"], "new.csv: the targets: expected the classes of the run, flat, tall, got round, thin"),
        (["run", "missing.csv"], "missing.csv: no such file"),
        (["scores", "in.csv", "--target", "kind"], "loss: expected a network that was saved with its loss, got None"),
        (["scores"], "DATA: expected a file, as the network was saved without data, got None"),
        (["whole"], "--part: expected train, as the run's data have no test part, got 'test'"),
        (["whole", "--part", "test"], "--part: expected train, as the run's data have no test part, got 'test'"),
    ],
)
def test_what_cannot_be_evaluated_is_told(chainrule, trained, folder, arguments, message):
    trained()
    trained(('target = "kind"', 'target = "kind", split = "none"'), out="whole")
    chainrule_runs.save(folder / "scores", Network(layer("affine", units=2), 2))
    (folder / "in.csv").write_text(table(POINTS, KINDS))
    (folder / "bare.csv").write_text(table(POINTS))
    (folder / "new.csv").write_text(table(POINTS, ["flat", "thin", "round", "tall"] * 5))
    np.savez(folder / "in.npz", x=POINTS, y=np.zeros(20, int))
    write_idx(folder / "x.idx", PICTURES)
    shown = chainrule("evaluate", *arguments)
    assert (shown.status, shown.out) == (2, "")
    assert f"Error: {message}" in shown.err, shown.err


def test_labels_that_the_network_does_not_count_are_told_without_python(chainrule, folder):
    chainrule_runs.save(folder / "net", Network(layer("affine", units=3), 2), loss=loss("cross_entropy"))
    np.savez(folder / "in.npz", x=POINTS, y=np.arange(20) % 3 + 1.0)
    shown = chainrule("evaluate", "net", "in.npz")
    assert (shown.status, shown.out) == (2, "")
    assert "cross_entropy targets: expected classes 0 to 2, got 3 at 2; classes count from 0" in shown.err
    assert "classes = true" in shown.err
    assert "np." not in shown.err


def test_a_distribution_is_no_label_where_classes_are_called_by_their_own_numbers(chainrule, folder):
    network = Network(layer("affine", units=3), 2)
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"), classes=["0", "1", "2"])
    labels = np.arange(20) % 3
    np.savez(folder / "labels.npz", x=POINTS, y=labels)
    np.savez(folder / "distributions.npz", x=POINTS, y=np.eye(3)[labels])
    expected = reported(chainrule, "net", "labels.npz")
    found = reported(chainrule, "net", "distributions.npz")
    assert found["error"] == expected["error"]
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
