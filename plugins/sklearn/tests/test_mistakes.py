"""What is wrong is told by the name of the estimator's parameter."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import chainrule
from chainrule import DivergenceError, RecipeError, SettingError, UnknownNameError
from chainrule_sklearn import ChainruleClassifier, ChainruleRegressor

X = np.array([[0.0, 0.5], [1.0, 0.25], [0.0, -1.0], [1.0, 1.0]])
Y = np.array([0, 1, 0, 1])

SETTINGS = [
    ({"hidden_layers": "100"}, SettingError, r"hidden_layers: expected a tuple of sizes and of tables, .*, got '100'"),
    ({"hidden_layers": (8, 0.5)}, SettingError, r"hidden_layers\[1\]: expected a size, or a table .*, got 0.5"),
    ({"hidden_layers": (0,)}, SettingError, r"hidden_layers\[0\]: expected a size, .*, got 0"),
    ({"hidden_layers": [{"units": 8}]}, RecipeError, r'^hidden_layers\[0\]: expected .* a name under "use"'),
    (
        {"hidden_layers": [{"use": "affin", "units": 8}]},
        UnknownNameError,
        r"^hidden_layers\[0\]: .*did you mean affine",
    ),
    ({"hidden_layers": [{"use": "affine", "units": -1}]}, RecipeError, r"^hidden_layers\[0\].units: expected .*-1"),
    ({"hidden_layers": [{"use": "reshape", "shape": [2, 1]}]}, chainrule.ShapeError, "put flatten before it"),
    ({"loss": "cross"}, UnknownNameError, r"^loss: no plug-in offers 'cross'.*cross_entropy"),
    ({"loss": None}, RecipeError, r"^loss: expected a string or a table, got None"),
    ({"optimizer": "sgd"}, RecipeError, r"^optimizer.learning_rate: sgd needs this setting; try learning_rate = 0.1"),
    ({"optimizer": 0.1}, RecipeError, r"^optimizer: expected a string or a table, got 0.1"),
    ({"learning_rate": -1.0}, RecipeError, r"^optimizer.learning_rate: expected a positive number"),
    (
        {"optimizer": {"use": "sgd", "learning_rate": 0.1}, "learning_rate": 0.2},
        SettingError,
        "learning_rate: expected None: the optimizer's table says the learning rate, got 0.2",
    ),
    ({"batch_size": "some"}, SettingError, "batch_size: expected 'auto', 'all' or a positive int, got 'some'"),
    ({"batch_size": 2.0}, SettingError, "batch_size: expected 'auto', 'all' or a positive int, got 2.0"),
    ({"batch_size": 0}, SettingError, "batch_size: expected a positive int, got 0"),
    ({"epochs": 0}, SettingError, "epochs: expected a positive int, got 0"),
    ({"epochs": True}, SettingError, "epochs: expected a positive int, got True"),
    ({"n_iter_no_change": 0}, SettingError, "n_iter_no_change: expected a positive int, got 0"),
    ({"tol": -1.0}, SettingError, "tol: expected .*, got -1.0"),
    ({"validation_fraction": 1.0}, SettingError, "validation_fraction: expected .*, got 1.0"),
    ({"early_stopping": "yes"}, SettingError, "early_stopping: expected .*, got 'yes'"),
    ({"warm_start": 1}, SettingError, "warm_start: expected .*, got 1"),
    ({"verbose": None}, SettingError, "verbose: expected .*, got None"),
    ({"class_weight": "even"}, ValueError, "The 'class_weight' parameter|class_weight must be"),
    ({"class_weight": {0: -1.0}}, chainrule.DataError, "sample_weight, row 0: expected numbers from 0 on, got -1.0"),
    ({"random_state": "now"}, ValueError, "'now' cannot be used to seed"),
]


@pytest.mark.parametrize("settings, error, message", SETTINGS, ids=[f"{s}" for s, *_ in SETTINGS])
def test_a_wrong_setting(settings, error, message):
    estimator = ChainruleClassifier(**settings)  # scikit-learn's rule: the constructor looks at nothing
    with pytest.raises(error, match=message):
        estimator.fit(X, Y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_partial_fits_that_cannot_be():
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        ChainruleClassifier().partial_fit(X, Y)
    with pytest.raises(SettingError, match="early_stopping: expected False for partial_fit, which does one epoch"):
        ChainruleClassifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(SettingError, match="class_weight: expected a table by label, as partial_fit does not see"):
        ChainruleClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1])
    estimator = ChainruleClassifier((4,)).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"`y` has classes not in `self.classes_`: they are \[0 1\], and `y` has \[1 2\]"
    ):
        estimator.partial_fit(X[:2], [1, 2])
    with pytest.raises(ValueError, match="X has 1 features, but ChainruleClassifier is expecting 2 features as input"):
        estimator.partial_fit(X[:, :1], Y)
    estimator.set_params(hidden_layers=(5,))
    with pytest.raises(SettingError, match=r"hidden_layers: expected the layers of the network .*, got \(5,\); clone"):
        estimator.partial_fit(X, Y)


def test_warm_starts_that_cannot_be():
    estimator = ChainruleClassifier((4,), epochs=1, warm_start=True).fit(X, Y)
    for other in ([0, 1, 2, 1], [0, 0, 0, 0]):
        with pytest.raises(
            ValueError, match=r"`y` has other classes than the call before: they are \[0 1\], and `y` has"
        ):
            estimator.fit(X, other)
    with pytest.raises(SettingError, match=r"hidden_layers: .*, got \(5,\); set warm_start=False"):
        estimator.set_params(hidden_layers=(5,)).fit(X, Y)


def test_a_table_that_changes_in_its_owner_s_hands_is_another_one():
    table = {"use": "affine", "units": 4}
    estimator = ChainruleClassifier([table], epochs=1, warm_start=True).fit(X, Y)
    table["units"] = 5
    with pytest.raises(SettingError, match="hidden_layers: expected the layers of the network"):
        estimator.fit(X, Y)


def test_a_training_that_diverges():
    with pytest.raises(DivergenceError, match="lower the learning rate or scale the data"):
        ChainruleRegressor((4,), optimizer="sgd", learning_rate=1e6, epochs=50, random_state=0).fit(X, Y)


def test_early_stopping_without_who_brings_it(monkeypatch):
    known = [entry for entry in chainrule.registry.default.entries() if entry.name != "early_stopping"]
    monkeypatch.setattr(chainrule.registry, "default", chainrule.registry.Registry(lambda: known))
    with pytest.raises(UnknownNameError, match=r"^early_stopping: no plug-in offers 'early_stopping' in hooks"):
        ChainruleClassifier(early_stopping=True).fit(X, Y)
