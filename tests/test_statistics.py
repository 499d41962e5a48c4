"""What layers remember and no gradient moves: how it moves in a run, and that whatever keeps θ keeps it, too."""

import copy
import json
import pickle
import re
import shutil
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from test_resume import Collect
from tiny_runs import Pause, resume, start

import chainrule
from chainrule import (
    SGD,
    Chain,
    Concat,
    DivergenceError,
    EachPosition,
    Graph,
    Network,
    Recipe,
    Residual,
    SettingError,
    ShapeError,
    Shards,
    UnsupportedError,
    evaluate,
    gauss_newton_diagonal,
    gauss_newton_vector,
    random_stream,
    train,
)
from chainrule_affine import Add, Affine, Dropout, Flatten, Multiply, Reshape, Tanh
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy, SquaredError
from chainrule_norm import BatchNorm
from chainrule_optimizers import Adam, DiagonalGaussNewton, LevenbergMarquardt
from chainrule_runs import EarlyStopping, load, save

RNG = np.random.default_rng(0)
X, Y = RNG.normal((1, -2, 0, 5), (1, 3, 0.5, 2), size=(23, 4)), RNG.integers(0, 3, 23)
TEST = RNG.normal(size=(9, 4)), RNG.integers(0, 3, 9)
DEEP = [Affine(5), BatchNorm(momentum=0.3), Tanh(), Affine(3)]


def network(layers=DEEP, shape=(4,), dtype=np.float64, seed=1):
    return Network(layers, shape, seed=seed, dtype=dtype)


def run(net, hooks=(), **changes):
    settings = {"optimizer": SGD(0.1), "batch_size": 6, "epochs": 3, "seed": 5, "test": TEST} | changes
    x, y = settings.pop("data", (X, Y))
    return train(net, x, y, loss=settings.pop("loss", CrossEntropy()), hooks=hooks, **settings)


def trained(**changes):
    net = network(**changes)
    run(net)
    return net


class Watch:
    """A hook that copies the state after each step, and as each epoch ends."""

    def __init__(self):
        self.steps, self.epochs = [], []

    def chainrule_training_started(self, run):
        self.steps.append(run.network.state.copy())

    def chainrule_batch_ended(self, run):
        self.steps.append(run.network.state.copy())

    def chainrule_epoch_ended(self, run):
        self.epochs.append(run.network.state.copy())


def moved(old, numbers, momentum):
    """Return a running mean and variance after a batch in which a channel had these numbers."""
    mean, variance = statistics.fmean(numbers), statistics.variance(numbers)
    return (1 - momentum) * old[0] + momentum * mean, (1 - momentum) * old[1] + momentum * variance


# They move in a run, and in nothing else


@pytest.mark.parametrize("shards", [1, 2])
def test_a_run_moves_them_by_the_batches_that_it_sees(shards):
    net, watch = network(), Watch()
    run(net, [watch], shards=shards)
    stream, step = random_stream(5, "shuffle"), 0
    kept = [(0.0, 1.0)] * 5
    for _ in range(3):
        order = stream.permutation(23)
        for first in range(0, 23, 6):
            rows = order[first : first + 6]
            theta = network().views(watch.steps[step][: net.theta.size])  # before the step
            halves = [rows] if shards == 1 else [rows[: (len(rows) + 1) // 2], rows[(len(rows) + 1) // 2 :]]
            step += 1
            for k in range(5):
                ends = []
                for half in halves:
                    numbers = [float(sum(theta["0.W"][k] * X[j]) + theta["0.b"][k]) for j in half]
                    ends.append(moved(kept[k], numbers, 0.3))
                kept[k] = tuple(sum(values) / len(halves) for values in zip(*ends, strict=True))
            came = network().state_views(watch.steps[step])
            np.testing.assert_allclose(came["1.mean"], [mean for mean, _ in kept], rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(came["1.variance"], [variance for _, variance in kept], rtol=1e-10)
    assert step == 12


def test_they_are_no_parameters():
    net = network()
    assert net.theta.size == net.summary().parameter_count == sum(view.size for view in net.parameters.values())
    assert list(net.remembered) == ["1.mean", "1.variance"]
    assert net.gradient.shape == net.theta.shape
    assert net.state.size == net.theta.size + 10
    assert set(net.state_views(net.state)) == {*net.parameters, *net.remembered}
    assert np.shares_memory(net.statistics, net.state)
    np.testing.assert_array_equal(net.statistics, [0] * 5 + [1] * 5)


def test_nothing_but_a_training_step_moves_them():
    net = trained()
    before = net.state.copy()
    loss, v = CrossEntropy(), np.ones_like(net.theta)
    net.predict(X)
    net.decide(X, loss)
    evaluate(net, X, Y, loss)
    net.backprop(X, Y, loss)
    net.linearize(X, np.random.default_rng(0))
    for ask in (chainrule.gradient, chainrule.input_gradient, chainrule.per_sample, gauss_newton_diagonal):
        ask(net, X, Y, loss)
    chainrule.jvp(net, X, theta_tangent=v)
    chainrule.jacobian(net, X)
    chainrule.hessian_vector(net, X, Y, loss, v)
    gauss_newton_vector(net, X, Y, loss, v)
    net.backprop(X, Y, loss, np.random.default_rng(0))  # it has seen, and remembers when it is told to
    assert net.state.tobytes() == before.tobytes()
    net.remember(net.seen)
    assert net.theta.tobytes() == before[: net.theta.size].tobytes()
    assert net.statistics.tobytes() != before[net.theta.size :].tobytes()


def test_a_loop_of_ones_own_does_what_a_run_does():
    net, other = network(), network()
    run(net, batch_size="all", epochs=4)
    for _ in range(4):
        other.backprop(X, Y, CrossEntropy(), np.random.default_rng(0))
        other.theta -= 0.1 * other.gradient
        other.remember(other.seen)
    assert net.state.tobytes() == other.state.tobytes()


def test_prediction_is_by_what_is_remembered_and_of_each_sample_alone():
    net = trained()
    views = net.state_views(net.state)
    hidden = X @ views["0.W"].T + views["0.b"]
    z = (hidden - views["1.mean"]) / np.sqrt(views["1.variance"] + 1e-5)
    expected = np.tanh(views["1.gamma"] * z + views["1.beta"]) @ views["3.W"].T + views["3.b"]
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)
    np.testing.assert_allclose(net.predict(X[3:4]), expected[3:4], rtol=1e-12)


def test_derivatives_of_a_network_are_those_of_its_predictions():
    net = trained()
    dense = chainrule.jacobian(net, X[:3])
    numerical = chainrule.numerical_jacobian(lambda x: net.predict(x[None])[0], X[1])
    np.testing.assert_allclose(dense.input[1], numerical, rtol=0, atol=1e-7)
    rows = chainrule.per_sample(net, X, Y, CrossEntropy())
    np.testing.assert_allclose(rows.sum(axis=0), chainrule.gradient(net, X, Y, CrossEntropy()), rtol=0, atol=1e-12)


def test_a_steps_gradient_goes_through_the_moments_of_the_batch():
    net = network()
    net.backprop(X, Y, CrossEntropy(), np.random.default_rng(0))
    twin = network()

    def objective(theta):
        twin.theta = theta
        return twin.backprop(X, Y, CrossEntropy(), np.random.default_rng(0))

    np.testing.assert_allclose(net.gradient, chainrule.numerical_jacobian(objective, net.theta), rtol=0, atol=1e-8)


# What keeps θ keeps them


def test_the_state_can_be_assigned():
    net, other = trained(), network(seed=2)
    other.state = net.state
    np.testing.assert_array_equal(other.predict(X), net.predict(X))
    assert other.remembered["1.mean"].tobytes() == net.remembered["1.mean"].tobytes()
    with pytest.raises(ShapeError, match=r"^state: expected \(63,\), got \(53,\)$"):
        other.state = net.theta
    other.statistics = np.arange(10)
    assert other.remembered["1.variance"].tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(ShapeError, match=r"^statistics: expected \(10,\), got \(5,\)$"):
        other.statistics = np.zeros(5)


def test_other_dtypes_and_copies_have_them():
    net = trained()
    single = net.astype(np.float32)
    assert single.statistics.dtype == np.float32
    np.testing.assert_array_equal(single.state, net.state.astype(np.float32))
    for twin in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net)), net.astype(np.float64)):
        assert twin.state.tobytes() == net.state.tobytes()
        assert twin.predict(X).tobytes() == net.predict(X).tobytes()
        twin.statistics = np.ones(10)
        assert twin.state.tobytes() != net.state.tobytes()


def test_a_file_has_them_in_another_process(tmp_path):
    net = trained()
    save(tmp_path / "net", net, loss=CrossEntropy())
    loaded = load(tmp_path / "net")
    assert loaded.state.tobytes() == net.state.tobytes()
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, numpy as np\nfrom chainrule_runs import load\nfolder = sys.argv[1]\n"
        "np.save(folder + '/scores.npy', load(folder + '/net').predict(np.load(folder + '/x.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, timeout=60)
    assert np.load(tmp_path / "scores.npy").tobytes() == net.predict(X).tobytes()


def test_a_file_that_lacks_one_is_refused(tmp_path):
    save(tmp_path / "net", network([Affine(5), Affine(3)]))
    other = tmp_path / "other"
    save(other, network([Affine(5), BatchNorm(), Affine(3)]))
    (other / "parameters.safetensors").write_bytes((tmp_path / "net" / "parameters.safetensors").read_bytes())
    with pytest.raises(chainrule.CheckpointError, match=r"parameter '1\.gamma'.* differ"):
        load(other)


# Runs that are interrupted


@pytest.mark.parametrize("changes", [{}, {"optimizer": Adam(0.01)}, {"shards": 2}, {"batch_size": "all"}])
def test_a_resume_from_any_place_ends_with_the_same_bits(changes):
    layers = [Affine(5), BatchNorm(), Dropout(0.2), Residual(Chain(BatchNorm(), Tanh(), Affine(5))), Affine(3)]
    collect, whole = Collect(), network(layers, dtype=np.float32)
    history = run(whole, [collect], **changes)
    assert len(collect.snapshots) == (7 if changes.get("batch_size") == "all" else 16)
    for snapshot in collect.snapshots:
        rest = network(layers, dtype=np.float32, seed=9)
        assert run(rest, resume=snapshot, **changes) == history
        assert rest.state.tobytes() == whole.state.tobytes()


def test_a_snapshot_without_them_is_refused():
    collect = Collect()
    run(network([Affine(5), Tanh(), Affine(3)]), [collect])
    with pytest.raises(ShapeError, match=r"^resume: theta: expected float64 \(63,\), got float64 \(43,\)$"):
        run(network(), resume=collect.snapshots[3])


RECIPE = Recipe(
    {
        "data": {"use": "xor", "split": "none"},
        "network": {
            "layers": [
                {"use": "affine", "units": 4},
                {"use": "batch_norm", "momentum": 0.2},
                {"use": "tanh"},
                {"use": "affine", "units": 1},
            ]
        },
        "training": {
            "loss": "logistic",
            "optimizer": {"use": "adam", "learning_rate": 0.1},
            "batch_size": 2,
            "epochs": 3,
            "hooks": [{"use": "early_stopping", "patience": 3, "metric": "e_in.loss", "least": 10.0}],
        },
    }
)


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_run_in_a_folder_goes_on_with_the_same_bits(tmp_path, step):
    start(tmp_path / "whole", recipe=RECIPE)
    start(tmp_path / "parts", [Pause(step)], recipe=RECIPE)
    resume(tmp_path / "parts")
    whole, parts = load(tmp_path / "whole"), load(tmp_path / "parts")
    assert whole.statistics.tobytes() != network(whole.layers, (2,), np.float32).statistics.tobytes()
    assert parts.state.tobytes() == whole.state.tobytes()


def test_early_stopping_puts_the_best_ones_back():
    net, watch = network(), Watch()
    history = run(net, [watch, EarlyStopping(2, "e_in.loss", least=10.0)], epochs=6)  # the first stays the best
    assert history.best is history[0]
    assert net.state.tobytes() == watch.epochs[0].tobytes() != watch.epochs[-1].tobytes()
    evaluated = evaluate(net, *TEST, CrossEntropy())
    assert evaluated == history.best.e_out


@pytest.mark.parametrize("shards", [1, 2])
def test_a_divergence_gives_back_those_of_the_last_good_epoch(shards):
    class Spoil:
        def chainrule_batch_ended(self, run, record):
            if (record.epoch, record.batch) == (2, 2):
                run.network.theta[:] = np.inf

    net, watch = network(), Watch()
    with pytest.raises(
        DivergenceError, match=r"epoch 2, batch 3: .* network\.state = error\.state goes back"
    ) as caught:
        run(net, [watch, Spoil()], shards=shards)
    assert np.isfinite(net.statistics).all()  # the step whose loss was not finite moved nothing
    assert caught.value.state.tobytes() == watch.epochs[0].tobytes()
    assert caught.value.theta.tobytes() == watch.epochs[0][: net.theta.size].tobytes()
    net.state = caught.value.state
    assert evaluate(net, X, Y, CrossEntropy()) == caught.value.history[-1].e_in


# Shards


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_normalize_by_their_own_samples_and_what_they_have_seen_is_averaged(dtype):
    net = network(dtype=dtype)
    with Shards(net, 3) as shards:
        shards.backprop(X[:8], Y[:8], CrossEntropy(), np.random.default_rng(0))
    parts = []
    for rows in (slice(0, 3), slice(3, 6), slice(6, 8)):
        twin = network(dtype=dtype)
        twin.backprop(X[rows], Y[rows], CrossEntropy(), np.random.default_rng(0))
        parts.append((len(X[rows]), twin.gradient.copy(), twin.seen))
    for name in ("1.mean", "1.variance"):
        assert net.seen[name].dtype == dtype
        np.testing.assert_allclose(net.seen[name], sum(seen[name] for *_, seen in parts) / 3, rtol=1e-6)
    expected = sum(size * gradient for size, gradient, _ in parts) / 8
    np.testing.assert_allclose(net.gradient, expected, rtol=0, atol=1e-6 if dtype == np.float32 else 1e-14)


def test_a_number_of_shards_gives_the_same_bits_and_belongs_to_the_run():
    states = {}
    for shards in (1, 2, 2, 3, 2):
        net = network(dtype=np.float32)
        history = run(net, shards=shards, batch_size=8)
        states.setdefault(shards, []).append((net.state.tobytes(), history[-1].e_in))
    assert len({*states[2]}) == 1
    assert len({found for one in states.values() for found in one}) == 3


# Batches that cannot be normalized


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"batch_size": 11},
            "batch_size: expected batches of at least 2 samples, got 11; the last one has 1, and layer 1, "
            "BatchNorm(eps=1e-05, momentum=0.3), normalises by its batch; batch_size 9 or 10 or 12 goes",
        ),
        (
            {"batch_size": 1},
            "got 1; the last one has 1, and layer 1, BatchNorm(eps=1e-05, momentum=0.3), normalises by",
        ),
        (
            {"batch_size": 5, "shards": 2},
            "expected batches of at least 2 samples in each shard, got 5; the last one has 3, and layer 1, ",
        ),
        ({"batch_size": 3, "shards": 2}, "got 3; the last one has 2, and layer 1, "),
        (
            {"batch_size": "all", "data": (X[:1], Y[:1])},
            "got 1; the last one has 1, and layer 1, BatchNorm(eps=1e-05, momentum=0.3), normalises by its batch; "
            "there are too few samples",
        ),
    ],
)
def test_a_batch_of_one_sample_is_refused_before_the_first_step(changes, message):
    net, watch = network(), Watch()
    before = net.state.tobytes()
    with pytest.raises(SettingError, match=re.escape(message)):
        run(net, [watch], **changes)
    assert (net.state.tobytes(), watch.steps) == (before, [])


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_the_batch_sizes_that_are_named_go_and_the_others_do_not(shards):
    for batch_size in range(1, 24):
        try:
            run(network(), batch_size=batch_size, epochs=1, shards=shards)
        except SettingError as error:
            found = re.search(r"batch_size ([\d or]+) goes$", error.hint)[1]
            for good in map(int, found.split(" or ")):
                run(network(), batch_size=good, epochs=1, shards=shards)
            refused = True
        else:
            refused = False
        parts = [[len(part) for part in np.array_split(np.arange(size), min(shards, size))]
                 for size in (batch_size, 23 % batch_size or batch_size)]  # fmt: skip
        assert refused == (min(map(min, parts)) < 2)


def test_pictures_and_nested_layers_have_a_say():
    pictures = RNG.normal(size=(5, 2, 2, 1))
    for layers in ([Conv2d(3, 1), BatchNorm(), Flatten(), Affine(3)],):  # four places of each channel in one sample
        run(network(layers, (2, 2, 1)), batch_size=1, data=(pictures, Y[:5]), test=None)
    nested = Residual(Chain(Affine(4), BatchNorm()))
    with pytest.raises(SettingError, match=r"layer 0, Residual\(.*\), normalises by its batch; batch_size 3 or 5"):
        run(network([nested, Affine(3)]), batch_size=4, data=(X[:5], Y[:5]))
    graph = Graph(("h", BatchNorm(), "x"), ("y", Affine(3), "h"))
    with pytest.raises(SettingError, match=r"node 'h', BatchNorm\(.*\), normalises by its batch"):
        run(network(graph), batch_size=1)


# Optimizers that ask for more than the gradient


def test_curvature_and_objective_are_those_of_the_step():
    asked = []

    class Ask(SGD):
        def step(self, theta, gradient, state, context):
            v = np.linspace(-1, 1, theta.size)
            asked.append((theta.copy(), context.objective(), context.gauss_newton(v), v))
            super().step(theta, gradient, state, context)

    net = network(loss := [Affine(4), BatchNorm(), Tanh(), Affine(2)])
    targets = RNG.normal(size=(23, 2))
    run(net, optimizer=Ask(0.1), loss=SquaredError(), data=(X, targets), batch_size="all", epochs=2, test=None)
    for theta, objective, product, v in asked:
        twin = network(loss)
        twin.theta = theta
        assert objective == twin.backprop(X, targets, SquaredError(), np.random.default_rng(0))

        def scores(at, twin=twin):
            twin.theta = at
            return twin.linearize(X, np.random.default_rng(0))[0]

        J = chainrule.numerical_jacobian(scores, theta).reshape(-1, theta.size)
        weight = SquaredError().hessian(np.zeros((1, 2)), np.zeros((1, 2)))[0, 0, 0]  # a multiple of one
        np.testing.assert_allclose(product, weight * J.T @ (J @ v) / 23, rtol=0, atol=1e-7)


def test_a_diagonal_of_samples_that_mix_is_refused_by_name():
    message = r"^layer 1, TrainingBatchNorm\(eps=1e-05\), has no per-sample gradients; its outputs depend on"
    with pytest.raises(UnsupportedError, match=message):
        run(network(), optimizer=DiagonalGaussNewton(0.1))


def test_levenberg_marquardt_lowers_the_objective_that_it_trains_and_refuses_shards():
    targets = np.tanh(X[:, :2])
    net = network([Affine(4), BatchNorm(), Tanh(), Affine(2)])
    losses = []

    class Note:
        def chainrule_batch_ended(self, record):
            losses.append(record.loss)

    settings = {"optimizer": LevenbergMarquardt(), "loss": SquaredError(), "data": (X, targets), "test": None}
    run(net, [Note()], batch_size="all", epochs=12, **settings)
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 0.05 * losses[0]
    message = r"^layer 1, BatchNorm\(.*\), has no curvature of the whole batch; .*: set shards = 1$"
    with pytest.raises(UnsupportedError, match=message):
        run(network([Affine(4), BatchNorm(), Tanh(), Affine(2)]), shards=2, **settings)


# Nested


NESTED = {
    "chain": ([Chain(Affine(4), BatchNorm())], ["0.1"]),
    "residual": ([Residual(BatchNorm())], ["0"]),
    "residual of a chain": ([Residual(Chain(BatchNorm(), Affine(4)))], ["0.0"]),
    "each position": ([Reshape((2, 2)), EachPosition(Chain(Affine(3), BatchNorm())), Flatten()], ["1.1"]),
    "concat": ([Concat(BatchNorm(), Chain(Tanh(), BatchNorm()))], ["0.0", "0.1.1"]),
    "graph": ([Graph(("a", BatchNorm(), "x"), ("b", Tanh(), "a"), ("y", Add(), "a", "b"))], ["0.a"]),
    "graph of chains": (
        Graph(("a", Chain(Affine(4), BatchNorm()), "x"), ("b", BatchNorm(), "x"), ("y", Multiply(), "a", "b")),
        ["a.1", "b"],
    ),
    "one layer twice": (Graph(("a", BatchNorm(), "x"), ("b", "a", "a"), ("y", Add(), "a", "b")), ["a", "b"]),
    "ties": (Chain(BatchNorm(), Tanh(), BatchNorm(), ties={"2.gamma": "0.gamma"}), ["0", "2"]),
}


@pytest.mark.parametrize("name", NESTED)
def test_they_are_found_however_deep_they_are(name):
    layers, places = NESTED[name]
    net = network(layers)
    names = [f"{place}.{kind}" for place in places for kind in ("mean", "variance")]
    assert list(net.remembered) == names
    settings = {"loss": SquaredError(), "test": None, "batch_size": 6}
    targets = RNG.normal(size=(23, *net.output_shape))
    before = net.statistics.copy()
    run(net, data=(X, targets), **settings)
    assert (net.statistics != before).all()
    twin = network(layers, seed=7)
    twin.state = pickle.loads(pickle.dumps(net)).state
    assert twin.predict(X).tobytes() == net.predict(X).tobytes()
    np.testing.assert_allclose(net.predict(X[:1]), net.predict(X)[:1], rtol=1e-9)  # by what is remembered

    net.backprop(X, targets, SquaredError(), np.random.default_rng(0))
    assert list(net.seen) == names

    def objective(theta):
        twin.theta = theta
        return twin.backprop(X, targets, SquaredError(), np.random.default_rng(0))

    np.testing.assert_allclose(net.gradient, chainrule.numerical_jacobian(objective, net.theta), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NESTED)
def test_files_have_those_of_nested_layers(name, tmp_path):
    layers, _ = NESTED[name]
    net = network(layers)
    run(net, loss=SquaredError(), data=(X, RNG.normal(size=(23, *net.output_shape))), test=None)
    save(tmp_path / "net", net)
    assert load(tmp_path / "net").state.tobytes() == net.state.tobytes()


def test_a_layer_that_stands_at_two_nodes_remembers_at_each():
    net = network(NESTED["one layer twice"][0])
    net.backprop(X, np.zeros((23, 4)), SquaredError(), np.random.default_rng(0))
    assert list(net.parameters) == ["a.gamma", "a.beta"]
    np.testing.assert_allclose(net.seen["a.mean"], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net.seen["b.mean"], 0, atol=1e-12)
    np.testing.assert_allclose(net.seen["b.variance"], 23 / 22, rtol=1e-3)


# Files of before


OLD = Path(__file__).parent / "before_statistics"
"""Two folders of one run of the version before: one of a run that was finished, one of it paused after three steps."""


def test_a_folder_of_before_there_were_statistics_loads_and_goes_on(tmp_path):
    whole = load(OLD / "whole")
    assert whole.statistics.size == 0
    np.testing.assert_array_equal(whole.state, whole.theta)
    shutil.copytree(OLD / "half", tmp_path / "half")
    before = load(tmp_path / "half").theta
    resume(tmp_path / "half")
    after = load(tmp_path / "half").theta
    assert before.tobytes() != after.tobytes()
    np.testing.assert_allclose(after, whole.theta, rtol=1e-4, atol=1e-6)  # equal in bits on one machine
    lines = [json.loads((OLD / "whole" / "history.jsonl").read_text().splitlines()[-1]),
             json.loads((tmp_path / "half" / "history.jsonl").read_text().splitlines()[-1])]  # fmt: skip
    np.testing.assert_allclose(lines[0]["e_in"]["loss"], lines[1]["e_in"]["loss"], rtol=1e-4)
