"""Kernels of sequences, normalizations and activations: close to NumPy's layers, and the same bits however they run."""

import multiprocessing
import os

import numpy as np
import pytest

import chainrule
import chainrule_affine
import chainrule_norm
import chainrule_numba
import chainrule_sequence
from chainrule_numba import channels, threads
from chainrule_numba.compiled import Out, kernel
from chainrule_numba.exponential import exp, logistic, tanh

REAL = [np.float32, np.float64]


@kernel
def each_exp(x: np.ndarray, y: Out) -> None:
    for i in range(len(x)):
        y[i] = exp(x[i])


@kernel
def each_tanh(x: np.ndarray, y: Out) -> None:
    for i in range(len(x)):
        y[i] = tanh(x[i])


@kernel
def each_logistic(x: np.ndarray, y: Out) -> None:
    for i in range(len(x)):
        y[i] = logistic(x[i])


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize(
    "function, judge, most",
    [
        (each_exp, np.exp, 2),
        (each_tanh, np.tanh, 3),
        (each_logistic, lambda x: 1 / (1 + np.exp(-x)), 3),
    ],
    ids=["exp", "tanh", "logistic"],
)
def test_an_exponential_is_right_to_its_last_digits(function, judge, most, dtype):
    rng, far = np.random.default_rng(1), 80 if dtype is np.float32 else 700
    x = np.concatenate([scale * rng.normal(size=20_000) for scale in (1e-6, 1e-2, 1, 10, far / 4)])
    x = np.append(x[np.abs(x) < far], [0.0, -0.0, far, -far]).astype(dtype)
    y = np.empty_like(x)
    function(x, y)
    right = judge(x.astype(np.longdouble))
    assert (np.abs(y - right) / np.spacing(np.abs(right).astype(dtype))).max() <= most


@pytest.mark.parametrize("dtype", REAL)
def test_an_exponential_is_right_wherever_it_is_a_number(dtype):
    """From the smallest denormal to the largest number, and one step beyond both ends."""
    least, most = (
        np.log(np.nextafter(dtype(0), dtype(1)).astype(np.longdouble)),
        np.log(np.longdouble(np.finfo(dtype).max)),
    )
    x = np.linspace(least, most, 400_001).astype(dtype)
    x = x[(x >= least) & (x <= most)]
    x = np.concatenate([x, np.nextafter(x, dtype(np.inf))[:-1], [np.log(np.finfo(dtype).tiny)]]).astype(dtype)
    y = np.empty_like(x)
    each_exp(x, y)
    right = np.exp(x.astype(np.longdouble))
    assert (np.abs(y - right) / np.spacing(right.astype(dtype))).max() <= 2
    ends = np.array([least - 0.7, least - 2, most + 1e-3, most + 1], dtype)
    y = np.empty_like(ends)
    each_exp(ends, y)
    np.testing.assert_array_equal(y, [0, 0, np.inf, np.inf])


@pytest.mark.parametrize("dtype", REAL)
def test_exponentials_end_where_numbers_do(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30], dtype)
    y = np.empty_like(x)
    each_exp(x, y)
    np.testing.assert_array_equal(y, [np.nan, np.inf, 0, 1, np.inf, 0])
    each_tanh(x, y)
    np.testing.assert_array_equal(y, [np.nan, 1, -1, 0, 1, -1])
    each_logistic(x, y)
    np.testing.assert_array_equal(y, [np.nan, 1, 0, 0.5, 1, 0])


LAYERS = [
    (chainrule_norm, "LayerNorm", {}, (7, 40)),
    (chainrule_norm, "LayerNorm", {"eps": 1e-3}, (1,)),
    (chainrule_norm, "RMSNorm", {}, (3, 5, 17)),
    (chainrule_norm, "BatchNorm", {}, (9, 6)),
    (chainrule_norm, "BatchNorm", {}, (5, 4, 700)),
    (chainrule_norm, "BatchNorm", {}, (1,)),
    (chainrule_sequence, "GRU", {"units": 33}, (6, 20)),
    (chainrule_sequence, "GRU", {"units": 8, "last": True}, (5, 3)),
    (chainrule_sequence, "LSTM", {"units": 33}, (6, 20)),
    (chainrule_sequence, "LSTM", {"units": 8, "last": True}, (5, 3)),
    (chainrule_affine, "GELU", {}, (50,)),
    (chainrule_affine, "GELU", {"approximate": "tanh"}, (50,)),
    (chainrule_affine, "SiLU", {}, (5, 10)),
]


def everything(layer, x, params, rng):
    """Return what a training step computes of a layer."""
    layer = layer.realize(rng)
    y, maps = layer.linearize(x, **params)
    delta = np.random.default_rng(3).normal(size=y.shape).astype(x.dtype)
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    found = {"y": y, "forward": layer.forward(x, **params), "dx": maps.vjp(delta, out), **out, **maps.seen}
    tangent = {name: np.cos(value) for name, value in params.items()}
    return found | {"jvp": maps.jvp(np.sin(x), tangent)} | {f"{k}, each": v for k, v in maps.per_sample(delta).items()}


def drawn(layer, shape, dtype, B=6):
    rng = np.random.default_rng(2)
    x = (1 + 2 * rng.normal(size=(B, *shape))).astype(dtype)
    return x, {k: (v + rng.normal(size=v.shape)).astype(dtype) for k, v in layer.initialize(shape, rng).items()}


@pytest.mark.parametrize("dtype", [*REAL, ">f8"])
@pytest.mark.parametrize("module, name, settings, shape", LAYERS)
def test_a_layer_is_the_other_one_up_to_rounding(module, name, settings, shape, dtype):
    plain, compiled = (getattr(each, name)(**settings) for each in (module, chainrule_numba))
    x, params = drawn(plain, shape, dtype)
    rng = np.random.default_rng(0)
    close = {"f": 2e-5, "d": 1e-12}[np.dtype(dtype).char]
    expected = everything(plain, x, params, rng)
    for what, array in everything(compiled, x, params, rng).items():
        assert array.dtype.char == expected[what].dtype.char, what
        most = np.abs(expected[what]).max()
        np.testing.assert_allclose(array, expected[what], rtol=0, atol=close * max(most, 1), err_msg=what)


LARGE = [
    (chainrule_norm, "LayerNorm", {}, (64, 96)),
    (chainrule_norm, "RMSNorm", {}, (64, 96)),
    (chainrule_norm, "BatchNorm", {}, (64, 96)),
]


def step(layer, x, params):
    y, maps = layer.realize(np.random.default_rng(0)).linearize(x, **params)
    out = {name: np.empty_like(value) for name, value in params.items()}
    dx = maps.vjp(np.cos(y), out)
    return [array.tobytes() for array in (y, dx, *out.values(), *maps.seen.values())]


@pytest.mark.parametrize("module, name, settings, shape", LARGE)
def test_the_number_of_threads_shows_in_no_bit(module, name, settings, shape, monkeypatch):
    layer = getattr(chainrule_numba, name)(**settings)
    x, params = drawn(layer, shape, np.float32, B=64)
    assert x.size >= threads.LEAST
    monkeypatch.setattr(threads, "_pool", None)
    monkeypatch.setattr(threads, "cores", lambda: 1)
    alone = step(layer, x, params)
    for count in (2, 3, 5):
        monkeypatch.setattr(threads, "cores", lambda count=count: count)
        monkeypatch.setattr(threads, "_pool", None)
        for _ in range(20):
            assert step(layer, x, params) == alone


@pytest.mark.parametrize("module, name, settings, shape", LARGE)
def test_where_arrays_lie_in_memory_shows_in_no_bit(module, name, settings, shape):
    layer = getattr(chainrule_numba, name)(**settings)
    x, params = drawn(layer, (3, 37), np.float32)
    expected = step(layer, x, params)
    for offset in range(1, 17):
        room = np.empty(x.size + 17, x.dtype)[offset : offset + x.size].reshape(x.shape)
        room[...] = x
        assert step(layer, room, params) == expected


def test_what_numba_does_not_know_is_worked_out_by_one_thread(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    x, params = drawn(chainrule_norm.LayerNorm(), (64, 96), ">f4", B=64)
    swapped, plain = (
        chainrule_numba.LayerNorm().linearize(x, **params),
        chainrule_norm.LayerNorm().linearize(x, **params),
    )
    np.testing.assert_allclose(swapped[0], plain[0], atol=1e-5)
    np.testing.assert_allclose(*(maps.vjp(np.cos(plain[0])) for _, maps in (swapped, plain)), atol=1e-5)


def test_a_shard_and_a_small_array_keep_to_their_thread(monkeypatch):
    def refuse():
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(threads, "_threads", refuse)
    monkeypatch.setattr(threads, "cores", lambda: 4)
    layer = chainrule_numba.LayerNorm()
    step(layer, *drawn(layer, (96,), np.float32))
    monkeypatch.setattr(threads, "in_a_shard", lambda: True)
    step(layer, *drawn(layer, (64, 96), np.float32, B=64))


def test_shards_are_known_by_their_threads():
    network = chainrule.Network([chainrule_norm.LayerNorm()], 4)
    with chainrule.Shards(network, 2) as shards:
        assert shards.map(lambda _: threads.in_a_shard(), range(4)) == [True] * 4
    assert not threads.in_a_shard()


def _in_a_child(layer, x, params, expected):
    os._exit(0 if step(layer, x, params) == expected else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    layer = chainrule_numba.BatchNorm()
    x, params = drawn(layer, (64, 96), np.float32, B=64)
    expected = step(layer, x, params)
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(layer, x, params, expected))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_moments_are_those_of_numbers_far_from_zero():
    rng = np.random.default_rng(4)
    x = (rng.normal(size=(64, 30, 12)) + 1e4 * np.arange(12)).astype(np.float32)
    layer = chainrule_numba.BatchNorm().realize(rng)
    one, zero = np.ones(12, np.float32), np.zeros(12, np.float32)
    _, maps = layer.linearize(x, one, zero)
    exact = x.astype(np.float64).reshape(-1, 12)
    np.testing.assert_allclose(maps.seen["mean"], exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(maps.seen["variance"], exact.var(axis=0, ddof=1), rtol=1e-5)
    assert np.abs(layer.linearize(np.full_like(x, 12345.678), one, zero)[0]).max() < 1e-6


def test_rows_are_widened_by_whole_rows():
    for n, count in ((2450, 64), (7, 3), (1, 5), (64, 700), (30, 512)):
        wide = channels.widened(np.zeros((n, count), np.float32))
        assert wide.size == n * count
        assert wide.shape[1] % count == 0
        assert wide.shape[1] <= max(channels.WIDTH, count)
