"""Predicted against true."""

import re

import numpy as np
import pytest

from chainrule import DataError, Network, SettingError, ShapeError, Standardized
from chainrule_affine import Affine
from chainrule_losses import CrossEntropy, Logistic, SquaredError
from chainrule_plots import draw_predicted
from chainrule_plots.predicted import numbers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(300, 3)), RNG.normal(50, 9, (300, 2))


def test_points_are_drawn_in_the_unit_of_the_targets(texts):
    network, loss = Network([Affine(2)], 3), Standardized.learned(SquaredError(), Y)
    true, predicted = numbers(network, loss, X, Y)
    np.testing.assert_array_equal(true, Y)
    np.testing.assert_array_equal(predicted, network.decide(X, loss))
    figure = draw_predicted(true, predicted, names=["height", "weight"])
    for i, axes in enumerate(figure.axes):
        line, points = axes.lines
        np.testing.assert_array_equal(points.get_xydata(), np.stack([true[:, i], predicted[:, i]], axis=1))
        np.testing.assert_array_equal(*line.get_xydata().T)
    off = (Y - predicted)[:, 0]
    assert f"height\nR² {1 - (off**2).mean() / Y[:, 0].var():.3f}, RMSE {np.sqrt((off**2).mean()):.4g}" in texts(figure)


def test_a_column_and_a_vector_are_one_panel_and_a_constant_target_has_no_share(texts):
    assert len(draw_predicted(Y[:, 0], Y[:, 1]).axes) == 1
    assert not any("R²" in text for text in texts(draw_predicted(np.ones(4), np.zeros(4))))
    assert (
        sum(bool(axes.lines) for axes in draw_predicted(RNG.normal(size=(5, 11)), RNG.normal(size=(5, 11))).axes) == 9
    )


@pytest.mark.parametrize(
    ("draw", "kind", "message"),
    [
        (lambda: draw_predicted(Y, Y[:, 0]), ShapeError, "predicted: expected (300, 2), got (300,)"),
        (lambda: draw_predicted([], []), DataError, "true: expected a number or more, got none"),
        (lambda: draw_predicted(["a"], ["b"]), DataError, "true: expected real numbers"),
        (lambda: numbers(Network([Affine(2)], 3), SquaredError(), X, None), DataError, "targets: expected a number"),
        (
            lambda: numbers(Network([Affine(2)], 3), CrossEntropy(), X, np.zeros(300, int)),
            SettingError,
            "loss: expected one whose decisions are numbers, as the targets are",
        ),
        (lambda: numbers(Network([Affine(1)], 3), Logistic(), X, np.zeros((300, 1))), SettingError, "loss: expected"),
    ],
)
def test_what_is_no_regression_is_told(draw, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        draw()
