"""The hook tensorboard: what it wrote is read with TensorBoard's own loader."""

import math
from dataclasses import replace

import numpy as np
import pytest

from chainrule import (
    SGD,
    CheckpointError,
    DivergenceError,
    Network,
    RecipeError,
    SettingError,
    read_recipe,
    registry,
    train,
)
from chainrule_affine import Affine, AffineReLU, Dropout
from chainrule_losses import Logistic, SquaredError
from chainrule_optimizers import Adam, ClipNorm, Cosine, LevenbergMarquardt

GROUP = "it is of the group more: uv run --group more pytest"
TensorBoard = pytest.importorskip("chainrule_tensorboard", reason=GROUP).TensorBoard
loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason=GROUP)

X = np.linspace(-1, 1, 24).reshape(12, 2)
Y = (X[:, :1] > 0.2).astype(int)
EPOCHS = 4


def network():
    return Network([AffineReLU(5), Dropout(0.3), Affine(1)], 2, seed=1)


def run(*hooks, net=None, **settings):
    options = {"loss": Logistic(), "optimizer": SGD(0.5), "batch_size": 4, "epochs": EPOCHS, "test": (X, Y), **settings}
    return train(net or network(), X, Y, hooks=hooks, **options)


def read(folder):
    """Return what TensorBoard's loader finds: {tag: {step: value}}, of numbers and of histograms."""
    found = loader.EventAccumulator(str(folder), {"scalars": 0, "histograms": 0})  # 0 is all
    found.Reload()
    tags = found.Tags()
    numbers = {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in tags["scalars"]}
    shown = {
        tag: [(event.step, event.histogram_value) for event in found.Histograms(tag)] for tag in tags["histograms"]
    }
    for events in [*numbers.values(), *shown.values()]:
        assert [step for step, _ in events] == sorted({step for step, _ in events})  # each once, in order
    return {tag: dict(e) for tag, e in numbers.items()}, {tag: dict(e) for tag, e in shown.items()}


@pytest.mark.parametrize("test", [(X, Y), None])
@pytest.mark.parametrize("validation", [(X[:5], Y[:5]), None])
def test_the_numbers_are_the_history(tmp_path, test, validation):
    history = run(TensorBoard(tmp_path / "new" / "logs"), test=test, validation=validation)
    numbers, _ = read(tmp_path / "new" / "logs")
    expected = {
        "loss/E_in": [record.e_in.loss for record in history],
        "error/E_in": [record.e_in.error for record in history],
        "seconds": [record.seconds for record in history],
        "learning_rate": [0.5] * EPOCHS,
    }
    if validation is not None:
        expected["loss/E_val"] = [record.e_validation.loss for record in history]
        expected["error/E_val"] = [record.e_validation.error for record in history]
    if test is not None:
        expected["loss/E_out"] = [record.e_out.loss for record in history]
        expected["error/E_out"] = [record.e_out.error for record in history]
    assert numbers == {  # event files have single precision
        tag: {epoch: float(np.float32(value)) for epoch, value in enumerate(values, 1)}
        for tag, values in expected.items()
    }


def test_a_loss_without_decisions_has_no_error(tmp_path):
    run(TensorBoard(str(tmp_path)), loss=SquaredError(), test=None)
    assert "error/E_in" not in read(tmp_path)[0]


def test_the_histograms_are_of_each_parameter_and_of_each_delta(tmp_path):
    net = network()
    run(TensorBoard(tmp_path), net=net)
    shown = read(tmp_path)[1]
    assert {*shown} == {*(f"parameters/{name}" for name in net.parameters), "delta/0", "delta/1", "delta/2"}
    for name, view in net.parameters.items():
        last = shown[f"parameters/{name}"][EPOCHS]
        counted, summed = sum(last.bucket), (last.min, last.max, last.sum, last.sum_squares)
        assert counted == last.num == view.size
        view = view.astype(np.float64)
        np.testing.assert_allclose(summed, (view.min(), view.max(), view.sum(), (view**2).sum()), rtol=1e-12)
        below = [int((view <= limit).sum()) for limit in last.bucket_limit]
        assert np.abs(np.cumsum(last.bucket) - below).max() <= 1  # a bucket of NumPy's ends before its limit
    assert shown["delta/0"][EPOCHS].num == 5 * len(X)
    assert shown["delta/2"][EPOCHS].num == len(X)


@pytest.mark.parametrize(
    "every, samples, parameters, deltas", [(3, 5, [3], [3]), (0, 5, None, None), (2, 0, [2, 4], None)]
)
def test_so_many_as_the_settings_say(tmp_path, every, samples, parameters, deltas):
    run(TensorBoard(tmp_path, histograms=every, samples=samples))
    shown = read(tmp_path)[1]
    found = {tag: [*shown[tag]] if tag in shown else None for tag in ("parameters/0.W", "delta/2")}
    assert found == {"parameters/0.W": parameters, "delta/2": deltas}
    if deltas:
        assert shown["delta/2"][3].num == samples


def test_the_run_has_the_bits_of_one_without(tmp_path):
    one, other = network(), network()
    history = run(net=one, optimizer=Adam())
    assert run(TensorBoard(tmp_path), net=other, optimizer=Adam()) == history
    assert one.state.tobytes() == other.state.tobytes()


@pytest.mark.parametrize(
    "optimizer, rates",
    [
        (SGD(Cosine(0.2, 12)), [Cosine(0.2, 12).rate(step) for step in (2, 5, 8, 11)]),
        (ClipNorm(Adam(0.003), 1.0), [0.003] * EPOCHS),
        (LevenbergMarquardt(), None),
    ],
)
def test_the_rate_is_that_of_the_last_step(tmp_path, optimizer, rates):
    run(TensorBoard(tmp_path), optimizer=optimizer)
    found = read(tmp_path)[0].get("learning_rate")
    assert found == (None if rates is None else {i: float(np.float32(rate)) for i, rate in enumerate(rates, 1)})


def test_an_epoch_can_be_read_as_soon_as_it_is_over(tmp_path):
    class Look:
        def chainrule_epoch_ended(self, record):
            assert [*read(tmp_path)[0]["loss/E_in"]] == [*range(1, record.epoch + 1)]

    assert len(run(TensorBoard(tmp_path), Look())) == EPOCHS


class Kill:
    """Keeps a snapshot of an epoch, and ends the run after a later one."""

    def __init__(self, kept, end):
        self.kept, self.end, self.snapshot = kept, end, None

    def chainrule_epoch_ended(self, run, record):
        if record.epoch == self.kept:
            snapshot = run.snapshot()
            self.snapshot = replace(snapshot, theta=snapshot.theta.copy(), good=snapshot.good.copy())
        if record.epoch == self.end:
            raise KeyboardInterrupt


def test_a_run_that_is_resumed_has_each_epoch_once(tmp_path):
    kill = Kill(kept=1, end=3)
    with pytest.raises(KeyboardInterrupt):
        run(TensorBoard(tmp_path / "killed"), kill)
    assert [*read(tmp_path / "killed")[0]["loss/E_in"]] == [1, 2, 3]

    class Look:
        def chainrule_training_started(self):
            assert [*read(tmp_path / "killed")[0]["loss/E_in"]] == [1]

    run(TensorBoard(tmp_path / "killed"), Look(), resume=kill.snapshot)
    run(TensorBoard(tmp_path / "whole"))
    (numbers, shown), (expected, histograms) = read(tmp_path / "killed"), read(tmp_path / "whole")
    assert {**numbers, "seconds": None} == {**expected, "seconds": None}
    assert shown == histograms


def test_of_an_earlier_run_in_the_folder_nothing_is_shown(tmp_path):
    run(TensorBoard(tmp_path))
    history = run(TensorBoard(tmp_path), epochs=2, loss=SquaredError(), test=None)
    numbers, shown = read(tmp_path)
    assert numbers["loss/E_in"] == {i: float(np.float32(record.e_in.loss)) for i, record in enumerate(history, 1)}
    assert not numbers.get("error/E_in")
    assert [*shown["delta/2"]] == [1, 2]


def test_one_hook_serves_one_run_after_the_other(tmp_path):
    hook = TensorBoard(tmp_path)
    run(hook)
    run(hook, epochs=1)
    assert [*read(tmp_path)[0]["loss/E_in"]] == [1]


def test_a_run_that_diverges_closes_its_file(tmp_path):
    with pytest.raises(DivergenceError):
        run(TensorBoard(tmp_path), optimizer=SGD(1e38), loss=SquaredError())
    assert len([*tmp_path.iterdir()]) == 1
    assert read(tmp_path) == ({}, {})


def test_what_is_not_finite_is_left_out(tmp_path):
    class Spoil:
        def chainrule_epoch_ended(self, run):
            run.network.parameters["0.b"][0] = math.inf
            run.network.parameters["2.b"][...] = math.nan

    run(Spoil(), TensorBoard(tmp_path), epochs=1)
    shown = read(tmp_path)[1]
    assert shown["parameters/0.b"][1].num == 4
    assert "parameters/2.b" not in shown


RECIPE = """\
data = { use = "xor", split = "none" }
[network]
layers = [{ use = "affine_relu", units = 3 }, { use = "affine", units = 1 }]
[training]
loss = "logistic"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = "all"
epochs = 2
hooks = [{ use = "tensorboard", path = "logs/one", histograms = 2 }]
"""


def test_a_recipe_names_it_and_its_folder_is_relative_to_the_recipe(tmp_path):
    assert registry.find("hooks", "tensorboard") is TensorBoard
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "recipe.toml")
    data = recipe.dataset()
    recipe.train(recipe.network(data), data)
    numbers, shown = read(tmp_path / "logs" / "one")
    assert ([*numbers["loss/E_in"]], [*shown["delta/0"]]) == ([1, 2], [2])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"path": ""}, "path: expected the path of a folder, got ''"),
        ({"path": 3}, "path: expected the path of a folder, got 3"),
        ({"path": "a", "histograms": -1}, "histograms: expected an int of at least 0, got -1"),
        ({"path": "a", "histograms": True}, "histograms: expected an int of at least 0, got True"),
        ({"path": "a", "samples": 2.5}, "samples: expected an int of at least 0, got 2.5"),
    ],
)
def test_wrong_settings_are_told(settings, message, tmp_path):
    with pytest.raises(SettingError) as told:
        TensorBoard(**settings)
    assert str(told.value) == message


def test_a_recipe_s_wrong_setting_is_told_with_its_place(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("histograms = 2", "samples = -2"))
    with pytest.raises(RecipeError) as told:
        read_recipe(tmp_path / "recipe.toml").check()
    assert str(told.value) == "training.hooks[0].samples: expected an int of at least 0, got -2"


def test_a_folder_that_cannot_be_made_is_told_before_the_first_step(tmp_path):
    (tmp_path / "file").touch()
    net = network()
    before = net.theta.copy()
    with pytest.raises(CheckpointError) as told:
        run(TensorBoard(tmp_path / "file"), net=net)
    assert str(told.value) == (
        f"{tmp_path / 'file'}: no event file can be written: File exists; make room, or name another folder under path"
    )
    assert (net.theta == before).all()


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    from tensorboardX.record_writer import RecordWriter

    def full(self):
        raise OSError(28, "No space left on device")

    class Fill:
        def chainrule_epoch_ended(self):
            monkeypatch.setattr(RecordWriter, "flush", full)

        def chainrule_training_ended(self):
            monkeypatch.undo()

    with pytest.raises(CheckpointError, match=r"no event file can be written: No space left on device; make room"):
        run(Fill(), TensorBoard(tmp_path))


def test_deltas_have_the_weights_of_the_samples(tmp_path):
    run(TensorBoard(tmp_path / "plain"))
    run(TensorBoard(tmp_path / "twice"), sample_weight=np.full(len(X), 2.0))
    (numbers, plain), (same, twice) = read(tmp_path / "plain"), read(tmp_path / "twice")
    assert [*same["loss/E_in"].values()] == pytest.approx([*numbers["loss/E_in"].values()], rel=1e-4)
    assert twice["delta/2"][1].max == pytest.approx(2 * plain["delta/2"][1].max, rel=1e-4)
