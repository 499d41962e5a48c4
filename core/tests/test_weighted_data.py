"""Weights that a data set carries."""

import numpy as np
import pytest

from chainrule import DataError, Dataset
from chainrule.data import prepare


@pytest.mark.parametrize("split", ["stratified", "random", "ordered"])
def test_weights_are_split_as_their_rows_are(split):
    weighted = Dataset(np.arange(10.0)[:, np.newaxis], np.arange(10) % 2, weights=np.arange(1, 11))
    parts = prepare(weighted, split=split)
    assert parts.x.ravel().tolist() == (parts.weights - 1).tolist()
    assert parts.x_test.ravel().tolist() == (parts.weights_test - 1).tolist()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"weights": [1, -1]}, "^weights, row 1: expected numbers from 0 on, got -1"),
        ({"weights": [1]}, "^weights: expected 2 numbers, one for each sample"),
        ({"weights": [1, np.nan]}, "^weights, row 1: expected a finite number, got nan"),
        ({"weights": [0, 0]}, "^weights: expected a sample that counts, got 0 for each"),
        ({"weights": ["a", "b"]}, "^weights: expected real numbers, got <U1"),
        ({"weights_test": [1]}, "^weights_test: expected none, as there is no such part, got 1 weights"),
    ],
)
def test_weights_that_are_none_are_refused(settings, message):
    with pytest.raises(DataError, match=message):
        Dataset(np.ones((2, 2)), [0, 1], **settings)
