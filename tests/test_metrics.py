"""Metrics of whole parts: ours and scikit-learn's."""

import csv
import re
from dataclasses import dataclass

import numpy as np
import pytest
import sklearn.metrics
from command_line import chainrule as chainrule, folder as folder

import chainrule as core
from chainrule import SGD, Evaluation, Metric, Network, PluginError, SettingError, UnsupportedError, evaluate, train
from chainrule_affine import Affine
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic, SquaredError
from chainrule_losses.metrics import MAE, R2, RMSE, Accuracy, BalancedAccuracy
from chainrule_runs import CSVLog, EarlyStopping, JSONLLog

RNG = np.random.default_rng(3)
N = 700
X, WEIGHTS = RNG.normal(size=(N, 4)), RNG.uniform(0, 3, N)
THREE = (X[:, 0] > 0.4).astype(int) + (X[:, 1] + 0.5 * RNG.normal(size=N) > 0.3)
TWO = (X[:, 0] + RNG.normal(size=N) > 0.5).astype(int)


def trained(y, loss, outputs):
    network = Network([Affine(outputs)], 4, dtype="float64")
    train(network, X, y, loss=loss, optimizer=SGD(0.3), batch_size=50, epochs=2)
    return network


CASES = {  # targets, as the loss has them and as scikit-learn has them; the loss; outputs; scikit-learn's probabilities
    "cross_entropy": (THREE, THREE, CrossEntropy(), 3, lambda p: p),
    "cross_entropy of two": (TWO, TWO, CrossEntropy(), 2, lambda p: p[:, 1]),
    "logistic": (TWO[:, None], TWO, Logistic(), 1, lambda p: p[:, 0]),
    "signed_logistic": (2 * TWO[:, None] - 1, 2 * TWO - 1, SignedLogistic(), 1, lambda p: p[:, 0]),
}


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_classes_are_measured_as_scikit_learn_measures_them(name, weights, shards):
    y, labels, loss, outputs, plain = CASES[name]
    network = trained(y, loss, outputs)
    scores = network.predict(X)
    decided, p = loss.decide(scores).reshape(-1), plain(loss.probabilities(scores))
    settings = {"average": "macro"} if outputs == 3 else {}
    of_curve = {"multi_class": "ovr"} if outputs == 3 else {}
    metrics = {
        "accuracy": Accuracy(),
        "balanced_accuracy": BalancedAccuracy(),
        "f1": core.metric("f1", **settings),
        "recall": core.metric("recall", **settings),
        "matthews": core.metric("matthews"),
        "roc_auc": core.metric("roc_auc", **of_curve),
        "log_loss": core.metric("log_loss"),
        "average_precision": core.metric("average_precision"),
    }
    found = evaluate(network, X, y, loss, sample_weight=weights, shards=shards, metrics=metrics)
    v = {"sample_weight": weights}
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(labels, decided, **v),
        "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(labels, decided, **v),
        "f1": sklearn.metrics.f1_score(labels, decided, **settings, **v),
        "recall": sklearn.metrics.recall_score(labels, decided, **settings, **v),
        "matthews": sklearn.metrics.matthews_corrcoef(labels, decided, **v),
        "roc_auc": sklearn.metrics.roc_auc_score(labels, p, **of_curve, **v),
        "log_loss": sklearn.metrics.log_loss(labels, p, **v),
        "average_precision": sklearn.metrics.average_precision_score(labels, p, **v),
    }
    assert found.metrics == pytest.approx(expected, rel=1e-12)
    assert found.metrics["accuracy"] == pytest.approx(1 - found.error)
    assert found.metrics["log_loss"] == pytest.approx(found.loss)
    bare = evaluate(network, X, y, loss, sample_weight=weights, shards=shards)
    assert (bare.loss, bare.error, bare.metrics) == (found.loss, found.error, {})


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("columns", [1, 3])
def test_numbers_are_measured_as_scikit_learn_measures_them(columns, weights):
    y = 50 + X @ RNG.normal(size=(4, columns)) + RNG.normal(size=(N, columns))
    loss = core.Standardized.learned(SquaredError(), y)
    network = trained(y, loss, columns)
    metrics = {"r2": R2(), "mae": MAE(), "rmse": RMSE(), "median": core.metric("median_absolute_error")}
    found = evaluate(network, X, y, loss, sample_weight=weights, metrics=metrics)
    decided, v = network.decide(X, loss), {"sample_weight": weights}
    expected = {
        "r2": sklearn.metrics.r2_score(y, decided, **v),
        "mae": sklearn.metrics.mean_absolute_error(y, decided, **v),
        "rmse": sklearn.metrics.root_mean_squared_error(y, decided, **v),
        "median": sklearn.metrics.median_absolute_error(y, decided, **v),
    }
    assert found.metrics == pytest.approx(expected, rel=1e-10)


def test_targets_that_are_distributions_are_their_likeliest_class():
    network, t = trained(THREE, CrossEntropy(), 3), np.eye(3)[THREE] * 0.8 + 0.2 / 3
    found, plain = (
        evaluate(network, X, y, CrossEntropy(), metrics={"accuracy": Accuracy()}).metrics for y in (t, THREE)
    )
    assert found == plain


def test_what_is_undefined_is_none():
    network, ones = trained(TWO[:, None], Logistic(), 1), np.ones((N, 1), int)
    names = ("roc_auc", "average_precision", "balanced_accuracy")
    found = evaluate(network, X, ones, Logistic(), metrics={name: core.metric(name) for name in names})
    assert found.metrics == {"roc_auc": None, "average_precision": None, "balanced_accuracy": None}
    three = trained(THREE, CrossEntropy(), 3)
    metrics = {"roc_auc": core.metric("roc_auc", multi_class="ovr"), "f1": core.metric("f1", average="macro")}
    assert evaluate(three, X, np.zeros(N, int), CrossEntropy(), metrics=metrics).metrics["roc_auc"] is None
    constant = evaluate(network, X, np.full((N, 1), 2.0), SquaredError(), metrics={"r2": R2(), "mae": MAE()})
    assert constant.metrics["r2"] is None
    assert constant.metrics["mae"] > 0
    never = Network([Affine(1)], 4)
    never.theta = np.array([0.0] * 4 + [-1.0])
    zero = {"f1": core.metric("f1"), "precision": core.metric("precision", zero_division=0.0)}
    assert evaluate(never, X, TWO[:, None], Logistic(), metrics=zero).metrics["precision"] == 0.0


def test_a_part_that_lacks_a_class_has_a_log_loss():
    found = evaluate(
        trained(THREE, CrossEntropy(), 3), X, THREE % 2, CrossEntropy(), metrics={"log_loss": core.metric("log_loss")}
    )
    assert found.metrics["log_loss"] == pytest.approx(found.loss)


def test_a_history_has_them_by_name_and_shows_them(capsys):
    network = Network([Affine(3)], 4)
    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 50, "epochs": 3, "verbose": True}
    metrics = {"right": Accuracy(), "f1": core.metric("f1", average="macro")}
    history = train(network, X, THREE, test=(X[:90], THREE[:90]), metrics=metrics, **settings)
    last = evaluate(network, X[:90], THREE[:90], CrossEntropy(), metrics=metrics)
    assert history[-1].e_out == last
    assert list(last.figures) == ["loss", "error", "right", "f1"]
    assert repr(last).endswith(f"metrics={last.metrics})")
    assert f" right {last.metrics['right']:.3f} f1 {last.metrics['f1']:.3f}\n" in capsys.readouterr().out
    assert history._repr_html_().count("right") == 2
    assert "metrics" not in repr(Evaluation(1.0, None))
    assert hash(Evaluation(1.0, None)) == hash(Evaluation(1.0, None, {}))
    assert Evaluation(1.0, None) != Evaluation(1.0, None, {"r2": None})


@dataclass(frozen=True)
class Wrong(Metric):
    """A metric that returns what it was made of, or raises it."""

    found: object

    def measure(self, targets, decisions, probabilities, weights):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (ZeroDivisionError("by 0"), "metric 'mine' failed: ZeroDivisionError: by 0; mend it, or take it out of the"),
        (np.nan, "metric 'mine': expected a finite number, or None, got nan; None says that it is undefined"),
        ("0.5", "metric 'mine': expected a finite number, or None, got '0.5'"),
        (True, "metric 'mine': expected a finite number, or None, got True"),
        (np.ones(2), "metric 'mine': expected a finite number, or None, got array([1., 1.])"),
    ],
)
def test_a_wrong_metric_is_told(found, message):
    with pytest.raises(PluginError, match=re.escape(message)):
        evaluate(Network([Affine(3)], 4), X, THREE, CrossEntropy(), metrics={"mine": Wrong(found)})


@pytest.mark.parametrize(
    ("metrics", "y", "loss", "kind", "message"),
    [
        ([Accuracy()], THREE, CrossEntropy(), SettingError, 'metrics: expected metrics by name, {"r2": R2()}'),
        ({"r2": "r2"}, THREE, CrossEntropy(), SettingError, "metrics: expected metrics by name"),
        ({"loss": R2()}, THREE, CrossEntropy(), SettingError, "metrics: expected names, and none of loss and error"),
        ({"r2": R2()}, None, CrossEntropy(), SettingError, "metrics: expected none, as there is no one target"),
        ({"roc": core.metric("roc_auc")}, THREE, MulticlassHinge(), UnsupportedError, "is no likelihood"),
        ({"accuracy": Accuracy()}, X[:, :3], SquaredError(), PluginError, "accuracy decisions: expected classes"),
        ({"roc": core.metric("roc_auc")}, THREE, CrossEntropy(), PluginError, "multi_class must be in"),
    ],
)
def test_what_cannot_be_measured_is_told(metrics, y, loss, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        evaluate(Network([Affine(3)], 4), X, y, loss, metrics=metrics)


def test_a_metric_of_scikit_learns_has_the_settings_of_its_function():
    with pytest.raises(SettingError, match=r"averag: f1 has no such setting; did you mean average\?"):
        core.metric("f1", averag="macro")
    with pytest.raises(SettingError, match="beta: fbeta needs this setting"):
        core.metric("fbeta")
    with pytest.raises(PluginError, match="scikit-learn has no such metric"):
        core.registry.find("metrics", "chainrule_sklearn.metrics:f3_score")
    assert core.registry.find("metrics", "chainrule_sklearn.metrics:zero_one_loss")().larger_is_better is False
    assert core.metric("log_loss").larger_is_better is False
    assert core.metric("roc_auc").larger_is_better is True


def test_early_stopping_waits_for_a_metric_to_rise_or_to_fall():
    values = iter([0.1, None, 0.5, 0.4, 0.3, 0.2])

    @dataclass(frozen=True)
    class Scripted(Metric):
        def measure(self, targets, decisions, probabilities, weights):
            return next(values)

    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 50, "epochs": 9}
    hooks = [EarlyStopping(2, "e_in.mine")]
    history = train(Network([Affine(3)], 4), X, THREE, metrics={"mine": Scripted()}, hooks=hooks, **settings)
    assert history.stopped == "early stopping: e_in.mine was best in epoch 3, whose parameters are kept"
    assert history.best.e_in.metrics == {"mine": 0.5}
    values = iter([0.5, 0.2, 0.3, 0.4])
    smaller = type("Smaller", (Scripted,), {"larger_is_better": False})
    history = train(Network([Affine(3)], 4), X, THREE, metrics={"mine": smaller()}, hooks=hooks, **settings)
    assert history.best.epoch == 2
    with pytest.raises(SettingError, match=r"expected e_in.loss or e_in.error, got 'e_in.mine'; the metrics of a run"):
        train(Network([Affine(3)], 4), X, THREE, hooks=hooks, **settings)


def test_logs_have_a_column_for_each(tmp_path):
    hooks = [CSVLog(tmp_path / "log.csv"), JSONLLog(tmp_path / "log.jsonl")]
    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 50, "epochs": 2, "hooks": hooks}
    parts = {"test": (X[:50], THREE[:50]), "validation": (X[50:90], THREE[50:90])}
    history = train(Network([Affine(3)], 4), X, THREE, metrics={"a,b": Accuracy()}, **parts, **settings)
    head, *rows = csv.reader((tmp_path / "log.csv").read_text().splitlines())
    assert head[-3:] == ["e_in_a,b", "e_out_a,b", "e_validation_a,b"]
    last = history[-1]
    values = [found.metrics["a,b"] for found in (last.e_in, last.e_out, last.e_validation)]
    assert [float(cell) for cell in rows[-1][-3:]] == values


def test_cross_validation_has_the_mean_of_each():
    found = core.CrossValidation((Evaluation(1.0, None, {"r2": 0.5, "a": None}), Evaluation(2.0, None, {"r2": 0.7})))
    assert found.mean == Evaluation(1.5, None, {"r2": 0.6, "a": None})
    assert found.standard_error.metrics["r2"] == pytest.approx(0.1)
    assert str(found).endswith(", r2 0.600 ± 0.100, a none ± none")


def test_weights_of_samples_and_of_classes_count_in_training():
    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 50, "epochs": 1}
    metrics, network = {"accuracy": Accuracy()}, Network([Affine(3)], 4)
    history = train(network, X, THREE, sample_weight=WEIGHTS, class_weight={1: 5.0}, metrics=metrics, **settings)
    right = network.decide(X, CrossEntropy()) == THREE
    weights = WEIGHTS * np.where(THREE == 1, 5.0, 1.0)
    assert history[0].e_in.metrics["accuracy"] == pytest.approx((weights * right).sum() / weights.sum())
    assert history[0].e_in.metrics["accuracy"] == pytest.approx(1 - history[0].e_in.error)


def test_the_bits_of_a_run_are_those_without_metrics():
    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 50, "epochs": 3}
    one, other = Network([Affine(3)], 4), Network([Affine(3)], 4)
    plain = train(one, X, THREE, **settings)
    measured = train(other, X, THREE, metrics={"log_loss": core.metric("log_loss")}, **settings)
    np.testing.assert_array_equal(one.theta, other.theta)
    assert [(r.e_in.loss, r.e_in.error) for r in plain] == [(r.e_in.loss, r.e_in.error) for r in measured]
