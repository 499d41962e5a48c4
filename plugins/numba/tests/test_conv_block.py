"""The block of convolution, ReLU and max pooling: what it is made of, and that dtypes and threads show in no bit."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule_affine
import chainrule_conv
import chainrule_pooling
from chainrule import Chain
from chainrule_numba import Conv2d, MaxPool2d, ReLU, threads
from chainrule_numba.conv_block import ConvBlock
from chainrule_numba.rewriting import conv_blocks
from chainrule_numba.windows import LANES

CONV, POOL = Conv2d(LANES, 3, padding=1), MaxPool2d(2)
NARROW = Conv2d(LANES - 1, 3)


@dataclass(frozen=True)
class Other(Conv2d):
    """Somebody's own."""


@pytest.mark.parametrize(
    ("layers", "answer"),
    [
        ((CONV, ReLU(), POOL, CONV), (3, ConvBlock(CONV, POOL))),
        ((CONV, ReLU(), CONV), (2, ConvBlock(CONV))),
        ((CONV, ReLU()), (2, ConvBlock(CONV))),
        ((NARROW, ReLU(), POOL), (2, ConvBlock(NARROW))),
        ((CONV, ReLU(), chainrule_pooling.MaxPool2d(2)), (2, ConvBlock(CONV))),
        ((CONV, POOL), None),
        ((CONV,), None),
        ((ReLU(), POOL), None),
        ((CONV, chainrule_affine.ReLU()), None),
        ((chainrule_conv.Conv2d(8, 3), ReLU()), None),
        ((Other(8, 3), ReLU()), None),
    ],
)
def test_a_block_is_made_of_compiled_layers_alone(layers, answer):
    assert conv_blocks(layers) == answer


def everything(layer, prefix, x, parameters, delta):
    parameters = {f"{prefix}{name}": array for name, array in parameters.items()}
    y, maps = layer.linearize(x, **parameters)
    out = {name: np.empty_like(array) for name, array in parameters.items()}
    return [y, layer.forward(x, **parameters), maps.vjp(delta, out), *out.values(), maps.jvp(x, parameters)]


@pytest.mark.parametrize("dtype", ["float16", ">f4", ">f8", "float32", "longdouble"])
@pytest.mark.parametrize("shape", [(6, 8, 2), (33, 41, 3)])
def test_a_block_has_the_bits_of_its_layers_in_every_dtype(dtype, shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(19, *shape)).round(1).astype(dtype)  # with ties
    parameters = {name: array.round(1).astype(dtype) for name, array in CONV.initialize(shape, rng).items()}
    block, chain = ConvBlock(CONV, POOL), Chain(CONV, ReLU(), POOL)
    delta = rng.normal(size=(19, *block.output_shape(shape))).astype(dtype)
    pairs = zip(everything(block, "", x, parameters, delta), everything(chain, "0.", x, parameters, delta), strict=True)
    for own, expected in pairs:
        assert own.dtype == expected.dtype
        np.testing.assert_array_equal(own, expected)


def test_the_number_of_threads_shows_in_no_bit(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 28, 28, 4)).astype(np.float32)
    parameters = {name: array.astype(np.float32) for name, array in CONV.initialize(x.shape[1:], rng).items()}
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        y, maps = ConvBlock(CONV, POOL).linearize(x, **parameters)
        found.append([y, maps.winners.winner])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
