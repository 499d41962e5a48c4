"""Networks as scikit-learn's estimators."""

from .classifier import ChainruleClassifier
from .regressor import ChainruleRegressor

__all__ = ["ChainruleClassifier", "ChainruleRegressor"]
__version__ = "0.1.0"
