import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from chainrule import SGD, BatchRecord, EpochRecord, Evaluation, Network, PluginError, train
from chainrule.hooks import HookCaller

X = np.arange(10.0).reshape(5, 2) / 10
NAMES = "chainrule_training_started, chainrule_batch_ended, chainrule_epoch_ended, chainrule_training_ended"


@pytest.fixture
def network(family):
    return Network([family.Affine(1)], 2, dtype=np.float64)


@pytest.fixture
def run_with(network, family):
    """Train for two epochs of three batches, the last one of a single sample."""

    def run_with(*hooks, epochs=2, **settings):
        targets = X[:, :1] - X[:, 1:]
        options = {"loss": family.Squared(), "optimizer": SGD(0.1), "batch_size": 2, "epochs": epochs, **settings}
        return train(network, X, targets, hooks=hooks, **options)

    return run_with


class Diary:
    """Writes down every call."""

    def __init__(self, name="", pages=None):
        self.name = name
        self.pages = [] if pages is None else pages
        self.runs = []

    def write(self, event, run, record):
        self.pages.append((self.name + event, record))
        self.runs.append(run)

    def chainrule_training_started(self, run):
        self.write("started", run, None)

    def chainrule_batch_ended(self, run, record):
        self.write("batch", run, record)

    def chainrule_epoch_ended(self, run, record):
        self.write("epoch", run, record)

    def chainrule_training_ended(self, run, record):
        self.write("ended", run, record)

    @property
    def events(self):
        return [event for event, _ in self.pages]


def test_a_run_calls_its_hooks_at_every_event(run_with):
    diary = Diary()
    run_with(diary)
    assert diary.events == ["started", *["batch"] * 3, "epoch", *["batch"] * 3, "epoch", "ended"]


def test_hooks_are_called_in_the_order_in_which_they_are_given(run_with):
    pages = []
    run_with(Diary("a ", pages), Diary("b ", pages), Diary("c ", pages), epochs=1)
    events = [event for event, _ in pages]
    assert events == [f"{name} {event}" for event in ("started", *["batch"] * 3, "epoch", "ended") for name in "abc"]


def test_hooks_hear_of_the_end_when_another_refuses_to_start(run_with):
    class Refuses:
        def chainrule_training_started(self):
            raise ValueError("no")

    diary = Diary()
    with pytest.raises(ValueError, match="no"):
        run_with(diary, Refuses())
    assert diary.events == ["started", "ended"]
    assert isinstance(diary.runs[-1].error, ValueError)


def test_hooks_hear_of_the_end_when_another_fails_there(run_with):
    class Fails:
        def __init__(self, why):
            self.why = why

        def chainrule_training_ended(self, run):
            raise ValueError(self.why)

    pages = []
    with pytest.raises(ValueError, match="second") as caught:
        run_with(Diary("a ", pages), Fails("first"), Diary("b ", pages), Fails("second"), Diary("c ", pages), epochs=1)
    assert [event for event, _ in pages[-3:]] == ["a ended", "b ended", "c ended"]
    assert str(caught.value.__context__) == "first"


def test_records_say_what_happened(run_with):
    diary = Diary()
    history = run_with(diary, test=(X, X[:, :1]))
    batches = [record for event, record in diary.pages if event == "batch"]
    assert [(record.epoch, record.batch, record.size) for record in batches] == [
        (epoch, number, size) for epoch in (1, 2) for number, size in ((1, 2), (2, 2), (3, 1))
    ]
    assert all(isinstance(record, BatchRecord) and np.isfinite(record.loss) for record in batches)
    assert [record for event, record in diary.pages if event == "epoch"] == list(history)
    assert all(isinstance(record.e_out, Evaluation) for record in history)
    assert diary.pages[-1] == ("ended", history[-1])


def test_a_hook_sees_the_run(run_with, network):
    diary = Diary()
    history = run_with(diary)
    assert len(set(map(id, diary.runs))) == 1
    run = diary.runs[0]
    assert run.network is network
    assert run.history is history
    assert (run.epochs, run.batches) == (2, 3)


def test_a_hook_sees_what_the_run_works_with_from_the_start_on(run_with, family):
    class Look:
        def chainrule_training_started(self, run):
            self.work = run.work

        def chainrule_epoch_ended(self, run):
            assert run.work is self.work

    look = Look()
    run_with(look, loss=family.Squared(), test=(X[:2], X[:2, :1]))
    assert (look.work.optimizer, look.work.loss, look.work.shards) == (SGD(0.1), family.Squared(), 1)
    assert {part: x.tolist() for part, (x, _) in look.work.parts.items()} == {
        "training": X.tolist(),
        "test": X[:2].tolist(),
    }


def test_an_epoch_is_in_the_history_when_its_hook_is_called(run_with):
    class Last:
        def chainrule_epoch_ended(self, run, record):
            assert run.history[-1] is record
            assert len(run.history) == record.epoch

    assert len(run_with(Last())) == 2


def test_a_hook_takes_any_of_the_arguments():
    class Subset:
        def __init__(self):
            self.came = []

        def chainrule_training_started(self):
            self.came.append(())

        def chainrule_batch_ended(self, run):
            self.came.append(run)

        def chainrule_epoch_ended(self, record):
            self.came.append(record)

        def chainrule_training_ended(self, record, run):
            self.came.append((record, run))

    hook = Subset()
    caller = HookCaller([hook])
    caller.training_started("run")
    caller.batch_ended("run", "batch")
    caller.epoch_ended("run", "epoch")
    caller.training_ended("run", None)
    assert hook.came == [(), "run", "epoch", (None, "run")]


def test_hooks_of_two_runs_do_not_meet():
    first, second = Diary(), Diary()
    HookCaller([first]).training_started("run")
    HookCaller([second]).training_started("run")
    assert first.events == second.events == ["started"]


def test_a_misspelt_hook_is_refused_with_the_names_that_there_are():
    class Misspelt:
        def chainrule_epoch_ende(self, run):
            pass

    with pytest.raises(PluginError, match=rf"^hook Misspelt: .*'chainrule_epoch_ende'.*; the hooks are {NAMES}$"):
        HookCaller([Diary(), Misspelt()])


def test_an_unknown_argument_is_refused():
    class Wordy:
        def chainrule_epoch_ended(self, run, rekord):
            pass

    with pytest.raises(PluginError, match=r"(?s)^hook Wordy: .*'chainrule_epoch_ended'.*'rekord'.*the hooks are"):
        HookCaller([Wordy()])


def test_a_class_instead_of_an_object_is_refused():
    with pytest.raises(PluginError, match=r"^hook Diary: expected an object, got a class; write Name\(…\)"):
        HookCaller([Diary])


@pytest.mark.parametrize("hook", [object(), print, 3, "early_stopping", None])
def test_an_object_without_hooks_is_refused(hook):
    with pytest.raises(PluginError, match=rf"^hook \w+ has no method of a hook; define one of {NAMES}$"):
        HookCaller([hook])


def test_an_attribute_that_cannot_be_called_is_no_hook():
    class Labelled:
        chainrule_epoch_ended = "a label"

    with pytest.raises(PluginError, match=r"^hook Labelled has no method of a hook"):
        HookCaller([Labelled()])


def test_the_same_hook_twice_is_refused_and_another_of_its_class_is_not():
    diary = Diary()
    with pytest.raises(PluginError, match=r"^hook Diary was given twice$"):
        HookCaller([diary, diary])
    HookCaller([diary, Diary()])


def test_hooks_are_refused_before_the_first_step(run_with, network):
    before = network.theta.copy()
    with pytest.raises(PluginError, match="has no method of a hook"):
        run_with(Diary(), object())
    np.testing.assert_array_equal(network.theta, before)


def test_a_stop_within_an_epoch_ends_the_run_after_the_batch(run_with):
    class Enough:
        def chainrule_batch_ended(self, run, record):
            if (record.epoch, record.batch) == (2, 2):
                run.stop("enough batches")

    diary = Diary()
    history = run_with(Enough(), diary, epochs=9)
    assert history.stopped == "enough batches"
    assert len(history) == 1
    assert diary.events == ["started", *["batch"] * 3, "epoch", *["batch"] * 2, "ended"]
    assert diary.pages[-1] == ("ended", history[0])


def test_a_run_that_is_stopped_in_its_first_epoch_has_no_record(run_with):
    class AtOnce:
        def chainrule_batch_ended(self, run):
            run.stop("at once")

    diary = Diary()
    history = run_with(AtOnce(), diary)
    assert (history.stopped, len(history)) == ("at once", 0)
    assert diary.events == ["started", "batch", "ended"]
    assert diary.pages[-1] == ("ended", None)


def test_a_stop_at_the_end_of_an_epoch_keeps_the_epoch(run_with, family):
    diary = Diary()
    history = run_with(family.StopAfter(2), diary, epochs=9)
    assert history.stopped == "2 epochs are enough"
    assert [record.epoch for record in history] == [1, 2]
    assert diary.events[-2:] == ["epoch", "ended"]


def test_a_run_that_is_not_stopped_says_nothing(run_with):
    assert run_with(Diary()).stopped is None


def test_a_stopped_run_is_the_beginning_of_a_whole_one(run_with, network, family):
    start = network.theta.copy()
    run_with(epochs=2)
    whole = network.theta.copy()
    network.theta[:] = start
    run_with(family.StopAfter(2), epochs=9)
    np.testing.assert_array_equal(network.theta, whole)


@pytest.mark.parametrize(
    "record, field", [(BatchRecord(1, 1, 2, 0.5), "loss"), (EpochRecord(1, Evaluation(0.5, None), None, 0.1), "e_in")]
)
def test_a_record_is_frozen(record, field):
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{field}'"):
        setattr(record, field, 0)


def test_what_a_hook_raises_ends_the_run(run_with):
    class Broken:
        def chainrule_epoch_ended(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_with(Broken())


def test_a_run_without_hooks_does_without_pluggy():
    code = """
import sys
import numpy as np
from chainrule import SGD, Elementwise, Loss, Network, train

class Half(Elementwise):
    def forward(self, x): return x / 2
    def derivative(self, x, y): return np.full_like(x, 0.5)

class Sum(Loss):
    def value(self, scores, targets): return scores.sum(axis=1)
    def gradient(self, scores, targets): return np.ones_like(scores)

class Hook:
    def chainrule_training_started(self): pass

def run(hooks):
    x = np.ones((4, 2), np.float32)
    train(Network([Half()], 2), x, None, loss=Sum(), optimizer=SGD(0.1), batch_size=2, epochs=1, hooks=hooks)
    return "pluggy" in sys.modules

print(run([]), run([Hook()]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["False", "True"]
