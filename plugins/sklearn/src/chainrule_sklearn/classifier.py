"""A classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import validate_data

from chainrule import Array, Loss, SettingError

from .base import FLOATS, NetworkEstimator


def _has_probabilities(estimator: NetworkEstimator) -> bool:
    return type(estimator._built_loss()).probabilities is not Loss.probabilities


class ChainruleClassifier(ClassifierMixin, NetworkEstimator):
    """A network that decides between classes, of any labels.

    `hidden_layers` are sizes, each an `affine_relu`, or tables as a recipe writes them, such as `{"use": "tanh"}`;
    `fit` adds the output layer, an `affine` with a score for each class. `loss` and `optimizer` are registered names,
    or tables with settings; `learning_rate` is the optimizer's, whose own default None leaves. `batch_size` is "auto",
    that is min(200, n), "all" or a number, at most n of which are taken. With `early_stopping` the share
    `validation_fraction` of the samples is held back, in the proportions of the classes; training ends when their loss
    has not fallen by more than `tol` for `n_iter_no_change` epochs, and the best parameters are kept.
    `class_weight` is "balanced" or a table by label, and multiplies `sample_weight`. `random_state` draws the start,
    the order of the batches and what is held back. With `warm_start` another `fit` goes on from the parameters as they
    are, with a new state of the optimizer.

    Shapes:   X (B, n), which is trained in float64 unless it is float32; y (B,).
    Fitted:   `classes_`, `network_` (the `Network`), `history_` (the `History` of the last call), `loss_` (E_in),
              `loss_curve_` (E_in of all epochs), `n_iter_`, `n_features_in_`, `feature_names_in_`.
    Raises:   ValueError of scikit-learn's validators; SettingError and RecipeError, which are ValueErrors, for a wrong
              parameter; UnknownNameError; DivergenceError.
    """

    classes_: Array

    def __init__(
        self,
        hidden_layers: Any = (100,),
        *,
        loss: Any = "cross_entropy",
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        batch_size: int | str = "auto",
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden_layers,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train, from a new start unless `warm_start` says otherwise."""
        return self._fit(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch from where the last call left the network and the optimizer.

        The first call needs all `classes`, as y may lack some.
        """
        _check_partial_fit_first_call(self, classes)
        return self._fit(X, y, sample_weight, partial=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, partial: bool) -> Self:
        goes_on = self._goes_on(partial)
        X, y = validate_data(self, X, y, dtype=FLOATS, reset=not goes_on)
        check_classification_targets(y)
        labels = np.unique(y)
        if not (goes_on or partial):
            self.classes_ = labels
        if len(np.setdiff1d(labels, self.classes_)) or (not partial and len(labels) < len(self.classes_)):
            what = "classes not in `self.classes_`" if partial else "other classes than the call before"
            raise ValueError(f"`y` has {what}: they are {self.classes_}, and `y` has {labels}")
        targets = np.searchsorted(self.classes_, y)
        weights = self._weights(sample_weight, X)
        if self.class_weight is not None:
            if partial and isinstance(self.class_weight, str):
                expected = "a table by label, as partial_fit does not see how frequent classes are"
                raise SettingError("class_weight", expected=expected, got=self.class_weight)
            of_classes = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = of_classes[targets] * (1.0 if weights is None else weights)
        return self._train(X, targets, weights, len(self.classes_), partial=partial, stratify=targets)

    def predict(self, X: Any) -> Array:
        """Return the label that the loss decides for, of each sample."""
        scores = self._scores(X)
        return np.asarray(self.classes_[self._loss.decide(scores)])

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (B, classes), in the order of `classes_`."""
        scores = self._scores(X)
        return self._loss.probabilities(scores)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))
