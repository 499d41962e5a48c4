"""A regressor."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from chainrule import Array

from .base import FLOATS, NetworkEstimator


class ChainruleRegressor(RegressorMixin, NetworkEstimator):
    """A network whose scores are numbers: one, or several, for each sample.

    The parameters are those of `ChainruleClassifier`, without `class_weight`; the output layer has a score for each
    target. Targets that are not about 1 in size are learned slowly: scikit-learn's `TransformedTargetRegressor`
    standardises them.

    Shapes:   X (B, n), which is trained in float64 unless it is float32; y (B,) or (B, m).
    Fitted:   `network_` (the `Network`), `history_` (the `History` of the last call), `loss_` (E_in), `loss_curve_`
              (E_in of all epochs), `n_iter_`, `n_outputs_`, `n_features_in_`, `feature_names_in_`.
    Raises:   as `ChainruleClassifier`.
    """

    n_outputs_: int

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: several targets are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train, from a new start unless `warm_start` says otherwise."""
        return self._fit(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch from where the last call left the network and the optimizer."""
        return self._fit(X, y, sample_weight, partial=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, partial: bool) -> Self:
        goes_on = self._goes_on(partial)
        X, y = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True, reset=not goes_on)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        outputs = targets.shape[1]
        if goes_on and outputs != self.n_outputs_:
            raise ValueError(f"`y` has {outputs} targets, and the call before had {self.n_outputs_}")
        self.n_outputs_ = outputs
        return self._train(X, targets, self._weights(sample_weight, X), outputs, partial=partial, stratify=None)

    def predict(self, X: Any) -> Array:
        """Return the scores, (B,) for one target, (B, m) for several."""
        scores = self._scores(X)
        return scores.ravel() if self.n_outputs_ == 1 else scores
