"""What the suite's cases do not prove of positions and of the last vector."""

import numpy as np
import pytest

from chainrule import SettingError, ShapeError, jacobian
from chainrule_sequence import GRU, LSTM, Last, Positions


def test_sinusoidal_positions_are_those_of_the_paper():
    P = Positions("sinusoidal").forward(np.zeros((1, 30, 512)))[0]
    np.testing.assert_array_equal(P[0], np.tile([0.0, 1.0], 256))
    assert P[1, 0] == np.sin(1.0)
    assert P[29, 2] == pytest.approx(np.sin(29 / 10000 ** (2 / 512)), rel=1e-14)
    assert P[29, 511] == pytest.approx(np.cos(29 / 10000 ** (510 / 512)), rel=1e-14)


def test_positions_so_many_apart_differ_by_one_rotation():
    P = Positions("sinusoidal").forward(np.zeros((1, 40, 6)))[0]
    turned = P[:, 0::2] + 1j * P[:, 1::2]
    np.testing.assert_allclose(turned[7:] / turned[:-7], np.broadcast_to(turned[7] / turned[0], (33, 3)), rtol=1e-12)


def test_sinusoidal_positions_are_the_same_in_both_precisions_and_no_caller_can_change_them():
    layer, zeros = Positions("sinusoidal"), np.zeros((2, 5, 4))
    narrow = layer.forward(zeros.astype(np.float32))
    np.testing.assert_allclose(narrow, layer.forward(zeros), atol=1e-7)
    assert narrow.dtype == np.float32
    narrow[...] = 7
    np.testing.assert_allclose(layer.forward(zeros)[0, 0], [0, 1, 0, 1])


def test_learned_positions_start_small_and_the_others_have_no_parameter():
    P = Positions().initialize((200, 30), np.random.default_rng(0))["P"]
    assert P.shape == (200, 30)
    assert P.std() == pytest.approx(0.02, rel=0.03)
    assert Positions("sinusoidal").initialize((200, 30), np.random.default_rng(0)) == {}


def test_the_last_costs_nothing():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.shares_memory(Last().forward(x), x)
    np.testing.assert_array_equal(jacobian(Last(), x).input[1].reshape(4, 12)[:, 8:], np.eye(4))


def test_a_wrong_kind_is_refused():
    for wrong in ("rotary", None, 3):
        with pytest.raises(SettingError, match=f"kind: expected one of 'learned', 'sinusoidal', got {wrong!r}"):
            Positions(wrong)


@pytest.mark.parametrize("layer", [Positions(), Positions("sinusoidal"), GRU(2), LSTM(2, last=True), Last()], ids=repr)
@pytest.mark.parametrize("shape", [(), (4,), (0, 3), (4, 0), (2, 3, 4)])
def test_what_is_no_sequence_is_refused(layer, shape):
    message = rf"{type(layer).__name__} input: expected \(T, n\), got .*; a sample is a sequence of at least one vector"
    for ask in (layer.output_shape, layer.parameter_shapes, lambda s: layer.initialize(s, np.random.default_rng(0))):
        with pytest.raises(ShapeError, match=message):
            ask(shape)
