"""The compiled layers: that they are those of the other plug-ins, with other kernels. Their cases prove the rest."""

import subprocess
import sys

import numpy as np
import pytest

import chainrule
import chainrule_affine
import chainrule_conv
import chainrule_conv.conformance
import chainrule_losses
import chainrule_numba
import chainrule_pooling
from chainrule import Recipe, Shards, TargetError
from chainrule.recipe_tables import build_layer, layer_table
from chainrule_conv.winograd import Winograd
from chainrule_numba.conformance import CASES, REPLACED
from chainrule_numba.tiles import Tiles

RNG = np.random.default_rng(5)


def in_float32(layer, shape, B=3):
    """Return everything that a layer computes, for numbers that depend on the shapes alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(B, *shape)).astype(np.float32)
    params = {name: value.astype(np.float32) for name, value in layer.initialize(shape, rng).items()}
    y, maps = layer.linearize(x, **params)
    delta = rng.normal(size=y.shape).astype(np.float32)
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    found = {"y": y, "forward": layer.forward(x, **params), "dx": maps.vjp(delta, out), **out}
    return found | {"jvp": maps.jvp(x[::-1].copy(), params)}


@pytest.mark.parametrize(
    "settings, shape, method",
    [
        ({"kernel": 3, "padding": 1}, (16, 20, 96), "Tiles"),
        ({"kernel": 3, "padding": 1, "method": "winograd"}, (13, 18, 40), "Tiles"),
        ({"kernel": 3, "padding": "same", "method": "winograd"}, (8, 7, 64), "Tiles"),
        ({"kernel": 5, "padding": (0, 2, 3, 1), "method": "winograd"}, (11, 14, 33), "Tiles"),
        ({"kernel": 5}, (6, 5, 64), "Sums"),
        ({"kernel": 3, "stride": 2, "padding": 1}, (9, 12, 40), "Sums"),
        ({"kernel": 3, "dilation": (1, 2)}, (9, 12, 3), "Sums"),
        ({"kernel": (4, 2), "stride": (1, 3)}, (9, 12, 1), "Sums"),
    ],
)
def test_a_convolution_is_the_other_one_s_up_to_rounding(settings, shape, method):
    compiled, plain = (module.Conv2d(36, **settings) for module in (chainrule_numba, chainrule_conv))
    assert type(compiled.convolution(shape, np.dtype(np.float32))).__name__ == method
    expected = in_float32(plain, shape)
    for name, array in in_float32(compiled, shape).items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(
            array, expected[name], rtol=0, atol=2e-5 * np.abs(expected[name]).max(), err_msg=name
        )


@pytest.mark.parametrize("kind", ["MaxPool2d", "MeanPool2d"])
@pytest.mark.parametrize(
    "settings",
    [{"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"size": (2, 3), "stride": 4}, {"size": 17, "padding": 16}],
)
def test_pooling_is_the_other_one_s_up_to_rounding(kind, settings):
    compiled, plain = (getattr(module, kind)(**settings) for module in (chainrule_numba, chainrule_pooling))
    expected = in_float32(plain, (17, 20, 35))
    for name, array in in_float32(compiled, (17, 20, 35)).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("channels", [1, 8, 11])
def test_the_first_maximum_and_the_first_nan_take_the_gradient(channels):
    x = np.array([[1.0, 3, 3, 0], [3, 2, 0, np.nan], [np.nan, 0, 7, 7], [0, 0, 7, 7]]).reshape(1, 4, 4, 1)
    y, maps = chainrule_numba.MaxPool2d(2).linearize(np.tile(x, channels))
    dx = maps.vjp(np.tile(np.arange(1.0, 5).reshape(1, 2, 2, 1), channels))
    for c in range(channels):
        np.testing.assert_array_equal(y[..., c].ravel(), [3, np.nan, np.nan, 7])
        assert dx[0, :, :, c].tolist() == [[0, 1, 0, 0], [0, 0, 0, 2], [3, 0, 4, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "f2", "i8", "u1", "?"])
@pytest.mark.parametrize("channels", [3, 8, 19])
@pytest.mark.parametrize("settings", [(2,), (2, 1), (3, 2, 1), (2, 3, 1, True), (17,)])
def test_max_pooling_selects_what_the_other_one_does_to_the_bit(settings, channels, dtype):
    """Numbers are few, so that windows have several largest ones; of floats some are infinite, and some are none."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, (2, 18, 17, channels)).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(x.shape) < 0.05], x[rng.random(x.shape) < 0.05] = np.nan, np.inf
    found = []
    for module in (chainrule_numba, chainrule_pooling):
        layer = module.MaxPool2d(*settings)
        y, maps = layer.linearize(x)
        tangent = np.arange(x.size, dtype=np.float32).reshape(x.shape)
        found.append(
            [layer.forward(x), y, maps.vjp(np.arange(1, y.size + 1.0).reshape(y.shape)), maps.jvp(tangent, {})]
        )
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("dtype, error", [(np.float32, 2.5e-7), (np.float64, 4e-16)])
def test_probabilities_are_those_of_a_wider_exponential(dtype, error):
    scores = np.concatenate([RNG.normal(size=(50, 40)), RNG.normal(size=(50, 40)) * 30, -np.eye(40) * 1e4]).astype(
        dtype
    )
    targets = np.arange(len(scores)) % 40
    values, gradients = chainrule_numba.CrossEntropy().linearize(scores, targets)
    exact = scores.astype(np.longdouble)
    exact = np.exp(exact - exact.max(axis=1, keepdims=True))
    total = exact.sum(axis=1, keepdims=True)
    p = exact / total - np.eye(40)[targets]
    assert np.abs(gradients - p).max() < error
    loss = np.log(total[:, 0]) - (scores - scores.max(axis=1, keepdims=True))[np.arange(len(scores)), targets]
    np.testing.assert_allclose(values, loss.astype(float), rtol=20 * error, atol=20 * error)
    assert gradients.dtype == values.dtype == dtype


def test_scores_that_are_no_numbers_stay_none():
    scores = np.array([[np.nan, 1, 2], [-np.inf, 1, 2], [1, 2, 3]])
    values, gradients = chainrule_numba.CrossEntropy().linearize(scores, np.array([1, 1, 1]))
    assert np.isnan(values[0])
    assert np.isnan(gradients[0]).all()
    assert gradients[1, 0] == 0
    assert np.isfinite(values[1:]).all()
    for wide in (np.full((1, 40), -np.inf), np.where(np.arange(40) == 7, np.nan, 1.0)[None], np.full((1, 40), np.inf)):
        values, gradients = chainrule_numba.CrossEntropy().linearize(wide, np.array([3]))
        assert np.isnan(values).all()
        assert np.isnan(gradients).all()
    with pytest.raises(TargetError):
        chainrule_numba.CrossEntropy().linearize(scores, np.array([1, 1, 3]))


def test_every_replaced_layer_has_the_cases_of_the_layer():
    for plain, compiled in REPLACED.items():
        own = [case for case in CASES if type(case.subject) is compiled]
        module = sys.modules[plain.__module__.partition(".")[0] + ".conformance"]
        assert len(own) == sum(type(case.subject) is plain for case in module.CASES) > 0


@pytest.mark.parametrize("size", ["2×2", "4×4"])
def test_a_case_of_the_convolution_computes_by_tiles_in_float32(size):
    for cases, tiles in ((CASES, Tiles), (chainrule_conv.conformance.CASES, Winograd)):
        (case,) = (case for case in cases if case.id.endswith(f"conv2d/tiles of {size}"))
        assert case.float32_error == 2e-5
        assert type(case.layer.convolution(case.input_shape, np.dtype(np.float32))) is tiles
        assert type(case.layer.convolution(case.input_shape, np.dtype(np.float64))) is not tiles


def test_installing_it_changes_nothing_until_it_is_preferred():
    for name, module in {"conv2d": chainrule_conv, "relu": chainrule_affine, "max_pool2d": chainrule_pooling}.items():
        settings = {"conv2d": {"filters": 2, "kernel": 3}, "max_pool2d": {"size": 2}}.get(name, {})
        assert type(chainrule.layer(name, **settings)).__module__.startswith(module.__name__ + ".")
        preferred = chainrule.layer(name, prefer=["chainrule-numba"], **settings)
        assert type(preferred).__module__.startswith("chainrule_numba.")
    assert type(chainrule.loss("cross_entropy")) is chainrule_losses.CrossEntropy
    assert type(chainrule.loss("cross_entropy", prefer=["chainrule-numba"])) is chainrule_numba.CrossEntropy


def test_a_layer_s_table_says_which_one_it_is():
    assert layer_table(chainrule_affine.ReLU()) == {"use": "relu"}
    assert layer_table(chainrule_numba.ReLU()) == {"use": "chainrule-numba:relu"}
    assert build_layer({"use": "chainrule-numba:relu"}) == chainrule_numba.ReLU()


def test_a_recipe_that_prefers_it_trains_to_the_same_numbers_up_to_rounding():
    layers = [
        {"use": "conv2d", "filters": 6, "kernel": 3, "padding": "same"},
        {"use": "relu"},
        {"use": "max_pool2d", "size": 2},
        {"use": "flatten"},
        {"use": "affine_relu", "units": 20},
        {"use": "affine", "units": 10},
    ]
    table = {
        "data": {"use": "digits"},
        "network": {"layers": layers, "dtype": "float64"},
        "training": {
            "loss": "cross_entropy",
            "optimizer": {"use": "sgd", "learning_rate": 0.1},
            "batch_size": 100,
            "epochs": 1,
            "shards": 2,
        },
    }
    thetas = []
    for prefer in ([], ["chainrule-numba"]):
        recipe = Recipe({**table, "prefer": prefer})
        data = recipe.dataset()
        network = recipe.network(data)
        recipe.train(network, data)
        compiled = [type(layer).__module__.startswith("chainrule_numba") for layer in network.layers]
        assert compiled == [bool(prefer) and layer["use"] not in ("flatten", "affine") for layer in layers]
        thetas.append(network.theta)
    np.testing.assert_allclose(*thetas, rtol=0, atol=1e-11)


def test_two_shards_give_the_same_bits_twice():
    gradients = []
    for _ in range(2):
        layers = [chainrule_numba.Conv2d(32, 3, padding=1), chainrule_numba.MaxPool2d(2), chainrule_affine.Flatten()]
        network = chainrule.Network([*layers, chainrule_affine.Affine(3)], (8, 8, 32))
        x = np.random.default_rng(0).normal(size=(6, 8, 8, 32))
        with Shards(network, 2) as shards:
            shards.backprop(x, np.arange(6) % 3, chainrule_numba.CrossEntropy())
        gradients.append(network.gradient.copy())
    np.testing.assert_array_equal(*gradients)


def test_the_first_kernel_says_that_it_is_compiled_and_the_next_one_does_not(tmp_path):
    code = (
        "import numpy as np\n"
        "from chainrule_numba import MaxPool2d, ReLU\n"
        "ReLU().forward(np.ones((2, 3)))\nMaxPool2d(2).forward(np.ones((2, 3, 3, 1)))\n"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""}
    said = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stderr
        for _ in range(2)
    ]
    assert said[0].strip() == (
        "chainrule-numba compiles its kernels, which takes some seconds; they are kept for later runs"
    )
    assert said[1] == ""
