"""What the classifier and the regressor have in common."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule import Array, History, Loss, Network, Run, SettingError, boolean, real, train

from .continued import Continued
from .described import described, layer_tables, optimizer_table, parameters_named, plain, whole

FLOATS = (np.float64, np.float32)
"""X of one of these keeps its dtype, any other becomes the first."""


class NetworkEstimator(BaseEstimator):
    """A network of affine layers, and its training, behind scikit-learn's `fit` and `predict`.

    scikit-learn reads parameters off the signature of the constructor, which is the regressor's; who has others, or
    other defaults, writes all of them out.
    """

    network_: Network
    history_: History
    loss_: float
    loss_curve_: list[float]
    n_iter_: int
    _loss: Loss
    _layers: list[dict[str, Any]]
    _rule: Any
    _optimizer: Continued
    _random: np.random.RandomState

    def __init__(
        self,
        hidden_layers: Any = (100,),
        *,
        loss: Any = "squared_error",
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        batch_size: int | str = "auto",
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def _goes_on(self, partial: bool) -> bool:
        """Return whether this call trains the network that an earlier one has made."""
        return hasattr(self, "network_") and (partial or bool(self.warm_start))

    def _train(
        self, X: Array, targets: Array, weights: Array | None, outputs: int, *, partial: bool, stratify: Array | None
    ) -> Self:
        """Train on what was validated. Raises:   ChainruleError."""
        goes_on = self._goes_on(partial)
        self._check(partial)
        layers = plain(layer_tables(self.hidden_layers, outputs))
        rule = plain(optimizer_table(self.optimizer, self.learning_rate))
        if goes_on and layers != self._layers:
            expected = "the layers of the network that is to be trained on"
            hint = "clone the estimator" if partial else "set warm_start=False"
            raise SettingError("hidden_layers", expected=expected, got=self.hidden_layers, hint=hint)
        patience = whole("n_iter_no_change", self.n_iter_no_change)
        early = {"use": "early_stopping", "patience": patience, "least": plain(self.tol)}
        recipe = described(layers, plain(self.loss), rule, [early] if self.early_stopping else [])
        with parameters_named():
            loss, built, stopping = recipe.loss(), recipe.optimizer(), recipe.hooks()
        random = self._random if goes_on else check_random_state(self.random_state)
        seed, shuffle = (int(random.randint(1 << 31, dtype=np.int64)) for _ in range(2))
        if goes_on:
            network = self.network_
        else:
            with parameters_named():
                network = Network(recipe.layers(), X.shape[1], seed=seed, dtype=X.dtype)
        # As in scikit-learn's own networks a warm start keeps the parameters, `partial_fit` the optimizer, too.
        kept = goes_on and partial and rule == self._rule
        optimizer = self._optimizer if kept else Continued(built)
        validation: tuple[Array, ...] | None = None
        if self.early_stopping:
            given = [X, targets] if weights is None else [X, targets, weights]
            halves = train_test_split(*given, test_size=self.validation_fraction, random_state=seed, stratify=stratify)
            X, targets, weights = (*halves[::2], None)[:3]
            validation = tuple(halves[1::2])
        batch, epochs = self._batch(len(X)), 1 if partial else whole("epochs", self.epochs)
        resume = None
        if goes_on and partial:  # what a part of the data lacks, such as a class, is nothing to warn of
            batches = 1 if batch == "all" else math.ceil(len(X) / int(batch))
            resume = Run(network, optimizer, shuffle, epochs, batches, has_test=False).snapshot()
        history = train(
            network,
            X,
            targets,
            loss=loss,
            optimizer=optimizer,
            batch_size=batch,
            epochs=epochs,
            seed=shuffle,
            validation=validation,
            sample_weight=weights,
            hooks=stopping,
            resume=resume,
            verbose=bool(self.verbose),
        )
        self.network_, self.history_, self._loss = network, history, loss
        self.loss_ = (history.best or history[-1]).e_in.loss
        self.loss_curve_ = [*(self.loss_curve_ if goes_on else ()), *(record.e_in.loss for record in history)]
        self.n_iter_ = len(history)
        self._layers, self._rule, self._optimizer, self._random = layers, rule, optimizer, random
        return self

    def _check(self, partial: bool) -> None:
        """Refuse settings that nobody else looks at. Raises:   SettingError."""
        for name in ("early_stopping", "warm_start", "verbose"):
            boolean(name, plain(getattr(self, name)))
        real("validation_fraction", plain(self.validation_fraction), above=0, below=1)
        real("tol", plain(self.tol), minimum=0)
        if partial and self.early_stopping:
            expected = "False for partial_fit, which does one epoch"
            raise SettingError("early_stopping", expected=expected, got=True)

    def _batch(self, size: int) -> int | str:
        """Return the samples of a batch, at most all of them. Raises:   SettingError."""
        if isinstance(self.batch_size, str):
            if self.batch_size in ("auto", "all"):
                return min(200, size) if self.batch_size == "auto" else "all"
        elif isinstance(self.batch_size, Integral):
            return min(whole("batch_size", self.batch_size), size)
        raise SettingError("batch_size", expected="'auto', 'all' or a positive int", got=self.batch_size)

    def _weights(self, sample_weight: Any, X: Array) -> Array | None:
        """Return the weight of each sample, None where all count 1."""
        if sample_weight is None:
            return None
        return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))

    def _scores(self, X: Any) -> Array:
        """Return the scores of validated samples."""
        check_is_fitted(self, "network_")
        return np.asarray(self.network_.predict(validate_data(self, X, dtype=FLOATS, reset=False)))

    def _built_loss(self) -> Loss:
        """Return the loss that the parameter names."""
        recipe = described([], plain(self.loss), "sgd", [])
        with parameters_named():
            return recipe.loss()
