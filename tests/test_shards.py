"""Shards: the same gradient from a batch that is split over threads."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from chainrule import (
    SGD,
    Array,
    BatchJacobian,
    DataError,
    DefinitionError,
    DivergenceError,
    Elementwise,
    Layer,
    Network,
    Recipe,
    RecipeError,
    SettingError,
    Shards,
    evaluate,
    train,
)
from chainrule.functions.threads import blas_at_most
from chainrule.learning.shards import split
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, ReLU
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy
from chainrule_pooling import MaxPool2d

RNG = np.random.default_rng(7)
PICTURES, CLASSES = RNG.normal(size=(11, 6, 6, 2)), RNG.integers(0, 3, 11)
LAYERS = [Conv2d(4, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Affine(3)]


def network(layers=LAYERS, dtype=np.float64):
    return Network(layers, (6, 6, 2), dtype=dtype)


def run(net, shards, **changes):
    settings = {
        "loss": CrossEntropy(),
        "optimizer": SGD(0.1),
        "batch_size": 4,
        "epochs": 3,
        "test": (PICTURES, CLASSES),
    }
    return train(net, PICTURES, CLASSES, shards=shards, **(settings | changes))


@pytest.mark.parametrize("B", range(1, 9))
@pytest.mark.parametrize("count", range(1, 5))
def test_a_split_has_every_sample_once_and_equal_parts(B, count):
    parts = [list(range(B))[rows] for rows in split(B, count)]
    assert [j for part in parts for j in part] == list(range(B))
    assert len(parts) == min(B, count)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("B", [1, 2, 3, 7, 11])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_gradients_of_shards_add_up_to_that_of_the_batch(B, count):
    whole, parted = network(), network()
    loss = whole.backprop(PICTURES[:B], CLASSES[:B], CrossEntropy())
    with Shards(parted, count) as shards:
        assert shards.backprop(PICTURES[:B], CLASSES[:B], CrossEntropy()) == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(parted.gradient, whole.gradient, rtol=0, atol=2e-14 * np.abs(whole.gradient).max())


@pytest.mark.parametrize("dtype, rounding", [(np.float32, 2e-6), (np.float64, 4e-15)])
def test_a_number_of_shards_gives_the_same_bits_and_another_number_differs_by_rounding(dtype, rounding):
    runs = {}
    for key, count in {"one": 1, "two": 2, "two again": 2, "three": 3}.items():
        net = network(dtype=dtype)
        runs[key] = net.theta, run(net, count)
    assert runs["two"][1] == runs["two again"][1]
    np.testing.assert_array_equal(runs["two"][0], runs["two again"][0])
    for key in ("two", "three"):
        difference = np.abs(runs[key][0] - runs["one"][0]).max()
        assert 0 < difference < rounding
        assert runs[key][1][-1].e_out.loss == pytest.approx(runs["one"][1][-1].e_out.loss, rel=10 * rounding)


def test_every_shard_has_noise_of_its_own_in_a_fixed_order():
    net, drawn = network([Dropout(0.5), *LAYERS]), []
    x = np.ones((2, 6, 6, 2))

    @dataclass(frozen=True)
    class Watch(Elementwise):
        def forward(self, x: Array) -> Array:
            return x

        def derivative(self, x: Array, y: Array) -> Array:
            drawn.append((threading.current_thread().name, x[0]))
            return np.ones_like(x)

    net = network([Dropout(0.5), Watch(), *LAYERS])
    gradients = []
    for _ in range(2):
        with Shards(net, 2) as shards:
            shards.backprop(x, CLASSES[:2], CrossEntropy(), np.random.default_rng(3))
        gradients.append(net.gradient.copy())
    np.testing.assert_array_equal(*gradients)
    assert (drawn[0][1] != drawn[1][1]).any()
    assert all(name.startswith("chainrule shard") for name, _ in drawn)


def test_evaluation_is_the_same_to_the_last_bit():
    x, classes = RNG.normal(size=(700, 6, 6, 2)), RNG.integers(0, 3, 700)
    net = network()
    history = train(
        net,
        x,
        classes,
        loss=CrossEntropy(),
        optimizer=SGD(0.1),
        batch_size=100,
        epochs=1,
        shards=2,
        test=(x[:9], classes[:9]),
    )
    with threadpool_limits(1, "blas"):
        assert history[0].e_in == evaluate(net, x, classes, CrossEntropy())
        assert history[0].e_out == evaluate(net, x[:9], classes[:9], CrossEntropy())


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("stop", [False, True])
def test_blas_keeps_to_one_thread_until_the_run_ends_and_no_longer(stop):
    class Hook:
        def chainrule_batch_ended(self, run, record):
            seen.append(blas_threads())
            if stop:
                raise InterruptedError

    seen, before = [], blas_threads()
    assert before
    for shards in (1, 2):
        try:
            run(network(), shards, epochs=1, hooks=[Hook()])
        except InterruptedError:
            assert stop
        assert blas_threads() == before
        assert seen[-1] == (before if shards == 1 else [1] * len(before))


@pytest.fixture
def two_blas_threads():
    def apart(call):  # in a thread that ends: until then threadpoolctl lets no other one change the limit
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(call).result()

    limits = apart(lambda: threadpool_limits(2, "blas"))
    assert set(blas_threads()) == {2}
    yield
    apart(limits.restore_original_limits)


class Meets:
    """A hook that tells that its run is inside, waits, and notes BLAS's threads."""

    def __init__(self, inside, go_on, error=None):
        self.inside, self.go_on, self.error, self.seen = inside, go_on, error, []

    def chainrule_batch_ended(self, run, record):
        self.inside.set()
        assert self.go_on.wait(60)
        self.seen += blas_threads()
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, InterruptedError()])
@pytest.mark.usefixtures("two_blas_threads")
def test_of_two_runs_at_once_the_last_gives_blas_its_threads_back(error):
    def trains(hook):
        with suppress(InterruptedError):
            run(network(), 2, epochs=1, batch_size="all", hooks=[hook])

    second_inside, first_ended = threading.Event(), threading.Event()
    first = Meets(threading.Event(), second_inside, error)
    second = Meets(second_inside, first_ended)
    threads = [threading.Thread(target=trains, args=[hook]) for hook in (first, second)]
    threads[0].start()
    assert first.inside.wait(60)
    threads[1].start()
    threads[0].join()
    second.seen += blas_threads()
    first_ended.set()
    threads[1].join()
    assert set(first.seen) == set(second.seen) == {1}
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize("leaving", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.usefixtures("two_blas_threads")
def test_shards_of_several_counts_may_be_left_in_any_order(leaving):
    entered = [Shards(network(), count).__enter__() for count in (2, 3, 2)]
    for i in leaving:
        assert set(blas_threads()) == {1}
        entered[i].__exit__(None, None, None)
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize(("leaving", "left"), [((0, 1), 1), ((1, 0), 2)])
def test_of_several_who_hold_blas_the_least_counts(leaving, left):
    def apart(call):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(call).result()

    limits = apart(lambda: threadpool_limits(3, "blas"))
    held = [blas_at_most(2), Shards(network(), 2)]
    for one, threads in zip(held, (2, 1), strict=True):
        one.__enter__()
        assert set(blas_threads()) == {threads}
    held[leaving[0]].__exit__(None, None, None)
    assert set(blas_threads()) == {left}
    held[leaving[1]].__exit__(None, None, None)
    assert set(blas_threads()) == {3}
    apart(limits.restore_original_limits)


@pytest.mark.usefixtures("two_blas_threads")
def test_shards_whose_threads_cannot_be_made_leave_blas_alone(monkeypatch):
    def no_shards(count, name, *initializer):
        if name == "chainrule shard":
            raise OSError("no more threads")
        return ThreadPoolExecutor(count, name, *initializer)

    monkeypatch.setattr("chainrule.functions.threads.ThreadPoolExecutor", no_shards)
    with pytest.raises(OSError, match="no more threads"):
        Shards(network(), 2).__enter__()
    assert set(blas_threads()) == {2}


def test_shards_inside_a_limit_of_the_caller_s_own_give_it_back():
    with threadpool_limits(2, "blas"):
        with Shards(network(), 2):
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}


def test_each_thread_limits_a_blas_that_counts_for_each_thread(monkeypatch):
    def noted(**settings):
        assert settings == {"limits": 1, "user_api": "blas"}
        limited.add(threading.current_thread().name)
        return threadpool_limits(**settings)

    limited, both = set(), threading.Barrier(2)
    monkeypatch.setattr("threadpoolctl.threadpool_limits", noted)
    with Shards(network(), 2) as shards:
        shards.map(lambda _: both.wait(60), range(2))
    assert {"chainrule shard_0", "chainrule shard_1"} < limited


def test_shards_of_a_layer_that_mixes_samples_are_refused_by_name():
    @dataclass(frozen=True)
    class Mixing(AffineReLU):
        mixes_samples = True

    net = network([Flatten(), Mixing(2), Affine(3)])
    with pytest.raises(SettingError, match=r"shards: expected 1 for this network, got 2; layer 1, .*Mixing.*, mixes"):
        run(net, 2)
    run(net, 1)


@pytest.mark.parametrize("count", [4, 10, 12])
def test_targets_for_other_samples_are_refused(count):
    with Shards(network(), 2) as shards, pytest.raises(DataError, match=f"targets: expected 11, one .*, got {count}"):
        shards.backprop(PICTURES, np.resize(CLASSES, count), CrossEntropy())


def test_shards_without_threadpoolctl_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(
        SettingError, match=r"shards: expected 1, as .*not installed, got 2; pip install 'chainrule\[threads\]'"
    ):
        run(network(), 2)
    run(network(), 1)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2", "auto", None])
def test_shards_are_a_positive_int(count):
    with pytest.raises(SettingError, match="shards: expected a positive int, got"):
        Shards(network(), count)


def test_a_divergence_in_a_shard_is_told_as_one():
    with pytest.raises(DivergenceError):
        run(network(dtype=np.float32), 2, optimizer=SGD(1e30))


def test_a_gradient_left_unwritten_is_told_as_without_shards():
    @dataclass(frozen=True)
    class Forgets(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def parameter_shapes(self, input_shape):
            return {"w": (2,)}

        def initialize(self, input_shape, rng):
            return {"w": np.zeros(2)}

        def forward(self, x, w):
            return x

        def jacobian(self, x, y, w):
            class Identity(BatchJacobian):
                def vjp(self, delta, out=None):
                    return delta

                jvp = per_sample = None

            return Identity()

    with pytest.raises(DefinitionError, match="leaves the gradient of 'w' unwritten"):
        run(network([Forgets(), *LAYERS]), 2)


def recipe(**training):
    common = {"loss": "cross_entropy", "optimizer": {"use": "sgd", "learning_rate": 0.1}, "batch_size": 10, "epochs": 1}
    layers = [{"use": "flatten"}, {"use": "affine", "units": 10}]
    return Recipe({"data": {"use": "digits"}, "network": {"layers": layers}, "training": common | training})


def test_a_recipe_says_how_many_shards():
    thetas = []
    for training in ({}, {"shards": 2}):
        made = recipe(**training)
        data = made.dataset()
        net = made.network(data)
        made.train(net, data)
        thetas.append(net.theta)
    assert 0 < np.abs(thetas[0] - thetas[1]).max() < 1e-5
    with pytest.raises(RecipeError, match=r"training\.shards: expected 'auto' or a positive int, got 0"):
        recipe(shards=0)
    with pytest.raises(RecipeError, match=r"training\.shards: expected 'auto' or a positive int, got 'two'"):
        recipe(shards="two")
