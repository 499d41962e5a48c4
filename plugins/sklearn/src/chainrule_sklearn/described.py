"""What an estimator's strings, numbers and tables stand for: a recipe, whose errors name the estimator's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np

from chainrule import ChainruleError, Recipe, SettingError

PATHS = {
    "network.layers": "hidden_layers",
    "training.optimizer": "optimizer",
    "training.loss": "loss",
    "training.hooks[0]": "early_stopping",
}
"""Where a recipe has what a parameter says."""


START = "glorot"
"""How a layer begins that is given by its size: as those of scikit-learn's own networks do. From the larger start of He
iris is 2 % worse after 200 steps."""


def layer_tables(hidden_layers: Any, outputs: int) -> list[dict[str, Any]]:
    """Return the layers as a recipe writes them, the output layer last. Raises:   SettingError."""
    given = (hidden_layers,) if isinstance(hidden_layers, Integral) else hidden_layers
    if not isinstance(given, list | tuple):
        expected = 'a tuple of sizes and of tables, such as (64, {"use": "dropout", "rate": 0.2}, 32)'
        raise SettingError("hidden_layers", expected=expected, got=hidden_layers)
    return [*(_layer_table(i, layer) for i, layer in enumerate(given)), {"use": "affine", "units": outputs}]


def _layer_table(i: int, layer: Any) -> dict[str, Any]:
    if isinstance(layer, Mapping):
        return dict(layer)
    size = whole(f"hidden_layers[{i}]", layer, "a size, or a table such as {'use': 'affine', 'units': 8}")
    return {"use": "affine_relu", "units": size, "start": START}


def optimizer_table(optimizer: Any, learning_rate: Any) -> Any:
    """Return the optimizer as a recipe writes it; the rate is the innermost rule's. Raises:   SettingError."""
    table = {"use": optimizer} if isinstance(optimizer, str) else optimizer
    if learning_rate is None or not isinstance(table, Mapping):
        return table
    if isinstance(table.get("inner"), Mapping):
        return {**table, "inner": optimizer_table(table["inner"], learning_rate)}
    if "learning_rate" in table:
        expected = "None: the optimizer's table says the learning rate"
        raise SettingError("learning_rate", expected=expected, got=learning_rate)
    return {**table, "learning_rate": learning_rate}


def plain(value: Any) -> Any:
    """Return a parameter as a recipe has it: NumPy's numbers, as searches draw them, as Python's, all tables copied."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def whole(name: str, value: Any, expected: str = "a positive int") -> int:
    """Return a positive whole number, NumPy's too. Raises:   SettingError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise SettingError(name, expected=expected, got=value)
    return int(value)


def described(layers: list[dict[str, Any]], loss: Any, optimizer: Any, hooks: list[dict[str, Any]]) -> Recipe:
    """Return the recipe of a network, a loss, an optimizer and hooks. Raises:   as `Recipe`."""
    of_epochs = {"batch_size": "all", "epochs": 1}  # a recipe needs them; the estimator has its own
    training = {"loss": loss, "optimizer": optimizer, "hooks": hooks, **of_epochs}
    with parameters_named():
        return Recipe({"network": {"layers": layers}, "training": training})


@contextmanager
def parameters_named() -> Iterator[None]:
    """Let an error name the parameter of the estimator, where a recipe names the path of a key."""
    try:
        yield
    except ChainruleError as error:
        for path, parameter in PATHS.items():
            if error.where.startswith(path):
                error.where = parameter + error.where.removeprefix(path)
        raise
