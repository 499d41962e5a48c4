import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

import chainrule
from chainrule import SGD, Network, train
from chainrule_sklearn import ChainruleClassifier, ChainruleRegressor

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
LABELS = np.array(["setosa", "versicolor", "virginica"])[Y]
SLOW = ChainruleClassifier((4,), epochs=5, batch_size="all", random_state=0)


def like(estimator, **settings):
    return type(estimator)(**{**estimator.get_params(), **settings})


def test_labels_are_words_and_probabilities_stand_in_their_order():
    estimator = ChainruleClassifier((8,), learning_rate=0.05, epochs=40, random_state=0).fit(X, LABELS)
    assert estimator.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert estimator.score(X, LABELS) > 0.95
    p = estimator.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (estimator.classes_[p.argmax(axis=1)] == estimator.predict(X)).all()
    np.testing.assert_allclose(np.exp(estimator.predict_log_proba(X)), p)


def test_a_fit_is_what_train_does():
    estimator = like(SLOW, optimizer="sgd", learning_rate=0.1).fit(X, Y)
    layers = [chainrule.layer("affine_relu", units=4, start="glorot"), chainrule.layer("affine", units=3)]
    network = Network(layers, 4, seed=estimator.network_.seed, dtype=np.float64)
    settings = {"loss": chainrule.loss("cross_entropy"), "optimizer": SGD(0.1), "batch_size": "all", "epochs": 5}
    history = train(network, X, Y, **settings)
    assert np.array_equal(estimator.network_.theta, network.theta)
    assert estimator.history_ == history
    assert estimator.loss_curve_ == [record.e_in.loss for record in history]
    assert (estimator.loss_, estimator.n_iter_) == (history[-1].e_in.loss, 5)


@pytest.mark.parametrize("given, dtype", [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)])
def test_numbers_are_of_double_precision_unless_x_is_of_single(given, dtype):
    x = (4 * X).astype(given)
    classifier = like(SLOW, epochs=1).fit(x, Y)
    assert (classifier.network_.dtype, classifier.predict_proba(x).dtype) == (dtype, dtype)
    regressor = ChainruleRegressor((4,), epochs=1).fit(x, Y)
    assert (regressor.network_.dtype, regressor.predict(x).dtype) == (dtype, dtype)


def test_a_random_state_makes_a_fit_repeatable_and_none_does_not():
    def theta(state):
        return like(SLOW, random_state=state, batch_size=32, learning_rate=0.05).fit(X, Y).network_.theta

    assert np.array_equal(theta(0), theta(0))
    assert np.array_equal(theta(np.random.RandomState(5)), theta(5))
    assert not np.array_equal(theta(0), theta(1))
    assert not np.array_equal(theta(None), theta(None))


STEPS = {"use": "step", "start": 0.5, "factor": 0.5, "every": 2}
MOMENTUM = {"use": "momentum", "learning_rate": STEPS}
RULES = ["adam", MOMENTUM, {"use": "weight_decay", "decay": 0.01, "inner": {"use": "adam"}}]


@pytest.mark.parametrize("rule", RULES, ids=["adam", "momentum of a schedule", "decay around adam"])
def test_partial_fits_keep_the_optimizer_s_state(rule):
    whole = like(SLOW, optimizer=rule).fit(X, Y)
    parts = like(SLOW, optimizer=rule).partial_fit(X, Y, classes=[0, 1, 2])
    for _ in range(4):
        parts.partial_fit(X, Y)
    assert np.array_equal(parts.network_.theta, whole.network_.theta)
    assert parts.loss_curve_ == whole.loss_curve_
    warm = like(SLOW, optimizer=rule, warm_start=True, epochs=1).fit(X, Y)
    for _ in range(4):
        warm.fit(X, Y)
    assert not np.array_equal(warm.network_.theta, whole.network_.theta)  # its rule began anew each time


def test_partial_fits_shuffle_anew_and_go_on_after_a_fit():
    estimator = like(SLOW, batch_size=32, learning_rate=0.05).fit(X, Y)
    before = estimator.network_.theta.copy()
    assert estimator.partial_fit(X[:40], Y[:40]) is estimator  # all of one class, which is nothing to warn of
    assert not np.array_equal(estimator.network_.theta, before)
    assert len(estimator.loss_curve_) == 6
    assert estimator.n_iter_ == 1
    assert estimator.classes_.tolist() == [0, 1, 2]


def test_another_optimizer_begins_with_a_state_of_its_own():
    estimator = like(SLOW).fit(X, Y).set_params(optimizer="momentum", learning_rate=0.1).partial_fit(X, Y)
    fresh = like(SLOW).fit(X, Y).set_params(optimizer="sgd", learning_rate=0.1).partial_fit(X, Y)
    np.testing.assert_allclose(estimator.network_.theta, fresh.network_.theta)  # the first step of momentum


def test_a_warm_start_goes_on_from_the_parameters():
    sgd = like(SLOW, optimizer="sgd", learning_rate=0.1)
    whole, warm = like(sgd, epochs=10).fit(X, Y), like(sgd, warm_start=True).fit(X, Y).fit(X, Y)
    assert np.array_equal(warm.network_.theta, whole.network_.theta)
    assert np.array_equal(like(sgd).fit(X, Y).fit(X, Y).network_.theta, like(sgd).fit(X, Y).network_.theta)


def test_weights_of_samples_and_classes_count_repeated_samples():
    often = np.repeat(np.arange(150), 1 + (Y == 2))
    repeated = SLOW.fit(X[often], LABELS[often]).network_.theta.copy()
    by_sample = like(SLOW).fit(X, LABELS, sample_weight=1 + (Y == 2))
    by_class = like(SLOW, class_weight={"virginica": 2}).fit(X, LABELS)
    for estimator in (by_sample, by_class):
        np.testing.assert_allclose(estimator.network_.theta, repeated, rtol=1e-9)
    assert not np.allclose(like(SLOW).fit(X, LABELS).network_.theta, repeated)
    few = np.r_[0:5, 50:100]
    balanced = like(SLOW, class_weight="balanced").fit(X[few], Y[few])
    weighted = like(SLOW).fit(X[few], Y[few], sample_weight=np.where(Y[few], 1, 10))
    np.testing.assert_allclose(balanced.network_.theta, weighted.network_.theta, rtol=1e-9)


def test_early_stopping_holds_samples_back_and_keeps_the_best_parameters():
    estimator = ChainruleClassifier((16,), learning_rate=0.1, epochs=400, early_stopping=True, random_state=0)
    for weights in (None, np.linspace(1, 2, 150)):
        estimator.set_params(n_iter_no_change=5).fit(X, LABELS, sample_weight=weights)
        assert estimator.n_iter_ < 400
        assert "early stopping" in estimator.history_.stopped
        best = min(estimator.history_, key=lambda record: record.e_validation.loss)
        assert estimator.loss_ == estimator.history_.best.e_in.loss
        assert estimator.history_.best.e_validation.loss <= best.e_validation.loss + estimator.tol
        assert estimator.score(X, LABELS) > 0.9


def test_several_targets_and_a_column():
    both = np.c_[X @ [1, 2, 0, 0], X @ [0, 0, 1, -1]]
    rule = {"use": "momentum", "learning_rate": 0.05}
    estimator = ChainruleRegressor((), optimizer=rule, epochs=400, random_state=0).fit(X, both)
    assert estimator.predict(X).shape == (150, 2)
    assert estimator.score(X, both) > 0.99
    first = like(estimator).fit(X, both[:, 0])
    assert first.predict(X).shape == (150,)
    first.partial_fit(X, both[:, 0])
    with pytest.raises(ValueError, match="`y` has 2 targets, and the call before had 1"):
        first.partial_fit(X, both)


def test_a_loss_without_probabilities_has_no_such_method():
    estimator = ChainruleClassifier((8,), loss="multiclass_hinge", learning_rate=0.05, epochs=40, random_state=0)
    assert not hasattr(estimator, "predict_proba")
    assert estimator.fit(X, LABELS).score(X, LABELS) > 0.9
    assert hasattr(ChainruleClassifier(), "predict_proba")


def test_layers_of_pictures(digits):
    x, y, x_test, y_test = digits
    layers = (
        {"use": "reshape", "shape": [8, 8, 1]},
        {"use": "conv2d", "filters": 4, "kernel": 3},
        {"use": "relu"},
        {"use": "max_pool2d", "size": 2},
        {"use": "flatten"},
    )
    estimator = ChainruleClassifier(layers, learning_rate=0.02, epochs=5, random_state=0).fit(x, y)
    assert estimator.score(x_test, y_test) > 0.85


def test_it_prints_a_line_for_each_epoch_if_asked(capsys):
    like(SLOW, epochs=2).fit(X, Y)
    assert capsys.readouterr().out == ""
    like(SLOW, epochs=2, verbose=True).fit(X, Y)
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()][:2] == [
        ["epoch", "1/2"],
        ["epoch", "2/2"],
    ]
