"""Estimators inside of what scikit-learn builds around them."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from chainrule_sklearn import ChainruleClassifier, ChainruleRegressor

IRIS, WINE = load_iris(return_X_y=True), load_wine(return_X_y=True)


@pytest.mark.filterwarnings("ignore:.*has learned nothing:chainrule.ChainruleWarning")
def test_a_grid_search_over_layers_and_rate_inside_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), ChainruleClassifier(epochs=30, random_state=0))
    dropout = ({"use": "affine_relu", "units": 16}, {"use": "dropout", "rate": 0.1}, 8)
    grid = {
        "chainruleclassifier__hidden_layers": [(4,), (16, 8), dropout],
        "chainruleclassifier__learning_rate": np.array([1e-6, 0.02]),
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(*IRIS)
    assert search.best_score_ > 0.9
    assert search.best_params_["chainruleclassifier__learning_rate"] == 0.02
    scores = dict(zip(map(str, search.cv_results_["params"]), search.cv_results_["mean_test_score"], strict=True))
    assert len(scores) == 6
    assert min(scores.values()) < 0.6  # the rate that learns nothing
    assert search.score(*IRIS) > 0.9
    best = search.best_params_["chainruleclassifier__hidden_layers"]
    assert len(search.best_estimator_[-1].network_.layers) == len(best) + 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("data", [IRIS, WINE], ids=["iris", "wine"])
def test_it_decides_as_well_as_scikit_learn_s_own_network(data):
    ours, theirs = ChainruleClassifier(random_state=0), MLPClassifier(random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    mean = [cross_val_score(make_pipeline(StandardScaler(), e), *data, cv=folds).mean() for e in (ours, theirs)]
    assert mean[0] > mean[1] - 0.01
    assert mean[0] > 0.93


def test_it_decides_digits_as_well_as_scikit_learn_s_own_network(digits):
    x, y, x_test, y_test = digits
    ours, theirs = ChainruleClassifier(random_state=0), MLPClassifier(random_state=0)
    with threadpool_limits(1):  # the cores are other tests', and threads of BLAS that wait for each other take minutes
        right = [make_pipeline(StandardScaler(), e).fit(x, y).score(x_test, y_test) for e in (ours, theirs)]
    assert right[0] > right[1] - 0.01
    assert right[0] > 0.95


def test_a_regressor_of_standardised_targets():
    network = make_pipeline(StandardScaler(), ChainruleRegressor((16,), learning_rate=0.01, epochs=60, random_state=0))
    whole = TransformedTargetRegressor(network, transformer=StandardScaler())
    scores = cross_val_score(whole, *load_diabetes(return_X_y=True), cv=KFold(5, shuffle=True, random_state=0))
    assert scores.mean() > 0.4  # R²


@pytest.mark.parametrize("again", [pickle, joblib], ids=["pickle", "joblib"])
def test_it_survives_a_file_and_goes_on_from_it(again, tmp_path):
    x, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    estimator = ChainruleClassifier((8,), epochs=5, batch_size="all", random_state=0).fit(x, y)
    with open(tmp_path / "estimator", "wb") as file:
        again.dump(estimator, file)
    with open(tmp_path / "estimator", "rb") as file:
        other = again.load(file)
    assert np.array_equal(estimator.predict_proba(x), other.predict_proba(x))
    assert other.history_ == estimator.history_
    for each in (estimator, other):
        each.partial_fit(x, y)
    assert np.array_equal(estimator.network_.theta, other.network_.theta)


def test_a_clone_is_untrained_and_has_the_settings():
    estimator = ChainruleClassifier(
        ({"use": "affine", "units": 4}, {"use": "tanh"}),
        optimizer={"use": "momentum", "learning_rate": 0.1},
        epochs=2,
        random_state=0,
    )
    estimator.fit(StandardScaler().fit_transform(IRIS[0]), IRIS[1])
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert not hasattr(twin, "network_")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_it_stands_behind_transformers_that_give(library):
    frames = pytest.importorskip(library)
    names = ["a", "b", "c", "d"]
    table = frames.DataFrame(dict(zip(names, IRIS[0].T, strict=True)))
    labels = frames.Series(np.array(["setosa", "versicolor", "virginica"])[IRIS[1]])
    pipeline = make_pipeline(StandardScaler(), ChainruleClassifier((8,), learning_rate=0.05, epochs=30, random_state=0))
    pipeline.set_output(transform=library).fit(table, labels)
    assert list(pipeline[-1].feature_names_in_) == names
    assert pipeline[-1].n_features_in_ == 4
    assert pipeline.score(table, labels) > 0.9
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        pipeline[-1].predict(table[["b", "a", "c", "d"]])
