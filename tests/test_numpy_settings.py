"""NumPy's numbers as settings: of every layer, loss and optimizer that has a case, and of training."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from chainrule import SGD, Network, Recipe, RecipeError, SettingError, layer, loss, train
from chainrule.conformance.resolve import find_target

HINT = "; turn NumPy's number"
TWINS = {bool: np.bool_, int: np.int64, float: np.float32}


def twin(value):
    """Return a setting in NumPy's numbers, None for one that has none."""
    if isinstance(value, tuple) and value and all(type(entry) is int for entry in value):
        return tuple(np.int64(entry) for entry in value)
    return TWINS[type(value)](value) if type(value) in TWINS else None


def test_every_setting_says_how_a_number_of_numpy_becomes_one_of_python():
    tried = set()
    for case in find_target().cases:
        subject = case.subject
        for field in fields(subject) if is_dataclass(subject) else ():
            numpys = twin(getattr(subject, field.name)) if field.init else None
            if numpys is None:
                continue
            with pytest.raises(SettingError) as caught:
                replace(subject, **{field.name: numpys})
            assert HINT in str(caught.value), (subject, field.name)
            tried.add((type(subject).__name__, field.name))
    for name in [("Conv2d", "stride"), ("Affine", "units"), ("Dropout", "rate"), ("MeanPool2d", "ceil")]:
        assert name in tried


@pytest.mark.parametrize("value", [np.int64(2), np.array([2, 2])])
@pytest.mark.parametrize("name", ["epochs", "batch_size", "seed", "shards"])
def test_so_do_those_of_training(name, value):
    settings = {"epochs": 1, "batch_size": 2, "seed": 0, "shards": 1, name: value}
    network = Network([layer("affine", units=2)], 3)
    with pytest.raises(SettingError, match=rf"^{name}: .*; turn NumPy's "):
        train(network, np.zeros((4, 3)), np.zeros((4, 2)), loss=loss("squared_error"), optimizer=SGD(0.1), **settings)


@pytest.mark.parametrize("name", ["padding", "kernel", "stride", "dilation", "filters"])
def test_an_array_is_no_setting(name):
    with pytest.raises(SettingError, match=rf"^{name}: .*value\.tolist\(\)$"):
        layer("conv2d", **{"filters": 2, "kernel": 3, name: np.array([2, 2])})


@pytest.mark.parametrize("key", ["epochs", "batch_size", "seed", "shards"])
def test_so_do_those_of_a_recipe_that_is_made_in_python(key):
    training = {"loss": "logistic", "optimizer": "sgd", "batch_size": 2, "epochs": 1, key: np.int64(2)}
    table = {"network": {"layers": []}, "training": training}
    with pytest.raises(
        RecipeError, match=rf"^training\.{key}: .*; turn NumPy's number into Python's: value\.item\(\)$"
    ):
        Recipe(table)
