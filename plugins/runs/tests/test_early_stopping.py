"""The hook early_stopping."""

import copy
import re
import warnings

import numpy as np
import pytest

from chainrule import SGD, ChainruleWarning, Network, SettingError, layer, loss, train
from chainrule_runs import EarlyStopping

X = np.linspace(-1, 1, 12).reshape(6, 2)


class Scripted:
    """A hook called first: it makes an epoch's record say what a script says, and remembers θ."""

    def __init__(self, values, metric):
        self.values, self.metric, self.thetas = values, metric, []

    def chainrule_epoch_ended(self, run, record):
        number = self.values[record.epoch - 1]
        part, name = self.metric.split(".")
        object.__setattr__(getattr(record, part), name, number)
        self.thetas.append(run.network.theta.copy())


def run(values, hook, hooks=(), resume=None, parts=("validation",)):
    network = Network(layer("affine", units=1), 2, seed=1)
    script = Scripted(values, hook.metric or "e_validation.loss")
    y = (X[:, :1] > 0.2).astype(int)
    history = train(
        network, X, y, loss=loss("logistic"), optimizer=SGD(0.5), batch_size=2, epochs=len(values),
        **dict.fromkeys(parts, (X, y)), hooks=[script, hook, *hooks], resume=resume,
    )  # fmt: skip
    return history, network.theta.copy(), script.thetas


@pytest.mark.filterwarnings("ignore:E_in ended at an error of 300.00%:chainrule.ChainruleWarning")  # it is scripted
@pytest.mark.filterwarnings("ignore:early stopping. e_out:chainrule.ChainruleWarning")
@pytest.mark.parametrize(
    "metric", ["e_validation.loss", "e_validation.error", "e_out.loss", "e_out.error", "e_in.loss", "e_in.error"]
)
@pytest.mark.parametrize(
    "values, patience, least, epochs, best",
    [
        ([5, 4, 3, 3, 3, 3], 2, 0.0, 5, 3),  # equal is no improvement
        ([5, 4, 6, 6, 3, 9, 9, 9], 3, 0.0, 8, 5),  # within patience
        ([1, 2, 2], 1, 0.0, 2, 1),
        ([5, 4.5, 4.1, 3.9, 3.8, 3.5], 3, 1.0, 6, 4),  # 3.9 is the first that is lower by more than 1
        ([5, 4, 4, 4], 2, 1.0, 3, 1),  # lower by 1, and not by more
        ([5, float("nan"), float("nan"), 4], 2, 0.0, 3, 1),
        ([float("nan"), float("inf"), 7, 8, 9], 2, 0.0, 5, 3),
        ([float("nan")] * 4, 2, 0.0, 3, 1),
    ],
)
def test_a_run_stops_when_patience_is_over_and_has_the_best_parameters(metric, values, patience, least, epochs, best):
    parts = {"e_validation": ("validation", "test"), "e_out": ("test",), "e_in": ()}[metric.partition(".")[0]]
    history, theta, thetas = run(values, EarlyStopping(patience, metric, least), parts=parts)
    assert len(history) == epochs
    stopped = len(values) > epochs or epochs - best >= patience
    reason = f"early stopping: {metric} was best in epoch {best}, whose parameters are kept"
    assert history.stopped == (reason if stopped else None)
    np.testing.assert_array_equal(theta, thetas[best - 1])
    assert history.best is history[best - 1]
    assert len({one.tobytes() for one in thetas}) == epochs


def test_the_best_parameters_are_put_back_after_the_last_epoch_too():
    history, theta, thetas = run([5, 3, 4], EarlyStopping(9))
    assert (history.stopped, history.best) == (None, history[1])
    np.testing.assert_array_equal(theta, thetas[1])


class Collect:
    def __init__(self):
        self.snapshots = []

    def chainrule_batch_ended(self, run):
        self.snapshots.append(copy.deepcopy(run.snapshot()))

    def chainrule_epoch_ended(self, run):
        self.chainrule_batch_ended(run)


def test_a_resume_in_the_middle_of_patience_ends_the_same():
    values, collect = [5, 4, 6, 3, 7, 7, 7, 7], Collect()
    whole = run(values, EarlyStopping(3), [collect])
    assert len(whole[0]) == 7
    assert len(collect.snapshots) == 7 * 4
    for snapshot in collect.snapshots:
        again = run(values, EarlyStopping(3), resume=snapshot)
        assert again[0] == whole[0]
        np.testing.assert_array_equal(again[1], whole[1])


@pytest.mark.parametrize("at", [2, 3])
def test_an_interrupted_run_keeps_its_own_parameters_and_goes_on_from_them(at):
    class Interrupt:
        def chainrule_epoch_ended(self, run, record):
            if record.epoch == at:
                run.pause("Ctrl-C")

    values, collect = [5, 6, 7, 4, 8, 8, 8], Collect()
    history, theta, thetas = run(values, EarlyStopping(3), [Interrupt(), collect])
    assert (history.stopped, len(history)) == ("Ctrl-C", at)
    np.testing.assert_array_equal(theta, thetas[-1])
    again, whole = run(values, EarlyStopping(3), resume=collect.snapshots[-1]), run(values, EarlyStopping(3))
    assert again[0] == whole[0]
    np.testing.assert_array_equal(again[1], whole[1])


def test_a_run_that_fails_keeps_its_own_parameters():
    class Fail:
        def chainrule_epoch_ended(self, run, record):
            if record.epoch == 3:
                raise RuntimeError(run.network.theta.copy())

    network = Network(layer("affine", units=1), 2)
    with pytest.raises(RuntimeError) as error:
        train(network, X, X[:, :1], loss=loss("squared_error"), optimizer=SGD(0.1), batch_size=2, epochs=9,
              hooks=[EarlyStopping(5, "e_in.loss"), Fail()])  # fmt: skip
    np.testing.assert_array_equal(network.theta, error.value.args[0])


CHOOSES = (
    "^early stopping: e_out.loss chooses the epoch, and so E_out of that epoch is no honest estimate, but too low; let "
    r"other samples choose: validation_fraction = 0.1 in the recipe's data, validation=\(x, targets\) in Python$"
)


@pytest.mark.parametrize(
    "metric, parts, chosen",
    [
        (None, ("validation",), "e_validation.loss"),
        (None, ("validation", "test"), "e_validation.loss"),
        (None, ("test",), "e_out.loss"),
        ("e_out.loss", ("test",), "e_out.loss"),
        ("e_out.loss", ("validation", "test"), "e_out.loss"),
        ("e_in.loss", ("validation", "test"), "e_in.loss"),
    ],
)
def test_the_validation_part_chooses_where_there_is_one_and_the_test_part_with_a_warning(metric, parts, chosen):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        network = Network(layer("affine", units=1), 2, seed=1)
        y = (X[:, :1] > 0.2).astype(int)
        values = [3, 1, 2, 2]
        history = train(
            network, X, y, loss=loss("logistic"), optimizer=SGD(0.5), batch_size=2, epochs=4,
            **dict.fromkeys(parts, (X, y)), hooks=[Scripted(values, chosen), EarlyStopping(2, metric)],
        )  # fmt: skip
    assert history.stopped == f"early stopping: {chosen} was best in epoch 2, whose parameters are kept"
    assert len(heard) == (chosen == "e_out.loss")
    for warning in heard:
        assert warning.category is ChainruleWarning
        assert re.search(CHOOSES, str(warning.message))


def test_the_hook_is_stateless():
    hook = EarlyStopping(1)
    first = run([3, 2, 4, 4], hook)
    second = run([3, 2, 4, 4], hook)
    assert first[0] == second[0]
    assert len(first[0]) == 3


# What is wrong


def test_a_metric_wants_its_part():
    hint = "or hold samples back: validation_fraction = 0.1 in the recipe's data, validation=(x, targets) in Python"
    for metric, parts, expected, no, got in (
        ("e_out.loss", (), "", "test", "'e_out.loss'"),
        ("e_validation.error", (), "", "validation", "'e_validation.error'"),
        ("e_validation.loss", ("test",), "e_out.loss or e_out.error or ", "validation", "'e_validation.loss'"),
        ("e_out.loss", ("validation",), "e_validation.loss or e_validation.error or ", "test", "'e_out.loss'"),
        (None, (), "", "validation part and no test", "None"),
    ):
        expected += "e_in.loss or e_in.error"
        message = f"early_stopping.metric: expected {expected}, as there is no {no} part, got {got}; {hint}"
        with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
            run([1.0], EarlyStopping(1, metric), parts=parts)


def test_an_error_rate_wants_a_loss_that_decides():
    network = Network(layer("affine", units=1), 2)
    message = "early_stopping.metric: expected e_in.loss, as the loss makes no decisions that could be wrong, got 'e_in"
    with pytest.raises(SettingError, match=f"^{re.escape(message)}"):
        train(network, X, X[:, :1], loss=loss("squared_error"), optimizer=SGD(0.1), batch_size=2, epochs=9,
              hooks=[EarlyStopping(5, "e_in.error")])  # fmt: skip


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            "",
            "training.hooks[0].patience: early_stopping needs this setting; early_stopping takes",
        ),
        ("patience = 0", "training.hooks[0].patience: expected a positive int, got 0"),
        ("patience = 2.0", "training.hooks[0].patience: expected a positive int, got 2.0"),
        ("patience = true", "training.hooks[0].patience: expected a positive int, got True"),
        ("patience = 2\nleast = -1", "training.hooks[0].least: expected a finite number of at least 0, got -1"),
        ("patience = 2\nleast = inf", "training.hooks[0].least: expected a finite number of at least 0, got inf"),
        (
            'patience = 2\nmetric = "accuracy"',
            "training.hooks[0].metric: expected e_validation, e_out, e_in, a dot, and loss, error or a metric of the "
            "run, got 'accuracy'",
        ),
        (
            "patience = 2\nmetric = 3",
            "training.hooks[0].metric: expected e_validation, e_out, e_in, a dot, and loss, error or a metric",
        ),
        ("patients = 2", "training.hooks[0].patients: early_stopping has no such setting; did you mean patience?"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place_in_the_recipe(chainrule, recipe, folder, settings, message):
    path = recipe(more=f'[[training.hooks]]\nuse = "early_stopping"\n{settings}\n')
    shown = chainrule("train", path, "--out", "run")
    assert shown.status == 2
    assert shown.err.startswith(f"Error: {message}"), shown.err
    assert "epoch" not in shown.out


def test_patience_without_a_part_that_chooses_is_told_before_the_first_epoch(chainrule, recipe):
    path = recipe(
        ('"kind"', '"kind", split = "none"'), more='[[training.hooks]]\nuse = "early_stopping"\npatience = 2\n'
    )
    shown = chainrule("train", path)
    assert shown.status == 2
    assert "early_stopping.metric: expected e_in.loss or e_in.error, as there is no validation part and no" in shown.err
    assert "epoch" not in shown.out


def test_a_stopped_run_says_so_and_has_what_it_shows(chainrule, trained):
    run = trained(
        ('"kind"', '"kind", validation_fraction = 0.25'),
        ("epochs = 3", "epochs = 500"),
        ("0.3", "3.0"),
        more='[[training.hooks]]\nuse = "early_stopping"\npatience = 4\n',
    )
    best = min(run.history, key=lambda record: record["e_validation"]["loss"])
    assert best["epoch"] + 4 == len(run.history) < 500
    for part, own in {"test": "e_out", "validation": "e_validation"}.items():
        shown = chainrule("evaluate", "run", "--json", "--part", part)
        assert f'"loss": {best[own]["loss"]}, "error": {best[own]["error"]}' in shown.out
    again = chainrule("train", "--resume", "run")
    reason = f"early stopping: e_validation.loss was best in epoch {best['epoch']}, whose parameters are kept"
    assert (again.status, again.out) == (0, f"run: the run is finished, {reason}; {len(run.history)} epochs\n")
