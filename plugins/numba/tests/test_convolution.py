"""The compiled convolution: the other one's numbers for any shape, dtype and order in memory, and the same bits."""

import numpy as np
import pytest

import chainrule
import chainrule_conv
import chainrule_numba
from chainrule_numba import registers, sums, threads


def everything(layer, x, params):
    """Return what a training step computes of a layer."""
    y, maps = layer.linearize(x, **params)
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    return [y, maps.vjp(np.cos(y), out), *out.values(), maps.jvp(np.sin(x), params)]


def test_500_drawn_convolutions_are_the_other_one_s_to_ten_digits():
    rng, few = np.random.default_rng(11), set()
    for _ in range(500):
        kernel, stride, dilation = (tuple(int(n) for n in rng.integers(1, top, 2)) for top in (5, 4, 3))
        settings = {"kernel": kernel, "stride": stride, "dilation": dilation}
        settings |= {
            "filters": int(rng.choice([1, 3, 16, 21])),
            "padding": tuple(int(p) for p in rng.integers(0, 4, 4)),
            "bias": str(rng.choice(["tied", "untied"])),
        }
        plain, compiled = (module.Conv2d(**settings) for module in (chainrule_conv, chainrule_numba))
        need = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        H, W = (n + int(rng.integers(0, 7)) for n in need)
        shape = (H, W, int(rng.choice([1, 2, 3, 4, 8, 17])))
        x = rng.normal(size=(int(rng.integers(1, 6)), *shape))
        params = {name: rng.normal(size=size) for name, size in plain.parameter_shapes(shape).items()}
        few.add(sums.prefers_inner(shape[2], registers.VECTOR // x.itemsize))
        found = [everything(layer, x, params) for layer in (plain, compiled)]
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10, err_msg=repr(compiled))
    assert few == {True, False} or registers.VECTOR == 16


SHAPES = [
    ({"filters": 20, "kernel": 5, "padding": 2}, (28, 28, 1)),
    ({"filters": 33, "kernel": 7, "stride": 2, "padding": 3}, (40, 36, 3)),
    ({"filters": 40, "kernel": 5, "method": "direct"}, (20, 20, 24)),
    ({"filters": 64, "kernel": 3, "stride": 2, "padding": 1}, (30, 31, 48)),
    ({"filters": 8, "kernel": 3, "method": "direct"}, (70, 66, 17)),
]


def drawn(settings, shape, dtype=np.float64, B=7):
    rng, layer = np.random.default_rng(1), chainrule_numba.Conv2d(**settings)
    x = rng.normal(size=(B, *shape)).astype(dtype)
    return layer, x, {k: rng.normal(size=n).astype(dtype) for k, n in layer.parameter_shapes(shape).items()}


@pytest.mark.parametrize("settings, shape", SHAPES)
def test_float32_errs_by_less_than_2e_6_of_the_largest(settings, shape):
    layer, x, params = drawn(settings, shape, np.float32)
    exact = everything(layer, x.astype(float), {name: value.astype(float) for name, value in params.items()})
    delta = np.cos(exact[0])
    y, maps = layer.linearize(x, **params)
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    found = [y, maps.vjp(delta.astype(np.float32), out), out["K"]]
    for ours, right in zip(found, exact, strict=False):
        assert ours.dtype == np.float32
        assert np.abs(ours - right).max() < 2e-6 * np.abs(right).max()


@pytest.mark.parametrize("settings, shape", SHAPES)
def test_the_number_of_threads_shows_in_no_bit(settings, shape, monkeypatch):
    layer, x, params = drawn(settings, shape, np.float32)
    monkeypatch.setattr(threads, "LEAST", 0)
    alone = None
    for count in (1, 2, 3, 5):
        monkeypatch.setattr(threads, "cores", lambda count=count: count)
        monkeypatch.setattr(threads, "_pool", None)
        for _ in range(3):
            found = [array.tobytes() for array in everything(layer, x, params)]
            alone = alone or found
            assert found == alone


@pytest.mark.parametrize("dtype, close", [("f2", 1e-2), (">f4", 1e-5), (">f8", 1e-12), ("g", 1e-12)])
def test_other_dtypes_and_orders_in_memory_give_the_same_numbers(dtype, close):
    layer, x, params = drawn(*SHAPES[0])
    plain = everything(layer, x, params)
    x = np.asfortranarray(x.astype(dtype))
    x.setflags(write=False)
    params = {name: value.astype(dtype) for name, value in params.items()}
    y, maps = layer.linearize(x, **params)
    out = {name: np.empty_like(value) for name, value in params.items()}
    delta = np.broadcast_to(np.ones((), x.dtype), y.shape)
    dx = maps.vjp(delta, out)
    _, plain_maps = layer.linearize(x.astype(float), **{name: value.astype(float) for name, value in params.items()})
    right = {name: np.empty(value.shape) for name, value in params.items()}
    expected = plain_maps.vjp(np.ones(y.shape), right)
    for ours, theirs in ((y, plain[0]), (dx, expected), (out["K"], right["K"])):
        assert ours.dtype == x.dtype
        np.testing.assert_allclose(ours.astype(float), theirs, rtol=0, atol=close * np.abs(theirs).max())


def test_what_does_not_fit_is_refused_before_a_kernel_reads_beside_it():
    layer, x, params = drawn(*SHAPES[0])
    y, maps = layer.linearize(x, **params)
    with pytest.raises(chainrule.ShapeError, match="conv2d K"):
        layer.forward(x, params["K"][:4], params["b"])
    with pytest.raises(chainrule.ShapeError, match="conv2d output"):
        maps.vjp(y[:, 1:])
    with pytest.raises(chainrule.ShapeError, match="conv2d x"):
        layer.convolution(x.shape[1:], x.dtype).forward(x[:, 1:], params["K"])


def test_a_batch_may_be_empty():
    layer, x, params = drawn(*SHAPES[0], B=0)
    y, maps = layer.linearize(x, **params)
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    assert maps.vjp(y, out).shape == x.shape
    assert not out["K"].any()


@pytest.mark.parametrize(
    "features, vector, sums_in_registers",
    [("+avx,+avx2,+avx512f", 64, 28), ("+avx,+avx2,-avx512f,+fma", 32, 12), ("-avx,+sse2", 16, 12), ("+neon", 16, 12)],
)
def test_a_tile_is_as_large_as_the_registers(features, vector, sums_in_registers):
    found = registers.machine(features)
    assert found.vector == vector
    assert found.outer * 2 == sums_in_registers
    assert found.inner * registers.CHANNELS <= sums_in_registers
