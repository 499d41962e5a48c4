"""Attention of queries to keys: values by loops, derivatives by differences, what is not seen, memory."""

import math
import tracemalloc

import numpy as np
import pytest

from chainrule import numerical_jacobian
from chainrule_attention import weights
from chainrule_attention.dot_product import attention

SHAPES = [(2, 3, 3, 2, 2), (1, 4, 2, 3, 1), (3, 2, 5, 1, 4), (2, 1, 1, 2, 3), (1, 7, 6, 2, 2)]
"""B, T_q, T_k, d, m."""
KINDS = {"all": (False, False), "masked": (True, False), "causal": (False, True), "masked, causal": (True, True)}


@pytest.fixture(params=["one block", "blocks of samples", "blocks of queries"])
def blocks(request, monkeypatch):
    """Small arrays go through blocks as large ones do."""
    if request.param != "one block":
        monkeypatch.setattr(weights, "BLOCK_BYTES", 1 if request.param == "blocks of queries" else 300)
        monkeypatch.setattr(weights, "CAUSAL_QUERIES", 2)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


def drawn(shape, masked=False, dtype=np.float64):
    """Return q, k, v and a mask whose first sample has no key."""
    B, T_q, T_k, d, m = shape
    rng = np.random.default_rng(sum(shape))
    arrays = [rng.normal(size=size).astype(dtype) for size in ((B, T_q, d), (B, T_k, d), (B, T_k, m))]
    mask = rng.random((B, T_k)) < 0.6
    mask[0] = False
    return *arrays, mask if masked else None


def slow(q, k, v, mask, causal):
    """The formula, for one query after the other, by the keys that it sees."""
    B, T_q, d = q.shape
    y = np.zeros((B, T_q, v.shape[2]))
    for b, i in np.ndindex(B, T_q):
        seen = [j for j in range(k.shape[1]) if (mask is None or mask[b, j]) and (not causal or j <= i)]
        e = [math.exp(math.fsum(q[b, i] * k[b, j]) / math.sqrt(d)) for j in seen]
        for weight, j in zip(e, seen, strict=True):
            y[b, i] += weight / math.fsum(e) * v[b, j]
    return y


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_formula(shape, kind, blocks):
    masked, causal = kind
    *arrays, mask = drawn(shape, masked)
    y, _ = attention(*arrays, mask, causal=causal)
    np.testing.assert_allclose(y, slow(*arrays, mask, causal), atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_derivative_is_that_of_differences(shape, kind, blocks):
    masked, causal = kind
    *arrays, mask = drawn(shape, masked)
    rng = np.random.default_rng(1)
    y, maps = attention(*arrays, mask, causal=causal)
    delta, tangents = rng.normal(size=y.shape), [rng.normal(size=array.shape) for array in arrays]
    pulled, pushed = maps.vjp(delta), np.zeros(y.shape)
    for place, (array, tangent) in enumerate(zip(arrays, tangents, strict=True)):

        def moved(value, place=place):
            return attention(*arrays[:place], value, *arrays[place + 1 :], mask, causal=causal)[0]

        J = numerical_jacobian(moved, array)
        np.testing.assert_allclose(pulled[place], np.tensordot(delta, J, 3), atol=1e-8)
        pushed += np.tensordot(J, tangent, 3)
    np.testing.assert_allclose(maps.jvp(*tangents), pushed, atol=1e-8)


def test_what_is_none_does_not_move(blocks):
    arrays = drawn((2, 3, 3, 2, 2))[:3]
    y, maps = attention(*arrays)
    alone = [maps.jvp(*(array if i == j else None for j, array in enumerate(arrays))) for i in range(3)]
    np.testing.assert_allclose(sum(alone), maps.jvp(*arrays), atol=1e-14)
    np.testing.assert_allclose(alone[2], y, atol=1e-14)
    np.testing.assert_array_equal(maps.jvp(None, None, None), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_samples_pass_the_adjoint_identity(dtype, kind):
    masked, causal = kind
    *arrays, mask = drawn((3, 300, 290, 8, 5), masked, dtype)
    y, maps = attention(*arrays, mask, causal=causal)
    rng = np.random.default_rng(2)
    delta, *tangents = (rng.normal(size=array.shape).astype(dtype) for array in (y, *arrays))
    pulled, pushed = maps.vjp(delta), maps.jvp(*tangents)
    assert {array.dtype for array in (y, *pulled, pushed, maps.largest, maps.total)} == {np.dtype(dtype)}
    left, right = np.vdot(delta, pushed), sum(np.vdot(*pair) for pair in zip(pulled, tangents, strict=True))
    assert left == pytest.approx(right, rel=1e-3 if dtype is np.float32 else 1e-10)


def test_large_samples_are_the_formula(kind):
    masked, causal = kind
    q, k, v, mask = drawn((2, 270, 260, 3, 2), masked)
    y, _ = attention(q, k, v, mask, causal=causal)
    some = slice(60, 70)
    if causal:  # the query's place says what it sees
        whole = slow(q[1:, :70], k[1:], v[1:], None if mask is None else mask[1:], causal)
        np.testing.assert_allclose(y[1:, some], whole[:, some], atol=1e-13)
    else:
        np.testing.assert_allclose(y[:, some], slow(q[:, some], k, v, mask, causal), atol=1e-13)


def test_a_query_that_sees_no_key_gets_0_and_gives_no_gradient(blocks):
    q, k, v, _ = drawn((2, 3, 4, 2, 2))
    mask = np.array([[False] * 4, [False, True, True, False]])
    y, maps = attention(q, k, v, mask, causal=True)
    blind = [(0, 0), (0, 1), (0, 2), (1, 0)]  # of the second sample, the first query: it sees the first key at most
    for b, i in blind:
        np.testing.assert_array_equal(y[b, i], 0)
    assert y[1, 1:].all()
    delta = np.zeros_like(y)
    for b, i in blind:
        delta[b, i] = 1e6
    for pulled in maps.vjp(delta):
        np.testing.assert_array_equal(pulled, 0)
    pushed = maps.jvp(q, k, v)
    for b, i in blind:
        np.testing.assert_array_equal(pushed[b, i], 0)


@pytest.mark.parametrize("filling", [np.nan, np.inf, 1e300])
def test_a_masked_key_has_no_influence_and_no_gradient_whatever_it_holds(filling, blocks):
    q, k, v, _ = drawn((2, 3, 5, 2, 3))
    mask = np.ones((2, 5), bool)
    mask[:, [1, 4]] = False
    there = [0, 2, 3]
    k[:, ~mask[0]] = v[:, ~mask[0]] = filling
    y, maps = attention(q, k, v, mask)
    alone, maps_alone = attention(q, k[:, there], v[:, there])
    np.testing.assert_allclose(y, alone, atol=1e-15)
    dq, *others = maps.vjp(y)
    dq_alone, *others_alone = maps_alone.vjp(y)
    np.testing.assert_allclose(dq, dq_alone, atol=1e-15)
    for pulled, pulled_alone in zip(others, others_alone, strict=True):
        np.testing.assert_array_equal(pulled[:, ~mask[0]], 0)
        np.testing.assert_allclose(pulled[:, there], pulled_alone, atol=1e-15)
    np.testing.assert_allclose(maps.jvp(q, k, v), maps_alone.jvp(q, k[:, there], v[:, there]), atol=1e-14)


@pytest.mark.parametrize("shape", [(2, 5, 5, 2, 2), (1, 6, 4, 1, 3), (1, 3, 6, 2, 1)])
def test_causal_queries_depend_on_nothing_later(shape, blocks):
    q, k, v, _ = drawn(shape)
    y, maps = attention(q, k, v, causal=True)
    for i in range(shape[1]):
        others = [array.copy() for array in (q, k, v)]
        for array in others:
            array[:, i + 1 :] = 1e3
        np.testing.assert_array_equal(attention(*others, causal=True)[0][:, : i + 1], y[:, : i + 1])
        delta = np.zeros_like(y)
        delta[:, : i + 1] = 1
        for pulled in maps.vjp(delta):
            np.testing.assert_array_equal(pulled[:, i + 1 :], 0)


@pytest.mark.parametrize("size", [1e4, 1e18])
def test_large_scores_are_no_trouble(size):
    q, k, v, _ = drawn((2, 4, 5, 3, 2), dtype=np.float32)
    y, maps = attention(size * q, k, v)
    winner = (q @ k.swapaxes(1, 2)).argmax(axis=2)
    np.testing.assert_allclose(y, np.take_along_axis(v, winner[:, :, None], axis=1), rtol=1e-6)
    dq, dk, dv = maps.vjp(np.ones_like(y))
    for pulled in (dq, dk):
        np.testing.assert_array_equal(pulled, 0)
    assert dv.sum() == y.size


def test_memory_grows_with_the_positions_not_with_their_square():
    q, k, v, _ = drawn((1, 3000, 3000, 2, 2))
    square = 3000 * 3000 * 8

    def everything():
        y, maps = attention(q, k, v)
        return maps.vjp(y), maps.jvp(q, k, v)

    everything()
    tracemalloc.start()
    try:
        everything()
        assert tracemalloc.get_traced_memory()[1] < square / 20
    finally:
        tracemalloc.stop()


def test_it_takes_any_layout_and_writes_into_nothing_given(kind):
    masked, causal = kind
    *arrays, mask = drawn((3, 4, 4, 2, 2), masked)
    expected, maps = attention(*arrays, mask, causal=causal)
    delta = np.ones_like(expected)
    turned = [np.asfortranarray(array) for array in arrays]
    every_second = [np.repeat(array, 2, axis=2)[:, :, ::2] for array in arrays]
    for given in (turned, every_second):
        for array in (*given, delta):
            array.flags.writeable = False
        y, own = attention(*given, mask, causal=causal)
        np.testing.assert_allclose(y, expected, atol=1e-15)
        for pulled, whole in zip(own.vjp(delta), maps.vjp(delta), strict=True):
            np.testing.assert_allclose(pulled, whole, atol=1e-14)
        np.testing.assert_allclose(own.jvp(*given), maps.jvp(*arrays), atol=1e-14)


@pytest.mark.parametrize("causal", [False, True])
def test_the_blocks_cover_each_visible_pair_once(causal, monkeypatch):
    monkeypatch.setattr(weights, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(weights, "CAUSAL_QUERIES", 4)
    q, k, v, _ = drawn((5, 11, 9, 2, 2))
    counts = np.zeros((5, 11, 9), int)
    firsts = np.zeros(5, int)
    for samples, queries, keys, first in attention(q, k, v, causal=causal)[1].blocks():
        counts[samples, queries, keys] += 1
        firsts[samples] += first
        assert keys.stop == 9 or not first
    seen = np.arange(11)[:, None] >= np.arange(9) if causal else np.ones((11, 9), bool)
    assert (counts[:, seen] == 1).all()
    assert counts.max() == 1
    assert (counts == 0).any() == causal
    assert (firsts == 1).all()
