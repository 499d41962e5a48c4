"""A run that is resumed ends with the bits of the one that was not interrupted."""

import copy
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

import chainrule
from chainrule import SGD, DivergenceError, Network, Optimizer, SettingError, ShapeError, train
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy
from chainrule_optimizers import Adam, Momentum

DATA = chainrule.dataset("digits")
X, Y = DATA.x[:70], DATA.y[:70]
TEST = DATA.x_test[:20], DATA.y_test[:20]


class Collect:
    """A hook that copies a snapshot at every place where a hook is called."""

    def __init__(self):
        self.snapshots = []

    def chainrule_training_started(self, run):
        self.take(run)

    def chainrule_batch_ended(self, run):
        self.take(run)

    def chainrule_epoch_ended(self, run):
        self.take(run)

    def take(self, run):
        self.snapshots.append(copy.deepcopy(run.snapshot()))


class StopAt:
    def __init__(self, epoch, batch, how="stop"):
        self.place, self.how = (epoch, batch), how

    def chainrule_batch_ended(self, run, record):
        if (record.epoch, record.batch) == self.place:
            getattr(run, self.how)("a hook")


def dense():
    return Network([Flatten(), AffineReLU(8), Dropout(0.3), Affine(10)], (8, 8, 1), seed=3)


def convolutional():
    return Network([Conv2d(4, 3), Flatten(), Dropout(0.3), Affine(10)], (8, 8, 1), seed=3, dtype=np.float64)


def run(make, hooks=(), resume=None, **changes):
    network = make()
    settings = {"optimizer": Adam(0.01), "batch_size": 16, "epochs": 3, "seed": 5} | changes
    history = train(network, X, Y, loss=CrossEntropy(), test=TEST, hooks=hooks, resume=resume, **settings)
    return network.theta.tobytes(), history


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (dense, {}),
        (dense, {"optimizer": SGD(0.1)}),
        (dense, {"optimizer": Momentum(0.05), "batch_size": "all"}),
        (convolutional, {"shards": 2}),
    ],
)
def test_a_resume_from_any_place_ends_with_the_same_bits(make, changes):
    collect = Collect()
    whole = run(make, [collect], **changes)
    assert run(make, **changes) == whole
    assert len(collect.snapshots) == (7 if changes.get("batch_size") == "all" else 19)
    for snapshot in collect.snapshots:
        assert run(make, resume=snapshot, **changes) == whole


def test_a_resumed_run_takes_the_same_snapshots():
    whole, rest = Collect(), Collect()
    run(dense, [whole])
    run(dense, [rest], resume=whole.snapshots[8])
    assert len(rest.snapshots) == 11
    for one, other in zip(whole.snapshots[8:], rest.snapshots, strict=True):
        assert (one.epoch, one.batch, one.step, one.history) == (other.epoch, other.batch, other.step, other.history)
        assert (one.shuffle, one.noise) == (other.shuffle, other.noise)
        for name in ("means", "squares"):
            np.testing.assert_array_equal(one.optimizer[name], other.optimizer[name])


def test_a_snapshot_is_left_as_it_was():
    collect = Collect()
    run(dense, [collect])
    snapshot = collect.snapshots[7]
    before = copy.deepcopy(snapshot)
    run(dense, resume=snapshot)
    np.testing.assert_array_equal(snapshot.theta, before.theta)
    np.testing.assert_array_equal(snapshot.optimizer["means"], before.optimizer["means"])
    assert (snapshot.shuffle, snapshot.history, snapshot.kept) == (before.shuffle, before.history, before.kept)


@pytest.mark.parametrize("place", [(1, 3), (2, 5), (3, 5)])
def test_a_run_that_a_hook_stopped_for_good_is_finished_when_it_is_resumed(place):
    collect = Collect()
    whole = run(dense, [StopAt(*place), collect])
    assert whole[1].stopped == "a hook"
    for snapshot in collect.snapshots:
        assert run(dense, [StopAt(*place)], resume=snapshot) == whole
    assert collect.snapshots[-1].finished


@pytest.mark.parametrize("place", [(1, 3), (2, 5)])
def test_a_run_that_was_paused_goes_on(place):
    collect = Collect()
    paused = run(dense, [StopAt(*place, how="pause"), collect])
    assert paused[1].stopped == "a hook"
    assert not collect.snapshots[-1].finished
    assert run(dense, resume=collect.snapshots[-1]) == run(dense)


@pytest.mark.parametrize("pause_at", ["batch", "epoch"])
@pytest.mark.parametrize("first", ["pause", "stop"])
def test_a_pause_while_a_run_is_stopped_changes_nothing(pause_at, first):
    class Pause:
        def chainrule_batch_ended(self, run, record):
            if (pause_at, record.epoch, record.batch) == ("batch", 2, 5):
                run.pause("Ctrl-C")

        def chainrule_epoch_ended(self, run, record):
            if (pause_at, record.epoch) == ("epoch", 2):
                run.pause("Ctrl-C")

    class Stop:
        def chainrule_epoch_ended(self, run, record):
            if record.epoch == 2:
                run.stop("a hook")

    collect = Collect()
    hooks = [Pause(), Stop()] if first == "pause" else [Stop(), Pause()]
    assert run(dense, [*hooks, collect]) == run(dense, [Stop()])
    assert collect.snapshots[-1].finished
    assert collect.snapshots[-1].stopped == "a hook"


def test_a_finished_run_has_nothing_left_to_do():
    collect = Collect()
    whole = run(dense, [collect])
    assert [snapshot.finished for snapshot in collect.snapshots] == [False] * 18 + [True]
    rest = Collect()
    assert run(dense, [rest], resume=collect.snapshots[-1]) == whole
    assert len(rest.snapshots) == 1


def test_what_a_hook_keeps_is_there_after_a_resume():
    class Count:
        def chainrule_batch_ended(self, run):
            run.kept["count"] = run.kept.get("count", 0) + 1

    collect = Collect()
    run(dense, [Count(), collect])
    rest = Collect()
    run(dense, [Count(), rest], resume=collect.snapshots[9])
    assert rest.snapshots[-1].kept == collect.snapshots[-1].kept == {"count": 15}


def snapshot_at(index, **changes):
    collect = Collect()
    run(dense, [collect], **changes)
    return collect.snapshots[index]


def test_a_divergence_after_a_resume_gives_back_the_last_good_epoch():
    snapshot = snapshot_at(8, optimizer=SGD(0.1))
    assert snapshot.good.tobytes() != snapshot.theta.tobytes()
    with pytest.raises(DivergenceError) as error:
        run(dense, resume=snapshot, optimizer=SGD(1e30))
    assert error.value.theta.tobytes() == snapshot.good.tobytes()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"theta": np.zeros(3, np.float32)}, ShapeError, "resume: theta: expected float32 (610,), got float32 (3,)"),
        ({"good": np.zeros(610)}, ShapeError, "resume: good: expected float32 (610,), got float64 (610,)"),
        ({"epoch": 5}, SettingError, "resume: expected a place within 3 epochs of 5 batches, got (5, 2)"),
        ({"batch": 6}, SettingError, "resume: expected a place within 3 epochs of 5 batches, got (2, 6)"),
        ({"shuffle": {}}, SettingError, "resume: expected states of the generators, got {}"),
        ({"step": 3}, SettingError, "resume: expected step 7 and 1 epochs at the place (2, 2), got (3, 1)"),
        ({"history": ()}, SettingError, "resume: expected step 7 and 1 epochs at the place (2, 2), got (7, 0)"),
        ({"optimizer": None}, SettingError, "resume: optimizer: expected a dict, got 'NoneType'"),
        ({"optimizer": {"means": np.zeros(610, np.float32)}}, SettingError, "optimizer: squares: expected a value"),
        (
            {"optimizer": {"means": np.zeros(3, np.float32), "squares": None}},
            SettingError,
            "resume: optimizer: means: expected an array of float32 (610,), got 'float32 (3,)'",
        ),
        ({"optimizer": {"means": 1.0}}, SettingError, "means: expected an array of float32 (610,), got 'float'"),
    ],
)
def test_a_snapshot_of_another_run_is_refused(changes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        run(dense, resume=replace(snapshot_at(8), **changes))


@dataclass(frozen=True)
class Averaged(Optimizer):
    """A rule whose state has all that a state may have, and grows."""

    def init(self, theta):
        return {"count": 0, "rate": np.float64(0.1), "past": [], "pairs": (np.zeros(2), []), "rows": np.zeros((0, 2))}

    def step(self, theta, gradient, state, context):
        theta -= 0.1 * gradient + 1e-3 * sum(state["past"], np.zeros_like(theta))
        state["past"].append(gradient.copy())
        state["count"] += 1
        state["rows"] = np.vstack([state["rows"], [[1.0, 2.0]]])
        state["pairs"][0][:] += 1
        state["rate"] = np.float64(state["rate"] / 2)
        state["new"] = None


def test_a_state_may_grow():
    collect = Collect()
    whole = run(dense, [collect], optimizer=Averaged())
    for snapshot in collect.snapshots[::3]:
        assert run(dense, resume=snapshot, optimizer=Averaged()) == whole


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", "x", "optimizer: count: expected a number, got 'str'"),
        ("past", (), "optimizer: past: expected a list, got 'tuple'"),
        ("pairs", (np.zeros(3), []), "pairs[0]: expected an array of float64 (2,), got 'float64 (3,)'"),
        ("rows", np.zeros(2, int), "rows: expected an array of float64 (0, 2), got 'int64 (2,)'"),
    ],
)
def test_a_state_that_the_optimizer_did_not_make_is_refused(name, value, message):
    snapshot = snapshot_at(8, optimizer=Averaged())
    with pytest.raises(SettingError, match=re.escape(message)):
        run(dense, resume=replace(snapshot, optimizer={**snapshot.optimizer, name: value}), optimizer=Averaged())


def test_what_is_no_snapshot_is_refused():
    with pytest.raises(SettingError, match="resume: expected a Snapshot, got 'run'"):
        run(dense, resume="run")
