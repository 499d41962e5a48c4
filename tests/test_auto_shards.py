"""`shards = "auto"`: as many as pay, by shapes and cores; a number from then on."""

import copy
import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import chainrule
from chainrule import SGD, EachPosition, Network, Recipe, Residual, SettingError, Shards, evaluate, train
from chainrule.functions.at_once import batches_that_pay
from chainrule.functions.threads import blas_threads
from chainrule.learning.auto_shards import shards_that_pay
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, ReLU
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy
from chainrule_norm import BatchNorm
from chainrule_optimizers import Adam, ClipNorm, LevenbergMarquardt
from chainrule_pooling import MaxPool2d
from chainrule_sequence import GRU, Embedding

RNG = np.random.default_rng(7)
PICTURES, CLASSES = RNG.normal(size=(96, 32, 32, 1)).astype(np.float32), RNG.integers(0, 3, 96)
LAYERS = [Conv2d(8, 3, padding="same"), ReLU(), Flatten(), Affine(3)]
SETTINGS = {"loss": CrossEntropy(), "optimizer": SGD(0.01), "batch_size": 64, "epochs": 2}


@pytest.fixture
def cores(monkeypatch):
    """A function that lets BLAS have so many threads, as far as the rule sees."""

    def cores(count):
        monkeypatch.setattr("chainrule.functions.at_once.blas_threads", lambda: count)

    cores(8)
    return cores


def network(layers=LAYERS, shape=(32, 32, 1)):
    return Network(layers, shape)


def lenet():
    pictures = [Conv2d(16, 5, padding="same"), ReLU(), MaxPool2d(2), Conv2d(32, 5, padding="same"), ReLU()]
    return network([*pictures, MaxPool2d(2), Flatten(), AffineReLU(128), Affine(10)], (28, 28, 1))


def mlp(*units, n=784):
    return network([*map(AffineReLU, units), Affine(10)], (n,))


def recurrent():
    return network([Embedding(72, 32), GRU(128), EachPosition(Affine(72))], (64,))


@pytest.mark.parametrize(
    ("make", "batch", "expected"),
    [
        (lenet, 1, 1),
        (lenet, 32, 1),
        (lenet, 64, 2),
        (lenet, 128, 2),
        (lenet, 256, 3),
        (lenet, 512, 4),
        (lenet, 5120, 8),
        (recurrent, 32, 1),
        (recurrent, 128, 2),
        (lambda: mlp(8, n=2), 4, 1),
        (lambda: mlp(512, 256), 128, 1),
        (lambda: mlp(512, 256), 8192, 1),
        (lambda: mlp(*[16] * 8, n=16), 20000, 2),
        (lambda: network([Residual(Conv2d(8, 3, padding="same"))], (32, 32, 8)), 48, 2),
    ],
)
@pytest.mark.usefixtures("cores")
def test_as_many_as_the_arrays_between_the_layers_are_worth(make, batch, expected):
    assert shards_that_pay(make(), batch, SGD(0.1)) == expected


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_than_blas_has_threads(cores, count):
    cores(count)
    assert shards_that_pay(lenet(), 512, SGD(0.1)) == batches_that_pay(lenet(), 4096, 256) == count


def test_batches_at_once_take_a_bounded_memory(cores):
    cores(64)
    large = network([Conv2d(64, 3, padding="same"), ReLU()], (128, 128, 3))
    assert [batches_that_pay(large, 10_000, batch) for batch in (1, 8, 64, 256)] == [64, 32, 4, 2]


def test_the_threads_of_blas_are_those_outside_of_shards():
    with threadpool_limits(2, "blas"):
        assert blas_threads() == 2
        with Shards(network(), 2) as two, Shards(network(), 3):
            assert blas_threads() == 2
            assert two.map(lambda _: blas_threads(), range(4)) == [1] * 4  # who is in a thread already takes no more
    with threadpool_limits(1, "blas"):
        assert blas_threads() == 1


def test_without_threadpoolctl_there_is_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert shards_that_pay(lenet(), 512, SGD(0.1)) == batches_that_pay(lenet(), 4096, 256) == 1
    assert evaluate(lenet(), np.zeros((300, 28, 28, 1)), np.zeros(300, int), CrossEntropy()).loss > 0


@dataclass(frozen=True)
class Mixing(ReLU):
    mixes_samples = True


@dataclass(frozen=True)
class OfFour(ReLU):
    def least_batch(self, input_shape):
        return 4


@pytest.mark.parametrize("layer", [Mixing(), BatchNorm(), OfFour(), Residual(BatchNorm()), Residual(Mixing())])
@pytest.mark.usefixtures("cores")
def test_one_where_samples_meet_if_only_in_training(layer):
    assert shards_that_pay(network([LAYERS[0], ReLU(), *LAYERS[2:]]), 256, SGD(0.1)) == 3
    assert shards_that_pay(network([LAYERS[0], layer, *LAYERS[2:]]), 256, SGD(0.1)) == 1


@pytest.mark.parametrize(
    ("rule", "expected"), [(SGD(0.1), 3), (Adam(), 3), (ClipNorm(SGD(0.1), 1.0), 1), (LevenbergMarquardt(), 1)]
)
@pytest.mark.usefixtures("cores")
def test_one_where_a_rule_may_ask_for_the_curvature_of_layers_that_train_otherwise(rule, expected):
    assert shards_that_pay(network([LAYERS[0], Dropout(0.5), *LAYERS[2:]]), 256, rule) == expected
    assert shards_that_pay(network(), 256, rule) == 3


class Look:
    def __init__(self):
        self.snapshots, self.shards = [], set()

    def chainrule_batch_ended(self, run, record):
        self.snapshots.append(copy.deepcopy(run.snapshot()))
        self.shards.add(run.work.shards)


def trained(**changes):
    net = network()
    history = train(net, PICTURES, CLASSES, **(SETTINGS | changes))
    return net.theta.tobytes(), [record.e_in for record in history]


def test_train_takes_what_pays_and_a_resume_the_number_of_its_run(cores):
    look = Look()
    cores(2)
    auto = trained(hooks=[look])
    assert look.shards == {2}
    assert auto == trained(shards=2)
    assert auto[0] != trained(shards=1)[0]
    cores(1)
    for snapshot in look.snapshots[:3]:
        assert snapshot.shards == 2
        assert trained(resume=snapshot) == auto
    one = Look()
    trained(hooks=[one])
    cores(2)
    assert {snapshot.shards for snapshot in one.snapshots} == one.shards == {1}
    assert trained(resume=one.snapshots[0]) == trained(shards=1)


@pytest.mark.parametrize("length", [96, 700])
def test_how_many_batches_are_predicted_at_once_shows_in_no_bit(length):
    x, classes = np.resize(PICTURES, (length, 32, 32, 1)), np.resize(CLASSES, length)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            assert batches_that_pay(network(), length, 64) == threads
            found.append(evaluate(network(), x, classes, CrossEntropy(), 64))
    assert found[0] == found[1]


def test_parts_of_a_large_prediction_are_predicted_at_once_and_that_shows_in_no_bit(monkeypatch):
    class Watch(ReLU):
        def forward(self, x):
            seen.append((len(x), threading.current_thread().name[:15]))
            return super().forward(x)

    monkeypatch.setattr("chainrule.functions.network.AT_ONCE", 64 * 32 * 32 * 8 * 4)
    net, x, scores = network([LAYERS[0], Watch(), *LAYERS[2:]]), np.resize(PICTURES, (700, 32, 32, 1)), []
    for threads, name in ((1, "MainThread"), (2, "chainrule shard")):
        with threadpool_limits(threads, "blas"):
            seen = []
            scores.append(net.predict(x))
            assert sorted(seen) == [(60, name), *[(64, name)] * 10]
    np.testing.assert_array_equal(*scores)
    np.testing.assert_allclose(scores[0], net.predict_at_once(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shards", ["automatic", "Auto", "2", 0, -1, True, 2.5, None, ["auto"]])
def test_shards_are_auto_or_a_positive_int(shards):
    message = r"^shards: expected 'auto' or a positive int, got "
    with pytest.raises(SettingError, match=message):
        trained(shards=shards)
    with pytest.raises(SettingError, match=message):
        evaluate(network(), PICTURES, CLASSES, CrossEntropy(), shards=shards)
    with pytest.raises(chainrule.ChainruleError, match=r"^training\.s" + message[2:]):
        recipe(shards=shards)


def recipe(versions=None, **training):
    common = {
        "loss": "cross_entropy",
        "optimizer": {"use": "sgd", "learning_rate": 0.1},
        "batch_size": 512,
        "epochs": 1,
    }
    layers = [{"use": "conv2d", "filters": 32, "kernel": 3}, {"use": "flatten"}, {"use": "affine", "units": 10}]
    table = {"data": {"use": "digits"}, "network": {"layers": layers}, "training": common | training}
    return Recipe(table if versions is None else {**table, "versions": versions})


def test_a_recipe_says_auto_unless_it_says_a_number_or_is_that_of_a_run_of_before_numbers_were_kept(cores):
    said = [recipe(), recipe(shards="auto"), recipe(shards=3), recipe({"numpy": "2"}), recipe({"numpy": "2"}, shards=3)]
    assert [own.shards for own in said] == ["auto", "auto", 3, 1, 3]
    data = said[0].dataset()
    net = said[0].network(data)
    cores(2)
    assert [own.shards_for(net, data) for own in said] == [2, 2, 3, 1, 3]
    assert recipe(batch_size="all").shards_for(net, data) == 2
    assert recipe(batch_size=32).shards_for(net, data) == 1
    thetas = []
    for own in (said[0], recipe(shards=2), said[3]):
        net = own.network(data)
        own.train(net, data)
        thetas.append(net.theta.tobytes())
    assert thetas[0] == thetas[1] != thetas[2]
