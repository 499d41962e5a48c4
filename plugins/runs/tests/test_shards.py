"""The shards of a run are a number, and its machine is known, so that a resume has the same bits, or warns."""

import re

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from chainrule import ChainruleWarning, read_recipe
from chainrule_runs import RunFolder, open_model, recipe_file
from chainrule_runs.checkpoints import Checkpoints
from chainrule_runs.machine import machine
from chainrule_runs.saved import load

PICTURES = """\
data = { use = "npz", path = "pictures.npz", test_fraction = 0.5, split = "ordered" }
[network]
layers = [{ use = "conv2d", filters = 16, kernel = 3 }, "flatten", { use = "affine", units = 3 }]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.1 }
batch_size = 64
epochs = 4
"""


@pytest.fixture
def cores(monkeypatch):
    def cores(count):
        monkeypatch.setattr("chainrule.functions.at_once.blas_threads", lambda: count)

    cores(2)
    return cores


@pytest.fixture
def path(folder):
    rng = np.random.default_rng(0)
    np.savez("pictures.npz", x=rng.normal(size=(600, 26, 26, 1)).astype(np.float32), y=rng.integers(0, 3, 600))
    (folder / "pictures.toml").write_text(PICTURES)
    return folder / "pictures.toml"


class PauseAfter:
    def chainrule_epoch_ended(self, run, record):
        if record.epoch == 2:
            run.pause("Ctrl-C")


def train(opened, hooks=()):
    """Train the run that was opened, and return its parameters."""
    with opened as run:
        data = run.recipe.dataset()
        network = run.recipe.network(data)
        run.train(network, data, hooks)
    return network.theta.tobytes()


def whole(path, name, **training):
    recipe = read_recipe(path)
    for key, value in training.items():
        recipe = recipe.override(f"{key}={value}")
    return train(RunFolder.start(name, recipe))


def shards_in(folder):
    checkpoint, _ = Checkpoints(folder).newest()
    return recipe_file.read(folder).table["training"].get("shards"), checkpoint.snapshot.shards


def test_a_run_keeps_its_number_and_so_does_one_that_is_repeated_from_its_folder(cores, path, folder):
    two = whole(path, "two")
    assert shards_in(folder / "two") == (2, 2)
    cores(1)
    one = whole(path, "one")
    assert shards_in(folder / "one") == (1, 1)
    assert whole(folder / "two" / "recipe.toml", "again") == two != one
    train(RunFolder.start("half", read_recipe(folder / "two" / "recipe.toml")), [PauseAfter()])
    assert train(RunFolder.resume("half")) == two
    cores(3)
    assert whole(folder / "one" / "recipe.toml", "one again") == one


@pytest.mark.parametrize("given", [False, True])
def test_a_resume_has_the_number_of_its_run_whatever_pays_now(cores, path, folder, given):
    two = whole(path, "two")
    train(RunFolder.start("half", read_recipe(path)), [PauseAfter()])
    cores(1)
    recipe = read_recipe(path).override("training.shards=auto") if given else None
    assert train(RunFolder.resume("half", recipe)) == two
    assert shards_in(folder / "half") == (2, 2)


@pytest.mark.parametrize("given", [False, True])
def test_a_run_of_before_numbers_were_kept_has_one_shard(cores, path, folder, monkeypatch, given):
    one = whole(path, "one", **{"training.shards": 1})

    def as_before(recipe, shape, shards):
        return recipe_file.with_shape(recipe, shape).override('versions={numpy="1.0"}')

    with monkeypatch.context() as before:
        before.setattr(recipe_file, "as_run", as_before)
        before.setattr("chainrule_runs.machine.about", lambda before, shards: {})
        cores(1)
        train(RunFolder.start("old", read_recipe(path)), [PauseAfter()])
    assert shards_in(folder / "old") == (None, 1)
    cores(2)
    assert train(RunFolder.resume("old", read_recipe(path) if given else None, force=True)) == one
    assert shards_in(folder / "old") == (None, 1)
    assert whole(folder / "old" / "recipe.toml", "again") == one
    assert shards_in(folder / "again") == (1, 1)


def test_other_shards_are_another_recipe(cores, path, folder):
    train(RunFolder.start("half", read_recipe(path)), [PauseAfter()])
    with pytest.raises(Exception, match="half holds the run of another recipe"):
        RunFolder.resume("half", read_recipe(path).override("training.shards=1"))


@pytest.mark.usefixtures("cores")
def test_another_kind_of_machine_is_warned_of_by_what_differs(path, monkeypatch):
    train(RunFolder.start("half", read_recipe(path)), [PauseAfter()])
    now = machine()
    monkeypatch.setattr("chainrule_runs.machine.machine", lambda: {**now, "processor": "pdp11 FIS"})
    was = re.escape(now["processor"])
    message = rf"^half: .* made with processor {was}, and goes on with processor pdp11 FIS: the last bits may differ$"
    with pytest.warns(ChainruleWarning, match=message):
        train(RunFolder.resume("half"))
    train(RunFolder.resume("half", epochs=5))  # it is the machine of the run from now on


def threads_of_blas():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_a_run_of_one_shard_goes_on_with_as_many_threads_of_blas_and_warns_where_there_are_fewer(path):
    def watch(seen):
        class Watch:
            def chainrule_batch_ended(self, run, record):
                seen.update(threads_of_blas())

        return [Watch()]

    recipe, seen = read_recipe(path).override("training.shards=1"), set()
    with threadpool_limits(1, "blas"):
        train(RunFolder.start("one", recipe), [PauseAfter()])
    with threadpool_limits(2, "blas"):
        train(RunFolder.start("two", recipe), [PauseAfter()])
        train(RunFolder.resume("one"), watch(seen))
        assert threads_of_blas() == {2}
    assert seen == {1}
    told = "two: the run was made with threads of BLAS 2, and goes on with threads of BLAS 1: the last bits may differ"
    with threadpool_limits(1, "blas"), pytest.warns(ChainruleWarning, match=told):
        train(RunFolder.resume("two"))


def test_the_threads_of_blas_belong_to_no_run_of_two_shards(path):
    recipe = read_recipe(path).override("training.shards=2")
    with threadpool_limits(2, "blas"):
        train(RunFolder.start("half", recipe), [PauseAfter()])
    with threadpool_limits(1, "blas"):
        train(RunFolder.resume("half"))


def test_a_machine_of_which_nothing_is_told_is_that_of_numpy_alone(monkeypatch):
    monkeypatch.setattr("chainrule_runs.machine.find_spec", lambda name: None)
    assert machine().keys() == {"processor", "BLAS"}


def test_how_many_batches_are_predicted_at_once_shows_in_no_bit(path, folder):
    whole(path, "run")
    model, x = open_model("run"), np.random.default_rng(1).normal(size=(1000, 26, 26, 1))
    scores = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            scores.append(model.predict(x))
    np.testing.assert_array_equal(*scores)
    np.testing.assert_allclose(scores[0], load("run").predict(x), rtol=1e-4, atol=1e-5)
