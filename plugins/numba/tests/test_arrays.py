"""Arrays that numba does not know, or as it knows them not: whatever the layers in NumPy take, these take."""

import numpy as np
import pytest

import chainrule_affine
import chainrule_conv
import chainrule_losses
import chainrule_numba
import chainrule_pooling
from chainrule import SGD, Network, train

LAYERS = {
    "relu": (chainrule_affine, "ReLU", {}, (4, 3, 2)),
    "affine_relu": (chainrule_affine, "AffineReLU", {"units": 4}, (5,)),
    "conv2d by sums": (chainrule_conv, "Conv2d", {"filters": 3, "kernel": 2, "stride": 2}, (6, 5, 2)),
    "conv2d by planes": (chainrule_conv, "Conv2d", {"filters": 3, "kernel": 3}, (6, 9, 1)),
    "conv2d by tiles": (chainrule_conv, "Conv2d", {"filters": 36, "kernel": 3, "padding": 1}, (8, 8, 40)),
    "max_pool2d": (chainrule_pooling, "MaxPool2d", {"size": 3, "stride": 2}, (6, 5, 2)),
    "mean_pool2d": (chainrule_pooling, "MeanPool2d", {"size": 2}, (6, 5, 2)),
    "global_max_pool2d": (chainrule_pooling, "GlobalMaxPool2d", {}, (6, 5, 2)),
    "global_mean_pool2d": (chainrule_pooling, "GlobalMeanPool2d", {}, (6, 5, 2)),
}
FLOATS = {">f8": 1e-12, ">f4": 1e-5, "f2": 2e-2, "g": 1e-12}
SCORES, CLASSES = np.random.default_rng(0).normal(size=(6, 3)) * 4, np.array([0, 1, 2, 1, 0, 2])


def everything(layer, shape, dtypes):
    """Return all that a layer computes, of arrays that have these dtypes."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, *shape)).astype(dtypes["x"])
    params = {name: value.astype(dtypes["params"]) for name, value in layer.initialize(shape, rng).items()}
    y, maps = layer.linearize(x, **params)
    out = {name: np.full(value.shape, np.nan) for name, value in params.items()}
    delta, tangent = rng.normal(size=y.shape).astype(dtypes["delta"]), x[::-1].astype(dtypes["tangent"])
    given = {"x": x, "delta": delta, "tangent": tangent, **params}
    before = {name: array.copy() for name, array in given.items()}
    found = {
        "y": y,
        "forward": layer.forward(x, **params),
        "dx": maps.vjp(delta, out),
        "jvp": maps.jvp(tangent, params),
    }
    for name, array in given.items():
        np.testing.assert_array_equal(array, before[name])
    return found | out


@pytest.mark.parametrize("which", ["x", "params", "delta", "tangent"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_byte_order_and_precision_is_taken(name, which):
    module, kind, settings, shape = LAYERS[name]
    compiled, plain = (getattr(of, kind)(**settings) for of in (chainrule_numba, module))
    for dtype, error in FLOATS.items():
        dtypes = dict.fromkeys(["x", "params", "delta", "tangent"], np.float64) | {which: dtype}
        expected = everything(plain, shape, dtypes)
        for part, array in everything(compiled, shape, dtypes).items():
            assert array.dtype.newbyteorder("=") == expected[part].dtype.newbyteorder("=")
            scale = np.abs(expected[part]).max()
            np.testing.assert_allclose(array, expected[part], rtol=0, atol=error * scale, err_msg=f"{part}, {dtype}")


@pytest.mark.parametrize("name", [name for name in LAYERS if "pool" in name or name == "relu"])
@pytest.mark.parametrize("dtype", ["u1", ">i4", "i8", "?"])
def test_whole_numbers_are_taken(name, dtype):
    module, kind, settings, shape = LAYERS[name]
    x = np.random.default_rng(3).integers(0, 2 if dtype == "?" else 200, (2, *shape)).astype(dtype)
    ours, theirs = (getattr(of, kind)(**settings).forward(x) for of in (chainrule_numba, module))
    assert ours.dtype.newbyteorder("=") == theirs.dtype.newbyteorder("=")
    np.testing.assert_allclose(ours, theirs, rtol=1e-15)


@pytest.mark.parametrize("targets", ["i1", "u1", "<u2", ">i2", ">i4", ">i8", ">u8", "list", "unaligned", "every other"])
def test_classes_of_every_kind_are_taken(targets):
    labels = {
        "list": CLASSES.tolist(),
        "unaligned": np.frombuffer(b"." + CLASSES.astype("i8").tobytes(), np.uint8)[1:].view("i8"),
        "every other": CLASSES.repeat(2)[::2],
    }
    given = labels[targets] if targets in labels else CLASSES.astype(targets)
    expected = chainrule_losses.CrossEntropy().linearize(SCORES, CLASSES)
    for ours, theirs in zip(chainrule_numba.CrossEntropy().linearize(SCORES, given), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [">f8", ">f4", "f2", "g", "i8"])
def test_scores_of_every_kind_are_taken(dtype):
    scores = SCORES.astype(dtype)
    expected = chainrule_losses.CrossEntropy().linearize(scores, CLASSES)
    for ours, theirs in zip(chainrule_numba.CrossEntropy().linearize(scores, CLASSES), expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_trains_on_big_endian_data_as_on_its_own():
    thetas = []
    for order in "<>":
        network = Network([chainrule_numba.AffineReLU(5), chainrule_affine.Affine(3)], (3,))
        x, classes = SCORES.astype(f"{order}f4"), CLASSES.astype(f"{order}i8")
        train(network, x, classes, loss=chainrule_numba.CrossEntropy(), optimizer=SGD(0.1), batch_size=2, epochs=3)
        thetas.append(network.theta)
    np.testing.assert_array_equal(*thetas)
