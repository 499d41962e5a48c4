import pytest

import chainrule


@pytest.fixture(scope="session")
def digits():
    """The digits as vectors: x and classes of the training and of the test part."""
    data = chainrule.dataset("digits")
    return data.x.reshape(len(data.x), -1), data.y, data.x_test.reshape(len(data.x_test), -1), data.y_test
