"""Winograd's method, compiled: the direct method's numbers for any shape, and the same bits wherever and with whom."""

import numpy as np
import pytest

from chainrule import ShapeError
from chainrule.windows import Walk
from chainrule_conv.direct import Direct
from chainrule_numba import threads
from chainrule_numba.tiles import Tiles, filling, shares


def drawn(rng, dtype=np.float64):
    """Return the walks of a convolution, and x, K and δ."""
    r, (H, W) = int(rng.choice([3, 5])), rng.integers(5, 20, 2)
    top, bottom, left, right = (int(n) for n in rng.integers(0, 2 * r - 2, 4))
    walks, plane = (Walk(r, 1, top, bottom), Walk(r, 1, left, right)), (int(H), int(W))
    C, F = int(rng.choice([1, 3, 8, 17, 20, 32, 40])), int(rng.choice([1, 5, 16, 21, 33, 48, 70]))
    counts = [walk.count(n) for walk, n in zip(walks, plane, strict=True)]
    B = int(rng.integers(1, 6))
    shapes = (B, *plane, C), (r, r, C, F), (B, *counts, F)
    return walks, plane, *(rng.normal(size=shape).astype(dtype) for shape in shapes)


def everything(method, x, K, delta):
    """Return y, dK and dX."""
    dK = np.full_like(K, np.nan)
    return [method.forward(x, K), method.backward(x, K, delta, dK, to_input=True), dK]


def test_60_drawn_convolutions_are_the_direct_method_s_to_twelve_digits():
    rng = np.random.default_rng(3)
    for _ in range(60):
        walks, plane, *arrays = drawn(rng)
        for ours, right in zip(*(everything(kind(walks, plane), *arrays) for kind in (Tiles, Direct)), strict=True):
            np.testing.assert_allclose(ours, right, rtol=0, atol=1e-12 * np.abs(right).max(), err_msg=repr(walks))


def test_the_number_of_threads_shows_in_no_bit(monkeypatch):
    rng = np.random.default_rng(4)
    monkeypatch.setattr(threads, "LEAST", 0)
    for _ in range(4):
        walks, plane, *arrays = drawn(rng, np.float32)
        found = set()
        for count in (1, 2, 3, 5):
            monkeypatch.setattr(threads, "cores", lambda count=count: count)
            monkeypatch.setattr(threads, "_pool", None)
            for _ in range(3):
                made = everything(Tiles(walks, plane), *arrays)
                found.add(b"".join(array.tobytes() for array in made))
        assert len(found) == 1


def test_neither_the_batch_nor_the_place_in_memory_shows_in_a_sample_s_bits():
    rng = np.random.default_rng(5)
    for _ in range(8):
        walks, plane, x, K, delta = drawn(rng, np.float32)
        method = Tiles(walks, plane)
        y, dx, dK = everything(method, x, K, delta)
        for i in range(len(x)):
            own = everything(method, x[i : i + 1].copy(), K, delta[i : i + 1].copy())
            assert (own[0][0] == y[i]).all()
            assert (own[1][0] == dx[i]).all()
        for shift in (4, 20, 36):
            moved = []
            for array in (x, K, delta):
                room = np.empty(array.nbytes + shift, np.uint8)
                moved.append(room[shift:].view(array.dtype).reshape(array.shape))
                moved[-1][...] = array
            assert all((a == b).all() for a, b in zip(everything(method, *moved), (y, dx, dK), strict=True))


def test_bias_and_relu_have_the_bits_of_two_steps_after_it():
    rng = np.random.default_rng(6)
    for _ in range(8):
        walks, plane, x, K, _ = drawn(rng, np.float32)
        method, b = Tiles(walks, plane), rng.normal(size=K.shape[3]).astype(np.float32)
        shifted = method.forward(x, K) + b
        assert (method.forward(x, K, b) == shifted).all()
        assert (method.forward(x, K, b, positive=True) == np.maximum(shifted, 0)).all()
        K[:] = np.nan
        assert np.isnan(method.forward(x, K, b, positive=True)).all()


def test_what_does_not_fit_is_refused_before_a_kernel_reads_beside_it():
    walks, plane, x, K, delta = drawn(np.random.default_rng(7))
    method = Tiles(walks, plane)
    with pytest.raises(ShapeError, match="conv2d K"):
        method.forward(x, K[:2])
    with pytest.raises(ShapeError, match="conv2d x"):
        method.forward(x[:, 1:], K)
    with pytest.raises(ShapeError, match="conv2d output"):
        method.backward(x, K, delta[:, 1:], None, to_input=True)


def test_a_batch_may_be_empty():
    walks, plane, x, K, delta = drawn(np.random.default_rng(8))
    y, dx, dK = everything(Tiles(walks, plane), x[:0], K, delta[:0])
    assert (y.shape, dx.shape) == (delta[:0].shape, x[:0].shape)
    assert not dK.any()


def test_strips_fill_the_registers_and_no_part_is_left_empty():
    for tw in range(1, 70):
        for strips in (1, 2, 3, 7, 40, 1000):
            assert 1 <= filling(tw, strips) <= strips
            for C, F in ((8, 8), (64, 64), (256, 256)):
                parts, together = shares(C, F, tw, strips, 36 * C * F * 4)
                assert 1 <= parts <= max(1, strips * tw // 56)
                assert together >= 1
