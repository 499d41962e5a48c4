"""Prediction by parts: its memory is bounded, and its bits are those of the parts."""

import tracemalloc

import numpy as np
import pytest

import chainrule
from chainrule import Chain, Concat, DataError, Elementwise, Network, Residual, ShapeError, evaluate
from chainrule.compose import largest
from chainrule.functions.threads import blas_threads
from chainrule_affine import Affine, AffineReLU, Flatten, ReLU
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy
from chainrule_pooling import MaxPool2d
from chainrule_sequence import Embedding

RNG = np.random.default_rng(5)
PICTURES = RNG.random((300, 8, 8, 1), np.float32)
MIB = 1 << 20


@pytest.fixture
def small_parts(monkeypatch):
    """At most 64 kB between two layers: 32 samples of 512 numbers."""
    monkeypatch.setattr(chainrule.network, "AT_ONCE", 1 << 16)


def convolutional():
    return Network([Conv2d(8, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Affine(10)], (8, 8, 1))


class Counted(Elementwise):
    """It notes the samples of each call."""

    mixes_samples = False

    def __init__(self):
        self.calls = []

    def forward(self, x):
        self.calls.append(len(x))
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


class Given(Elementwise):
    """y = x, the very array."""

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)


class Centred(Counted):
    """An output depends on the whole batch."""

    mixes_samples = True

    def forward(self, x):
        return super().forward(x - x.mean(axis=0))


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_of_a_prediction_is_bounded_however_many_samples_there_are():
    """Of 10,000 pictures the first layer alone makes 82 MB, of 8 MiB at a time; it and the next stand at once."""
    net = Network([Conv2d(32, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Affine(10)], (8, 8, 1))
    pictures = np.broadcast_to(PICTURES[:1], (10_000, 8, 8, 1))
    bound = 2.5 * chainrule.network.AT_ONCE * blas_threads()  # a thread has a part of its own
    assert peak_of(lambda: net.predict(pictures)) < bound
    assert peak_of(lambda: net.predict_at_once(pictures)) > 4 * chainrule.network.AT_ONCE
    assert peak_of(lambda: net.decide(pictures, CrossEntropy())) < bound
    given = net, pictures, np.zeros(10_000, int), CrossEntropy()
    assert peak_of(lambda: evaluate(*given, shards=1)) < 8 * MIB
    assert peak_of(lambda: evaluate(*given, shards=2)) < 16 * MIB  # each thread has a batch of its own


def test_a_file_is_predicted_without_being_read_whole(tmp_path, small_parts):
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2_000, 8, 8, 1))
    mapped[:] = 1
    net = convolutional()
    assert peak_of(lambda: net.predict(mapped)) < mapped.nbytes / 2
    np.testing.assert_allclose(net.predict(mapped), net.predict(np.ones((2_000, 8, 8, 1))), rtol=1e-6)


def test_the_parts_have_the_bits_of_predictions_of_their_own(small_parts):
    net = convolutional()
    scores = net.predict(PICTURES)
    for start in range(0, 300, 32):
        rows = slice(start, start + 32)
        np.testing.assert_array_equal(scores[rows], net.predict(PICTURES[rows]), strict=True)
        np.testing.assert_array_equal(scores[rows], net.predict_at_once(PICTURES[rows]), strict=True)
    np.testing.assert_array_equal(scores, net.predict(PICTURES), strict=True)
    np.testing.assert_allclose(scores, net.predict_at_once(PICTURES), rtol=1e-5, atol=1e-6)


def test_what_fits_is_predicted_at_once_with_the_bits_of_before():
    layer = Counted()
    net = Network([layer, Affine(3)], 4)
    x = RNG.normal(size=(5_000, 4)).astype(np.float32)
    np.testing.assert_array_equal(net.predict(x), np.tanh(x) @ net.parameters["1.W"].T + net.parameters["1.b"])
    assert layer.calls == [5_000]


@pytest.mark.parametrize("count, calls", [(0, []), (1, [1]), (32, [32]), (33, [32, 1]), (100, [32, 32, 32, 4])])
def test_a_part_has_as_many_samples_as_fit(small_parts, count, calls):
    layer = Counted()
    net = Network([layer, Affine(3)], 512)
    assert net.predict(np.ones((count, 512))).shape == (count, 3)
    assert layer.calls == calls


def test_one_sample_is_a_part_however_large_it_is(small_parts):
    layer = Counted()
    assert Network([layer], 20_000).predict(np.ones((3, 20_000))).shape == (3, 20_000)
    assert layer.calls == [1, 1, 1]


def test_a_network_that_mixes_samples_takes_them_all_at_once(small_parts):
    layer = Centred()
    net = Network([layer], 512)
    x = RNG.normal(size=(100, 512))
    assert layer.calls == []
    np.testing.assert_allclose(net.predict(x), np.tanh(x - x.mean(axis=0)), atol=1e-6)
    assert layer.calls == [100]


def test_evaluation_has_the_bits_of_its_own_batches_however_large_they_are(small_parts):
    layer = Counted()
    evaluate(Network([layer, Affine(3)], 512), np.ones((300, 512)), np.zeros(300, int), CrossEntropy())
    assert layer.calls == [256, 44]


def test_a_shape_that_was_predicted_before_has_the_same_bits_follows_theta_and_shares_nothing():
    net = convolutional()
    before = net.predict(PICTURES[:7])
    for _ in range(2):
        again = net.predict(PICTURES[:7])
        np.testing.assert_array_equal(again, before, strict=True)
        assert not np.shares_memory(again, before)
    net.theta *= 2
    np.testing.assert_array_equal(net.predict(PICTURES[:7]), net.predict_at_once(PICTURES[:7]), strict=True)
    views = Network([Flatten()], (8, 8, 1))
    assert not any(np.shares_memory(views.predict(PICTURES), PICTURES) for _ in range(3))
    given = np.ones((5, 3), np.float32)
    identity = Network([Given()], 3)
    assert not any(np.shares_memory(identity.predict(given), given) for _ in range(3))


def test_every_call_is_checked_however_often_its_shape_was_predicted():
    net = convolutional()
    expected = [net.predict(PICTURES[:2])] * 3
    of_lists = [net.predict(PICTURES[:2].tolist()), net.predict(PICTURES[:2].astype(float)), net.predict(PICTURES[:2])]
    np.testing.assert_array_equal(of_lists, expected)
    with pytest.raises(DataError, match="network input: expected real numbers, got <U2"):
        net.predict(np.full((2, 8, 8, 1), "no"))
    with pytest.raises(DataError, match="network input: expected a value in every place"):
        net.predict(np.ma.masked_less(PICTURES[:2], 0.5))
    with pytest.raises(ShapeError, match=r"network input: expected \(B, 8, 8, 1\), got \(2, 8, 1, 8\)"):
        net.predict(PICTURES[:2].reshape(2, 8, 1, 8))


def test_what_was_predicted_before_lets_in_nothing_that_is_refused():
    of_words, of_numbers = Network([Embedding(5, 3)], (4,)), Network([Affine(2)], (4,))
    whole, real = np.ones((2, 4), int), np.ones((2, 4), np.float32)
    for net, fits, other in ((of_words, whole, real), (of_numbers, real, np.full((2, 4), "no"))):
        told = []
        for _ in range(2):
            with pytest.raises(DataError) as error:
                net.predict(other)
            told.append(str(error.value))
            net.predict(fits)
        assert told[0] == told[1]
        assert told[0].startswith("network input")


def test_what_was_predicted_at_once_is_not_taken_at_once_where_it_does_not_fit(small_parts):
    layer = Counted()
    net = Network([layer, Affine(3)], 512)
    x = np.ones((33, 512), np.float32)
    for call in (net.predict_at_once, net.predict, net.predict):
        call(x)
    assert layer.calls == [33, 32, 1, 32, 1]


def test_another_shape_is_told_whole(small_parts):
    with pytest.raises(ShapeError, match=r"^network input: expected \(B, 8, 8, 1\), got \(300, 8, 8\)$"):
        convolutional().predict(PICTURES[..., 0])


@pytest.mark.parametrize(
    "layer, shape, numbers",
    [
        (Affine(3), (5,), 5),
        (Affine(7), (5,), 7),
        (Chain(Affine(9), Affine(2)), (5,), 9),
        (Concat(Affine(4), Chain(AffineReLU(20), Affine(3))), (5,), 20),
        (Concat(Affine(4), Affine(4)), (5,), 8),
        (Residual(Chain(Affine(30), Residual(Chain(AffineReLU(40), Affine(30))), Affine(5))), (5,), 40),
        (Conv2d(6, 3), (5, 5, 1), 54),
    ],
)
def test_the_largest_array_within_a_composition_is_found(layer, shape, numbers):
    assert largest(layer, shape) == numbers
