"""Regression in the targets' own unit: a loss of standardised targets, in Python, in recipes and in runs."""

import json
import re

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

import chainrule_runs
from chainrule import (
    SGD,
    DataError,
    Dataset,
    Loss,
    Network,
    SettingError,
    Standardized,
    TargetError,
    evaluate,
    read_recipe,
    train,
)
from chainrule.data import prepare
from chainrule.learning.weights import Weighted, weighed
from chainrule_affine import Affine
from chainrule_data.table_preparation import TablePreparation
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SequenceCrossEntropy, SquaredError, WeightedSum

RNG = np.random.default_rng(5)


class Absolute(Loss):
    """A regression's loss that writes its decisions out."""

    def value(self, scores, targets):
        return np.abs(scores - targets).sum(axis=1)

    def gradient(self, scores, targets):
        return np.sign(scores - targets)

    def decide(self, scores):
        return scores


def test_targets_are_standardized_and_decisions_are_in_their_unit():
    y, s = 1e6 + 3.0 * RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2))
    mean, deviation = (1e6, 1e6 + 1), (3.0, 2.0)
    loss, z = Standardized(SquaredError(), mean, deviation), (y - mean) / deviation
    np.testing.assert_array_equal(loss.value(s, y), SquaredError().value(s, z))
    np.testing.assert_array_equal(loss.gradient(s, y), SquaredError().gradient(s, z))
    np.testing.assert_array_equal(loss.hessian(s, y), SquaredError().hessian(s, z))
    np.testing.assert_allclose(loss.decide(z), y, rtol=1e-15)
    assert loss.decide(s.astype(np.float32)).dtype == np.float64
    assert loss.error(s, y) is None


def test_the_gradient_is_that_of_numerical_differences():
    loss, y, s = Standardized(SquaredError(), 40.0, 7.0), RNG.normal(40, 7, (5, 1)), RNG.normal(size=(5, 1))
    h = 1e-6
    numerical = (loss.value(s + h, y) - loss.value(s - h, y)) / (2 * h)
    np.testing.assert_allclose(loss.gradient(s, y)[:, 0], numerical, rtol=1e-7)
    values, gradient = loss.linearize(s, y)
    np.testing.assert_array_equal(values, loss.value(s, y))
    np.testing.assert_array_equal(gradient, loss.gradient(s, y))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)])
def test_mean_and_deviation_are_learned_in_chunks(shape):
    y = RNG.normal(1e5, 0.5, (10_000, *shape))
    loss = Standardized.learned(SquaredError(), y)
    np.testing.assert_allclose(loss.mean, y.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(loss.deviation, y.std(axis=0), rtol=1e-9)
    assert np.shape(loss.mean) == shape
    assert hash(loss) == hash(Standardized.learned(SquaredError(), y))


def test_a_constant_target_is_divided_by_one_and_a_mapped_file_is_read(tmp_path):
    assert Standardized.learned(SquaredError(), np.full((9000, 1), 0.1)) == Standardized(SquaredError(), (0.1,), (1.0,))
    np.save(tmp_path / "y.npy", np.arange(9000))
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    assert Standardized.learned(SquaredError(), mapped) == Standardized.learned(SquaredError(), np.arange(9000))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Standardized(CrossEntropy(), 0.0, 1.0), SettingError, "loss: expected a loss whose decisions are its"),
        (lambda: Standardized(Logistic(), 0.0, 1.0), SettingError, "targets that are classes are not standardised"),
        (lambda: Standardized(MulticlassHinge(), 0.0, 1.0), SettingError, "loss: expected"),
        (lambda: Standardized(SequenceCrossEntropy(), 0.0, 1.0), SettingError, "loss: expected"),
        (lambda: Standardized(WeightedSum({"a": SquaredError()}), 0.0, 1.0), SettingError, "loss: expected"),
        (lambda: Standardized("squared_error", 0.0, 1.0), SettingError, "loss: expected"),
        (lambda: Standardized(SquaredError(), np.nan, 1.0), SettingError, "mean: expected finite numbers, got nan"),
        (lambda: Standardized(SquaredError(), 0.0, 0.0), SettingError, "deviation: expected finite numbers above 0, g"),
        (lambda: Standardized(SquaredError(), "0", 1.0), SettingError, "mean: expected"),
        (lambda: Standardized(SquaredError(), (0.0, 1.0), 1.0), SettingError, "deviation: expected one for each mean"),
        (lambda: Standardized.learned(SquaredError(), []), DataError, "targets: expected at least one sample"),
        (lambda: Standardized.learned(SquaredError(), [1.0, np.nan]), DataError, "targets, row 1"),
        (lambda: Standardized.learned(SquaredError(), ["a"]), DataError, "targets: expected real numbers"),
    ],
)
def test_what_cannot_be_standardized_is_told(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.zeros(4), "targets: expected (B, 1), got (4,)"),
        (np.zeros((4, 3)), "targets: expected (B, 1), got (4, 3)"),
        (np.zeros((3, 1)), "squared_error targets: expected (4, 1), got (3, 1)"),
        (None, "squared_error targets: expected one for each sample, got None"),
        (np.array([["a"]] * 4), "squared_error targets: expected real numbers"),
    ],
)
def test_targets_are_never_broadcast(targets, message):
    with pytest.raises(TargetError, match=re.escape(message)):
        Standardized(SquaredError(), (0.0,), (1.0,)).value(np.zeros((4, 1)), targets)


def test_a_loss_that_writes_out_that_its_decisions_are_its_scores_is_one():
    assert Standardized(Absolute(), 3.0, 2.0).decide(np.ones((1, 1))) == 5.0


def test_training_is_that_on_standardized_targets_weights_included():
    x, v = RNG.normal(size=(60, 3)), RNG.uniform(0.5, 2, 60)
    y = 500 + 40 * x @ [[1.0], [2], [-1]] + RNG.normal(size=(60, 1))
    loss = Standardized.learned(SquaredError(), y)
    settings = {"optimizer": SGD(0.05), "batch_size": 7, "epochs": 5, "sample_weight": v}
    own, other = (Network([Affine(1)], 3, dtype="float64") for _ in range(2))
    found = train(own, x, y, loss=loss, test=(x, y, v), **settings)
    z = (y - loss.mean) / loss.deviation
    assert found == train(other, x, z, loss=SquaredError(), test=(x, z, v), **settings)
    np.testing.assert_array_equal(own.theta, other.theta)
    assert evaluate(own, x, y, loss, sample_weight=v) == found[-1].e_in
    np.testing.assert_array_equal(Weighted(loss).weight(weighed(y, v)), v)
    assert np.abs(own.decide(x, loss) - y).mean() < 20  # of a deviation of 100


TABLE = """\
[data]
use = "csv"
path = "houses.csv"
target = "price"
standardize = true
[network]
layers = [{ use = "affine_relu", units = 8 }, { use = "affine", units = 1 }]
[training]
loss = "squared_error"
optimizer = { use = "momentum", learning_rate = 0.02 }
batch_size = 16
epochs = 30
"""
AREA, ROOMS = RNG.uniform(20, 200, 120).round(1), RNG.integers(1, 8, 120)
PRICE = (3000 * AREA + 20_000 * ROOMS + RNG.normal(0, 5000, 120)).round(2)


@pytest.fixture
def trained(chainrule, folder):
    def train(*replacements, out="run", options=()):
        rows = zip(AREA, ROOMS, PRICE, strict=True)
        lines = ["area,rooms,price", *(",".join(map(str, row)) for row in rows)]
        (folder / "houses.csv").write_text("\n".join(lines) + "\n")
        text = TABLE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (folder / "recipe.toml").write_text(text)
        shown = chainrule("train", "recipe.toml", "--out", out, *options)
        assert shown.status == 0, shown.err
        return folder / out

    return train


def test_a_recipes_targets_are_standardized_by_the_training_part_alone(trained):
    recipe = read_recipe(trained() / "recipe.toml")
    data = recipe.dataset()
    assert recipe.loss() == SquaredError()
    assert recipe.loss(data) == Standardized.learned(SquaredError(), data.y)
    np.testing.assert_allclose(recipe.loss(data).mean, data.y.mean())


def test_a_run_of_a_standardized_target_predicts_in_its_unit(chainrule, trained, folder):
    run = trained()
    data = read_recipe(run / "recipe.toml").dataset()
    (folder / "houses.csv").rename(folder / "others.csv")  # the training data are not needed any more
    model = chainrule_runs.open_model(run)
    decided = model.decide(folder / "others.csv")[:, 0]
    assert np.corrcoef(decided, PRICE)[0, 1] > 0.99
    assert np.abs(decided - PRICE).mean() < 0.2 * PRICE.std()
    np.testing.assert_array_equal(model.predict(folder / "others.csv")[:, 0], decided)
    np.testing.assert_array_equal(model.decide({"rooms": ROOMS, "area": AREA})[:, 0], decided)
    assert model.saved.loss == Standardized.learned(SquaredError(), data.y)
    assert chainrule_runs.load(run).predict(data.x).std() < 2  # the network's own scores are standardised

    lines = [line.split(",") for line in chainrule("predict", "run", "others.csv").out.splitlines()]
    assert lines[0] == ["decision", "score"]
    np.testing.assert_allclose(np.array(lines[1:], float), np.stack([decided, decided], axis=1), rtol=1e-12)
    assert chainrule("predict", "run", "others.csv", "--out", "out.npz").status == 0
    with np.load(folder / "out.npz") as arrays:
        np.testing.assert_array_equal(arrays["scores"], arrays["decisions"])
        np.testing.assert_array_equal(arrays["scores"][:, 0], decided)


def test_a_run_is_resumed_to_the_bit_and_can_be_begun_from(chainrule, trained, folder):
    whole = trained()
    trained(("epochs = 30", "epochs = 12"), out="part")
    assert chainrule("train", "--resume", "part", "--set", "training.epochs=30").status == 0
    one, other = (chainrule_runs.open_model(path) for path in (whole, folder / "part"))
    np.testing.assert_array_equal(one.saved.network.theta, other.saved.network.theta)
    assert one.saved.loss == other.saved.loss
    further = trained(("epochs = 30", "epochs = 1"), out="further", options=("--from", "run"))
    first = json.loads((further / "history.jsonl").read_text().splitlines()[0])
    assert first["e_in"]["loss"] < 0.1


def test_features_alone_may_be_standardized_and_classes_never_are(trained):
    features = ("standardize = true", 'standardize = "features"')
    plain = trained(features, ("learning_rate = 0.02", "learning_rate = 1e-9"), ("epochs = 30", "epochs = 1"))
    assert chainrule_runs.open_model(plain).saved.loss == SquaredError()
    classes = [("price", "rooms"), ("units = 1 ", "units = 8 "), ("squared_error", "cross_entropy")]
    numbers = trained(*classes, ("epochs = 30", "epochs = 1"), out="numbers")
    assert chainrule_runs.open_model(numbers).saved.loss == CrossEntropy()


def test_arrays_of_an_npz_are_standardized_by_one_word(chainrule, trained, folder):
    np.savez(folder / "in.npz", x=np.stack([AREA, ROOMS], axis=1), y=np.stack([PRICE, -PRICE], axis=1))
    data = 'use = "npz"\npath = "in.npz"\npreparation = { use = "table", standardize = true }\n'
    head, _, rest = TABLE.partition("[network]")
    table = (head[head.index("use") :], data), ("units = 1 ", "units = 2 ")
    assert rest
    run = trained(*table)
    decided = chainrule_runs.open_model(run).decide(folder / "in.npz")
    assert np.corrcoef(decided[:, 0], PRICE)[0, 1] > 0.99
    assert np.corrcoef(decided[:, 1], -PRICE)[0, 1] > 0.99


def test_a_network_is_saved_with_its_standardized_loss(tmp_path):
    data = prepare(
        Dataset(np.stack([AREA, ROOMS], axis=1), PRICE[:, None]), preparation=TablePreparation(standardize=True)
    )
    loss, network = Standardized.learned(SquaredError(), data.y), Network([Affine(1)], 2)
    train(network, data.x, data.y, loss=loss, optimizer=SGD(0.02), batch_size=8, epochs=10)
    chainrule_runs.save(tmp_path / "net", network, loss=loss, preparation=data.preparation)
    model = chainrule_runs.open_model(tmp_path / "net")
    assert model.saved.loss == loss
    np.testing.assert_array_equal(model.decide(np.stack([AREA, ROOMS], axis=1)[:5]).shape, (5, 1))
    assert "chainrule-losses" in model.saved.recipe.table["versions"]


def test_gradcheck_differentiates_the_standardized_loss(chainrule, trained):
    trained()
    shown = chainrule("gradcheck", "recipe.toml")
    assert shown.status == 0, shown.out
    assert "all derivatives agree" in shown.out


def test_evaluate_and_plot_are_in_the_targets_unit(chainrule, trained, folder):
    run = trained()
    data, model = read_recipe(run / "recipe.toml").dataset(), chainrule_runs.open_model(run)
    off = model.saved.network.decide(data.x_test, model.saved.loss)[:, 0] - data.y_test
    expected = {
        "r2": 1 - (off**2).mean() / data.y_test.var(),
        "mae": np.abs(off).mean(),
        "rmse": np.sqrt((off**2).mean()),
    }
    report = json.loads(chainrule("evaluate", "run", "--json").out)
    assert report["metrics"] == pytest.approx(expected)
    shown = f"R² {expected['r2']:.3f}, MAE {expected['mae']:,.0f}, RMSE {expected['rmse']:,.0f}"
    assert chainrule("evaluate", "run").out == f"24 samples: loss {report['loss']:.5f}, {shown}\n"
    assert chainrule("plot", "run").out.split() == ["run/history.png", "run/predicted.png"]
    assert chainrule("plot", "run", "--predicted", "--out", "own.svg").status == 0
    assert f"R² {expected['r2']:.3f}, RMSE {expected['rmse']:.4g}" in (folder / "own.svg").read_text()
    (folder / "houses.csv").unlink()
    assert chainrule("plot", "run").out.split() == ["run/history.png"]
    assert "--predicted" in chainrule("plot", "run", "--help").out
