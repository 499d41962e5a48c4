"""Every check of the installed scikit-learn, without exceptions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule_sklearn import ChainruleClassifier, ChainruleRegressor

# Some checks train on data that are wrong but legal, such as one class or features of unequal size.
pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")


@parametrize_with_checks([ChainruleClassifier(), ChainruleRegressor()])
def test_scikit_learn_finds_an_estimator(estimator, check):
    check(estimator)
