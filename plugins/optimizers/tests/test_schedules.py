"""Learning rates by the step, against products and sums that are made one step at a time."""

import math

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Recipe, RecipeError, Schedule, SettingError, StepContext
from chainrule_optimizers import Adam, Cosine, StepDecay, WarmUp


def rates(schedule, count):
    return [schedule.rate(step) for step in range(count)]


def test_step_decay_falls_by_its_factor_after_so_many_steps():
    found, rate = rates(StepDecay(0.5, 3, 0.1), 11), 0.5
    for step in range(11):
        if step in (3, 6, 9):
            rate /= 10
        assert math.isclose(found[step], rate, rel_tol=1e-14)


def test_step_decay_reaches_zero_and_no_error():
    assert StepDecay(1.0, 1).rate(10**6) == 0.0


def test_cosine_is_the_height_of_a_point_that_turns_by_equal_angles():
    """cos(k a) by the recurrence 2 cos(a) cos((k - 1) a) - cos((k - 2) a)."""
    cosines = [1.0, math.cos(math.pi / 8)]
    for _ in range(7):
        cosines.append(2 * cosines[1] * cosines[-1] - cosines[-2])
    expected = [0.1 + 0.4 * (1 + c) / 2 for c in cosines]
    np.testing.assert_allclose(rates(Cosine(0.5, 8, end=0.1), 9), expected, rtol=0, atol=1e-14)


def test_cosine_begins_at_its_start_ends_at_its_end_and_stays():
    assert Cosine(0.5, 8, end=0.1).rate(0) == 0.5
    assert rates(Cosine(0.5, 8, end=0.1), 20)[8:] == [0.1] * 12
    assert Cosine(0.5, 8).rate(8) == Cosine(0.5, 8).rate(10**9) == 0.0
    assert Cosine(0.5, 8).rate(4) == pytest.approx(0.25, abs=1e-16)


def test_a_warm_up_grows_in_equal_parts_none_of_them_zero():
    np.testing.assert_allclose(rates(WarmUp(4, 0.2), 7), [0.05, 0.1, 0.15, 0.2, 0.2, 0.2, 0.2], rtol=1e-14)
    assert rates(WarmUp(1, 0.2), 2) == [0.2, 0.2]


def test_what_comes_after_a_warm_up_counts_from_its_end():
    after = StepDecay(0.2, 2, 0.5)
    found = rates(WarmUp(4, after), 10)
    np.testing.assert_allclose(found[:4], [0.05, 0.1, 0.15, 0.2], rtol=1e-14)
    assert found[4:] == rates(after, 6)
    inner = WarmUp(2, WarmUp(2, 0.2))
    np.testing.assert_allclose(rates(inner, 5), [0.05, 0.1, 0.1, 0.2, 0.2], rtol=1e-14)


@pytest.mark.parametrize("schedule", [StepDecay(0.5, 2), Cosine(0.5, 3, end=0.01), WarmUp(2, Cosine(0.5, 3))])
def test_an_optimizer_takes_the_rate_of_its_step(schedule):
    theta = np.zeros(1)
    for step in range(5):
        before = theta[0]
        SGD(schedule).step(theta, np.ones(1), None, StepContext(step, {}, lambda vector: vector))
        assert before - theta[0] == pytest.approx(schedule.rate(step), abs=1e-15)


@pytest.mark.parametrize(
    "name, settings, expected",
    [
        ("step", {"start": 0.1, "every": 5}, StepDecay(0.1, 5)),
        ("cosine", {"start": 0.1, "steps": 5}, Cosine(0.1, 5)),
        ("warm_up", {"steps": 5, "then": 0.1}, WarmUp(5, 0.1)),
    ],
)
def test_each_is_found_by_name(name, settings, expected):
    found = chainrule.schedule(name, **settings)
    assert found == expected
    assert isinstance(found, Schedule)


WRONG = [
    (StepDecay, {"start": 0.1, "every": 5, "factor": 0.5}, "start", (0, -1, math.nan, math.inf, "1", True, None)),
    (StepDecay, {"start": 0.1, "every": 5, "factor": 0.5}, "every", (0, -1, 2.0, "1", True, None)),
    (StepDecay, {"start": 0.1, "every": 5, "factor": 0.5}, "factor", (0.0, 1.0, -0.1, math.nan, "1", None)),
    (Cosine, {"start": 0.1, "steps": 5}, "start", (0, -1, math.nan, "1", None)),
    (Cosine, {"start": 0.1, "steps": 5}, "steps", (0, 2.0, "1", True, None)),
    (Cosine, {"start": 0.1, "steps": 5}, "end", (-0.1, math.inf, "0", None)),
    (WarmUp, {"steps": 5, "then": 0.1}, "steps", (0, 2.0, "1", True, None)),
]


@pytest.mark.parametrize(
    "kind, settings, name, value", [(kind, s, name, value) for kind, s, name, values in WRONG for value in values]
)
def test_wrong_settings_are_refused_by_name(kind, settings, name, value):
    with pytest.raises(SettingError, match=rf"^{name}: expected a"):
        kind(**{**settings, name: value})


@pytest.mark.parametrize("then", [0, -0.1, math.nan, "0.1", True, None, SGD(0.1)])
def test_a_warm_up_leads_to_a_positive_number_or_a_schedule(then):
    with pytest.raises(SettingError, match=r"^then: expected a positive number or a Schedule, got"):
        WarmUp(5, then)


def recipe(learning_rate):
    return Recipe(
        {
            "data": {"use": "digits"},
            "network": {"layers": []},
            "training": {
                "loss": "cross_entropy",
                "optimizer": {"use": "adam", "learning_rate": learning_rate},
                "batch_size": 32,
                "epochs": 1,
            },
        }
    )


def test_a_recipe_writes_a_schedule_as_a_table():
    cosine = {"use": "cosine", "start": 0.1, "steps": 1000}
    assert recipe(cosine).optimizer() == Adam(Cosine(0.1, 1000))
    assert recipe({"use": "warm_up", "steps": 9, "then": cosine}).optimizer() == Adam(WarmUp(9, Cosine(0.1, 1000)))


@pytest.mark.parametrize(
    "learning_rate, message",
    [
        ({"use": "cosine", "start": 0.1, "steps": 0}, r"\.steps: expected a positive int, got 0$"),
        ({"use": "cosine", "start": 0.1}, r"\.steps: cosine needs this setting; cosine takes start, steps, end$"),
        ({"use": "cosine", "start": 0.1, "step": 3}, r"\.step: cosine has no such setting; did you mean steps\?$"),
        ({"use": "warm_up", "steps": 3, "then": {"use": "step", "start": 1.0, "every": 0}}, r"\.then\.every: expected"),
    ],
)
def test_a_recipe_s_wrong_schedule_is_told_with_its_path(learning_rate, message):
    with pytest.raises(RecipeError, match=rf"^training\.optimizer\.learning_rate{message}"):
        recipe(learning_rate).optimizer()
