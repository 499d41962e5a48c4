"""The mini-batch loop: what it reports, how it ends, and what it refuses."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule
from chainrule import SGD, DataError, DivergenceError, Network, SettingError, ShapeError, TargetError, evaluate, train
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, Tanh
from chainrule_losses import CrossEntropy, Logistic, SquaredError

RNG = np.random.default_rng(2)
X, T = RNG.normal(size=(23, 4)), RNG.integers(0, 3, 23)


SETTINGS = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 5, "epochs": 3}


def network(seed=0, **settings):
    return Network([AffineReLU(6), Affine(3)], 4, seed=seed, **settings)


def run(net=None, x=X, targets=T, **changes):
    return train(net or network(), x, targets, **{**SETTINGS, **changes})


def test_two_runs_of_one_seed_are_equal_to_the_last_bit():
    first, second, third = network(), network(), network()
    histories = [run(first, test=(X, T)), run(second, test=(X, T)), run(third, test=(X, T), seed=1)]
    np.testing.assert_array_equal(first.theta, second.theta)
    assert histories[0] == histories[1]
    assert (first.theta != third.theta).any()
    assert histories[0] != histories[2]


def test_a_run_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what must not change
    run(Network([Dropout(0.2), Affine(3)], 4))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_run_inside_a_run_leaves_numpy_s_warnings_as_they_were():
    class Nested:
        def chainrule_epoch_ended(self, run, record):
            train(network(), X, T, **SETTINGS)
            states.append(np.geterr())

    states = []
    with np.errstate(divide="raise", over="warn", invalid="print"):
        before = np.geterr()
        run(hooks=[Nested()])
        assert np.geterr() == before
    assert [state["divide"] for state in states] == ["ignore"] * 3


def test_e_in_and_e_out_are_the_means_at_the_epoch_s_end():
    net = network()
    history = run(net, x=X[:15], targets=T[:15], test=(X[15:], T[15:]))
    assert history[-1].e_in == evaluate(net, X[:15], T[:15], CrossEntropy())
    assert history[-1].e_out == evaluate(net, X[15:], T[15:], CrossEntropy())
    assert [record.epoch for record in history] == [1, 2, 3]
    decided = net.decide(X[15:], CrossEntropy())
    assert history[-1].e_out.error == pytest.approx((decided != T[15:]).mean())


def test_an_error_without_meaning_is_none():
    history = run(targets=RNG.normal(size=(23, 3)), loss=SquaredError(), optimizer=SGD(0.01))
    assert history[-1].e_in.error is None
    assert history[-1].e_out is None


def test_each_epoch_shows_every_sample_once_in_another_order():
    seen = []

    class Watch(Tanh):
        def linearize(self, x):
            seen.append(x[:, 0].copy())
            return super().linearize(x)

    x = np.arange(23.0)[:, None]
    run(Network([Watch(), Affine(3)], 1), x=x, epochs=2)
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 3] * 2
    epochs = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), x[:, 0])
    assert (epochs[0] != epochs[1]).any()


def test_a_step_is_one_step_of_gradient_descent_on_the_true_batch_size():
    net, by_hand = network(dtype=np.float64), network(dtype=np.float64)
    batches = []

    class Watch:
        def chainrule_batch_ended(self, run, record):
            batches.append((record.loss, run.network.theta.copy()))

    run(net, batch_size=4, epochs=1, hooks=[Watch()])
    order = chainrule.random_stream(0, "shuffle").permutation(23)
    for start, (loss, theta) in zip(range(0, 23, 4), batches, strict=True):
        rows = order[start : start + 4]
        assert loss == pytest.approx(evaluate(by_hand, X[rows], T[rows], CrossEntropy()).loss, rel=1e-12)
        by_hand.theta -= 0.1 * chainrule.gradient(by_hand, X[rows], T[rows], CrossEntropy())
        np.testing.assert_allclose(theta, by_hand.theta, atol=1e-14)


def test_dropout_draws_anew_each_step_and_evaluation_does_not_draw():
    net = Network([Dropout(0.5), Affine(3)], 4)
    assert run(net) == run(Network([Dropout(0.5), Affine(3)], 4))
    assert evaluate(net, X, T, CrossEntropy()) == evaluate(net, X, T, CrossEntropy())


def test_a_rule_may_ask_for_curvature_and_objective_of_its_batch_at_theta_as_it_is():
    """They are those of what the step differentiates: a dropout is the one that was drawn for it."""
    net, loss, direction = Network([Dropout(0.5), Affine(3)], 4, dtype=np.float64), CrossEntropy(), RNG.normal(size=15)
    order, noise = (chainrule.random_stream(0, name) for name in ("shuffle", "stochastic layers"))

    class Curious(chainrule.Optimizer):
        def step(self, theta, gradient, state, context):
            rows = order_of_epoch[4 * context.step : 4 * context.step + 4]
            drawn = Network([net.layers[0].realize(noise), net.layers[1]], 4, dtype=np.float64)
            for _ in range(2):
                drawn.theta = theta
                assert context.objective() == pytest.approx(evaluate(drawn, X[rows], T[rows], loss).loss, rel=1e-14)
                expected = chainrule.gauss_newton_vector(drawn, X[rows], T[rows], loss, direction)
                np.testing.assert_array_equal(context.gauss_newton(direction), expected)
                expected = chainrule.gauss_newton_diagonal(drawn, X[rows], T[rows], loss)
                np.testing.assert_array_equal(context.gauss_newton_diagonal(), expected)
                theta -= 0.1 * gradient

    order_of_epoch = order.permutation(23)

    assert len(run(net, optimizer=Curious(), batch_size=4, epochs=1)) == 1


def test_a_step_allocates_nothing_of_the_size_of_theta():
    net = Network([Affine(1000)], 1000)
    x, t = np.ones((2, 1000), np.float32), np.zeros(2, int)
    optimizer, loss, context = SGD(0.1), CrossEntropy(), chainrule.StepContext(0, net.slices, lambda v: v)
    net.backprop(x, t, loss)
    tracemalloc.start()
    try:
        net.backprop(x, t, loss)
        optimizer.step(net.theta, net.gradient, None, context)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < net.theta.nbytes / 8


def test_a_file_larger_than_a_batch_stays_on_disk(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (4000, 1000))
    x[:, :3] = RNG.normal(size=(4000, 3))
    t = (x[:, 0] > 0).astype(int)
    net = Network([Affine(2)], 1000)
    tracemalloc.start()
    try:
        history = run(net, x=x, targets=t, batch_size=32, epochs=1, test=(x, t))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 4
    assert history[0].e_in.error < 0.2


def test_lists_and_lazy_rows_train_alike():
    data = chainrule.data.prepare(chainrule.Dataset(X, T), split="none")
    as_list, as_rows = network(), network()
    run(as_list, x=X.tolist(), targets=T.tolist())
    run(as_rows, x=data.x, targets=data.y)
    np.testing.assert_array_equal(as_list.theta, as_rows.theta)


@pytest.mark.parametrize(("at", "steps", "epochs"), [("start", 0, 0), (2, 2, 0), (5, 5, 1), (8, 8, 1)])
def test_a_stop_ends_the_run_after_its_batch(at, steps, epochs):
    done = []

    class Stop:
        def chainrule_training_started(self, run):
            if at == "start":
                run.stop("enough")

        def chainrule_batch_ended(self, run, record):
            done.append(record)
            if len(done) == at:
                run.stop("enough")

    history = run(hooks=[Stop()])
    assert (len(done), len(history), history.stopped) == (steps, epochs, "enough")


def test_an_autoencoder_has_its_input_as_target():
    net = Network([Affine(2), Affine(4)], 4)
    history = run(net, targets=X, loss=SquaredError(), optimizer=SGD(0.02), epochs=30)
    assert history[-1].e_in.loss < history[0].e_in.loss


def test_a_divergence_names_its_step_and_keeps_the_last_good_parameters():
    net, y = Network([Affine(1)], 4, dtype=np.float64), RNG.normal(size=(23, 1))
    start = net.theta.copy()
    with pytest.raises(
        DivergenceError, match=r"epoch 1, batch \d+: expected a finite loss, got (inf|nan) with a largest"
    ) as caught:
        run(net, targets=y, loss=SquaredError(), optimizer=SGD(1e80))
    assert (caught.value.epoch, len(caught.value.history)) == (1, 0)
    np.testing.assert_array_equal(caught.value.theta, start)
    assert caught.value.largest > 1e70


def test_a_later_divergence_keeps_the_epochs_before():
    @dataclass(frozen=True)
    class Explode(chainrule.Schedule):
        def rate(self, step):
            return 0.01 if step < 10 else 1e200

    net, good = Network([Affine(1)], 4, dtype=np.float64), []
    y = RNG.normal(size=(23, 1))

    class Keep:
        def chainrule_epoch_ended(self, run):
            good.append(run.network.theta.copy())

    with pytest.raises(ArithmeticError, match=r"epoch 3, .*lower the learning rate or scale the data") as caught:
        run(net, targets=y, loss=SquaredError(), optimizer=SGD(Explode()), epochs=9, hooks=[Keep()])
    assert len(caught.value.history) == 2
    np.testing.assert_array_equal(caught.value.theta, good[1])


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"batch_size": 0}, SettingError, "batch_size: expected 'all' or an int from 1 to 23, .*, got 0"),
        ({"batch_size": 24}, SettingError, "batch_size: .* the number of training samples, got 24"),
        ({"batch_size": "some"}, SettingError, "batch_size: .*, got 'some'"),
        ({"batch_size": 2.0}, SettingError, r"batch_size: .*, got 2\.0"),
        ({"batch_size": True}, SettingError, "batch_size: .*, got True"),
        ({"epochs": 0}, SettingError, "epochs: expected a positive int, got 0"),
        ({"seed": -1}, SettingError, "seed: expected an int of at least 0, got -1"),
        (
            {"loss": "cross_entropy"},
            SettingError,
            r"loss: expected a Loss, such as CrossEntropy\(\), got 'cross_entropy'",
        ),
        ({"optimizer": 0.1}, SettingError, r"optimizer: expected an Optimizer, such as SGD\(0.1\), got 0.1"),
        ({"x": X[:, :3]}, ShapeError, r"training data: expected \(N, 4\), got \(23, 3\)"),
        ({"x": X[:0], "targets": T[:0]}, DataError, "training data: expected at least one sample, got none"),
        ({"targets": T[:5]}, DataError, "training data: expected 23 targets, one for each sample, got 5"),
        ({"test": (X[:, :2], T)}, ShapeError, r"test data: expected \(N, 4\), got \(23, 2\)"),
        ({"test": (X, T[:-1])}, DataError, "test data: expected 23 targets"),
        ({"test": (X, T.astype(float))}, TargetError, "cross_entropy targets: expected integer classes"),
        ({"targets": T + 7}, TargetError, "cross_entropy targets: expected classes 0 to 2"),
        ({"loss": Logistic()}, TargetError, r"logistic targets: expected \(1, 3\), got \(1,\)"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_step(changes, kind, message):
    net = network()
    before = net.theta.copy()
    with pytest.raises(kind, match=message):
        run(net, **changes)
    np.testing.assert_array_equal(net.theta, before)


def test_an_evaluation_of_nothing_is_refused():
    with pytest.raises(DataError, match="evaluation: expected at least one sample, got none"):
        evaluate(network(), X[:0], T[:0], CrossEntropy())


def test_digits_are_learned_to_five_percent():
    data = chainrule.dataset("digits")
    net = Network([Flatten(), AffineReLU(64), Affine(10)], data.x.shape[1:])
    history = run(net, data.x, data.y, batch_size=32, epochs=30, test=(data.x_test, data.y_test))
    assert history[-1].e_out.error <= 0.05


def test_a_wrong_target_deep_in_the_data_is_told_before_the_first_step():
    x, t = np.ones((600, 4)), np.zeros(600, int)
    t[300] = 9
    net = network()
    before = net.theta.copy()
    with pytest.raises(
        TargetError, match=r"training data, rows from 256: cross_entropy targets: expected .*, got 9 at 44"
    ):
        run(net, x=x, targets=t)
    np.testing.assert_array_equal(net.theta, before)


def test_nan_in_the_data_is_no_divergence():
    x = X.copy()
    x[17, 1] = np.nan
    with pytest.raises(DataError, match="training data, row 17: expected finite numbers, got NaN or infinity"):
        run(x=x)


def test_rows_of_a_data_frame_are_taken_by_position():
    class Series:
        """Like pandas': an index picks labels, and the labels are another order."""

        iloc = shape = (23,)

        def __array__(self, dtype=None, copy=None):
            return T

        def __getitem__(self, index):
            raise KeyError("labels")

    plain, framed = network(), network()
    run(plain)
    run(framed, targets=Series())
    np.testing.assert_array_equal(plain.theta, framed.theta)


def test_hooks_hear_of_the_end_even_after_an_error():
    heard = []

    class Ear:
        def chainrule_training_ended(self, run, record):
            heard.append(run.history.stopped)

    with pytest.raises(DivergenceError):
        run(loss=SquaredError(), targets=RNG.normal(size=(23, 3)), optimizer=SGD(1e30), epochs=9, hooks=[Ear()])
    assert heard == ["DivergenceError"]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: train([Affine(3)], X, T, **SETTINGS), SettingError, r"network: expected a Network: Network\(layers"),
        (lambda: run(test=(X,)), SettingError, r"test: expected a pair \(x, targets\), or .*, got 'tuple'"),
        (lambda: run(hooks=5), SettingError, "hooks: expected a list of hooks, got 5"),
        (
            lambda: evaluate(network(), X, T[:-1], CrossEntropy()),
            DataError,
            "evaluation: expected 23 targets, .*got 22",
        ),
    ],
)
def test_wrong_arguments_are_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_an_engine_is_a_class():
    with pytest.raises(SettingError, match="engine: expected a class of an Engine, such as Threads, got 3"):
        run(network(), engine=3)
