"""Weights of samples and of classes: a weight of 2 is the sample twice, and one of 0 is none."""

import numpy as np
import pytest

import chainrule
from chainrule import SGD, DataError, Network, SettingError, evaluate, train
from chainrule.learning.weights import Weighted, weighed
from chainrule_affine import Affine, AffineReLU, Tanh
from chainrule_losses import CrossEntropy, Logistic, SequenceCrossEntropy, SquaredError
from chainrule_optimizers import Adam, LevenbergMarquardt

RNG = np.random.default_rng(0)
X, CLASSES, V = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30), RNG.integers(0, 4, 30)
TWICE = np.repeat(np.arange(30), V)


def new(outputs=3):
    return Network([AffineReLU(5), Affine(outputs)], 4, seed=1, dtype=np.float64)


def trained(x, y, loss, optimizer, outputs=3, **options):
    network = new(outputs)
    options = {"batch_size": "all", "epochs": 4} | options
    history = train(network, x, y, loss=loss, optimizer=optimizer, **options)
    return network.theta.copy(), history


@pytest.mark.parametrize(
    "optimizer", [SGD(0.3), Adam(0.05), LevenbergMarquardt()], ids=lambda rule: type(rule).__name__
)
@pytest.mark.parametrize(
    "loss, y, outputs",
    [
        (CrossEntropy(), CLASSES, 3),
        (Logistic(), (CLASSES[:, None] > 0).astype(int), 1),
        (SquaredError(), X[:, :2] ** 2, 2),
    ],
    ids=["cross_entropy", "logistic", "squared_error"],
)
@pytest.mark.parametrize("shards", [1, 2])
def test_a_weight_of_n_is_the_sample_n_times(loss, y, outputs, optimizer, shards):
    weighted, ours = trained(X, y, loss, optimizer, outputs, sample_weight=V, test=(X, y, V), shards=shards)
    repeated, theirs = trained(X[TWICE], y[TWICE], loss, optimizer, outputs, test=(X[TWICE], y[TWICE]))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9, atol=1e-12)
    for a, b in zip(ours, theirs, strict=True):
        for own, other in ((a.e_in, b.e_in), (a.e_out, b.e_out)):
            assert own.loss == pytest.approx(other.loss, rel=1e-9)
            assert own.error == (None if other.error is None else pytest.approx(other.error, rel=1e-9))


def test_the_gradient_is_that_of_the_weighted_mean():
    network, loss = new(), Weighted(CrossEntropy())
    targets = weighed(CLASSES, V.astype(float))
    value = network.backprop(X, targets, loss)
    h, numerical = 1e-6, []
    gradient, start = network.gradient.copy(), network.theta.copy()
    for i in range(start.size):
        at = []
        for sign in (1, -1):
            network.theta = start + sign * h * (np.arange(start.size) == i)
            values = CrossEntropy().value(network.predict(X), CLASSES)
            at.append((V * values).sum() / V.sum())
        numerical.append((at[0] - at[1]) / (2 * h))
    np.testing.assert_allclose(gradient, numerical, atol=1e-8)
    network.theta = start
    assert value == pytest.approx((V * CrossEntropy().value(network.predict(X), CLASSES)).sum() / V.sum())


def test_what_the_loss_itself_weighs_is_weighed_once_more():
    scores, y = RNG.normal(size=(5, 6, 3)), RNG.integers(0, 3, (5, 6))
    y[0, :4] = -100
    loss, v = SequenceCrossEntropy(ignore_index=-100), np.array([2.0, 1, 0, 3, 1])
    rows = np.repeat(np.arange(5), v.astype(int))
    ours, theirs = Weighted(loss), loss
    of = weighed(y, v)
    for ask in ("value", "error"):
        own, other = getattr(ours, ask)(scores, of), getattr(theirs, ask)(scores[rows], y[rows])
        assert own.sum() / ours.weight(of).sum() == pytest.approx(other.sum() / theirs.weight(y[rows]).sum())


def test_evaluate_takes_weights():
    network = new()
    ours = evaluate(network, X, CLASSES, CrossEntropy(), sample_weight=V)
    theirs = evaluate(network, X[TWICE], CLASSES[TWICE], CrossEntropy())
    assert (ours.loss, ours.error) == (pytest.approx(theirs.loss), pytest.approx(theirs.error))


def test_a_batch_in_which_nothing_counts_makes_no_step():
    network = new()
    before, weights = network.theta.copy(), np.zeros(30)
    weights[-1] = 1
    seen = []

    class Watch:
        def chainrule_batch_ended(self, run, record):
            seen.append((record.loss, np.array_equal(run.network.theta, before)))

    rule = Adam(0.1)
    train(
        network,
        X,
        CLASSES,
        loss=CrossEntropy(),
        optimizer=rule,
        batch_size=1,
        epochs=1,
        sample_weight=weights,
        hooks=[Watch()],
    )
    moved = [same for _, same in seen].index(False)
    assert all(loss == 0 and same for loss, same in seen[:moved])
    assert seen[moved][0] > 0
    assert all(loss == 0 for loss, _ in seen[moved + 1 :])
    assert not np.array_equal(network.theta, before)


def test_balanced_classes_count_alike():
    y = np.array([0] * 20 + [1] * 8 + [2] * 2)
    weights = np.where(y == 0, 30 / 60, np.where(y == 1, 30 / 24, 30 / 6))
    balanced, ours = trained(X, y, CrossEntropy(), SGD(0.1), class_weight="balanced", test=(X[:9], y[:9]))
    by_hand, theirs = trained(X, y, CrossEntropy(), SGD(0.1), sample_weight=weights, test=(X[:9], y[:9], weights[:9]))
    np.testing.assert_array_equal(balanced, by_hand)
    assert ours == theirs
    table, _ = trained(X, y, CrossEntropy(), SGD(0.1), class_weight={0: 2, "2": 0.5}, sample_weight=V)
    np.testing.assert_array_equal(
        table, trained(X, y, CrossEntropy(), SGD(0.1), sample_weight=V * np.array([2, 1, 0.5])[y])[0]
    )


def test_a_recipe_weighs_classes():
    recipe = chainrule.Recipe(
        {
            "data": {"use": "digits"},
            "network": {"layers": [{"use": "flatten"}, {"use": "affine", "units": 10}]},
            "training": {
                "loss": "cross_entropy",
                "optimizer": {"use": "sgd", "learning_rate": 0.1},
                "batch_size": "all",
                "epochs": 2,
                "class_weight": {"3": 4},
            },
        }
    )
    data = recipe.dataset()
    network = recipe.network(data)
    history = recipe.train(network, data)
    weights = np.where(data.y == 3, 4.0, 1.0)
    found = evaluate(network, data.x, data.y, CrossEntropy(), sample_weight=weights)
    assert history[-1].e_in.loss == pytest.approx(found.loss)


def test_a_weighted_loss_says_what_the_loss_does():
    loss, scores = Weighted(CrossEntropy()), RNG.normal(size=(4, 3))
    np.testing.assert_array_equal(loss.decide(scores), CrossEntropy().decide(scores))
    np.testing.assert_array_equal(loss.probabilities(scores), CrossEntropy().probabilities(scores))
    assert loss.applies == "softmax"
    assert Weighted(SquaredError()).error(scores, weighed(scores, np.ones(4))) is None


@pytest.mark.filterwarnings("error")
def test_doubts_are_of_the_data_as_they_are():
    network = Network([Affine(3), Tanh(), chainrule.layer("softmax")], 4)
    with pytest.warns(chainrule.ChainruleWarning, match="softmax"):
        train(network, X, CLASSES, loss=CrossEntropy(), optimizer=SGD(0.1), batch_size="all", epochs=1, sample_weight=V)


@pytest.mark.parametrize(
    "options, error, message",
    [
        (
            {"sample_weight": V[:7]},
            DataError,
            "sample_weight: expected 30 numbers, one for each sample, got shape (7,)",
        ),
        ({"sample_weight": -V}, DataError, "sample_weight, row "),
        ({"sample_weight": np.zeros(30)}, DataError, "sample_weight: expected a sample that counts, got 0 for each"),
        ({"sample_weight": np.full(30, np.nan)}, DataError, "sample_weight, row 0"),
        ({"sample_weight": ["a"] * 30}, DataError, "sample_weight: expected real numbers"),
        ({"test": (X, CLASSES, V[:3])}, DataError, "test weights: expected 30 numbers"),
        (
            {"test": (X, CLASSES, V, V)},
            SettingError,
            "test: expected a pair (x, targets), or (x, targets, sample weights)",
        ),
        ({"class_weight": "even"}, SettingError, 'class_weight: expected "balanced", or a table of numbers from 0 on'),
        ({"class_weight": {0: -1}}, SettingError, "class_weight: expected"),
        ({"class_weight": {}}, SettingError, "class_weight: expected"),
        ({"class_weight": {7: 1.0}}, SettingError, "class_weight: expected classes of the training data, got 7"),
    ],
)
def test_wrong_weights_are_refused_before_the_first_step(options, error, message):
    network = new()
    before = network.theta.copy()
    with pytest.raises(error) as caught:
        train(network, X, CLASSES, loss=CrossEntropy(), optimizer=SGD(0.1), batch_size=8, epochs=1, **options)
    assert str(caught.value).startswith(message)
    np.testing.assert_array_equal(network.theta, before)


def test_what_has_no_classes_has_no_weights_of_them():
    with pytest.raises(
        DataError, match="class_weight: expected targets that are classes, one for each sample, got float64"
    ):
        train(
            new(2),
            X,
            X[:, :2],
            loss=SquaredError(),
            optimizer=SGD(0.1),
            batch_size=8,
            epochs=1,
            class_weight="balanced",
        )
