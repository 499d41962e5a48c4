"""The engine: statuses and their sum, messages that say what to change, and a report that repeats."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from chainrule import Elementwise, Loss, SettingError, UnknownNameError
from chainrule.conformance import SUITE_VERSION, LayerCase, LossCase, catalogue, check
from chainrule.conformance.own_cases import CASES
from chainrule.conformance.report import STATUSES
from chainrule.conformance.standins import Scaled


@dataclass(frozen=True)
class Square(Elementwise):
    def forward(self, x):
        return x * x

    def derivative(self, x, y):
        return 2 * x


class Cube(Square):
    """Its derivative is that of the square."""

    def forward(self, x):
        return x * x * x


class Constant(Square):
    def forward(self, x):
        return np.ones_like(x)

    def derivative(self, x, y):
        return np.zeros_like(x)


class Raising(Square):
    def forward(self, x):
        return x[:, 7]


@dataclass(frozen=True)
class Divided(Loss):
    """It divides by B, which the driver does."""

    def value(self, scores, targets):
        return ((scores - targets) ** 2).sum(axis=1) / len(scores)

    def gradient(self, scores, targets):
        return 2 * (scores - targets) / len(scores)


SQUARE = LayerCase("square", Square(), (3,))


def result_of(report, check_id):
    return next(result for result in report.results if result.check_id == check_id)


def test_a_right_layer_conforms_and_the_sum_is_the_catalogue():
    report = check(SQUARE)
    assert report.ok
    assert report.verdict == "conformant"
    assert len(report.results) == len(catalogue()) == sum(report.counts.values())
    assert set(report.counts) == set(STATUSES)
    assert f"1 case × {len(catalogue())} checks = {len(catalogue())} = " in str(report)


def test_core_s_own_compositions_conform():
    assert check(CASES).ok


def test_a_wrong_derivative_is_failed_with_both_numbers_and_their_place():
    report = check(LayerCase("cube", Cube(), (3,)))
    assert not report.ok
    result = result_of(report, "gradient.input")
    assert result in report.failed
    found = re.fullmatch(
        r"∂y\[(\d)\]/∂x\[\1\] of sample \d: the layer's (-?[\d.]+), numerical (-?[\d.e+-]+) \(\d+ of 27 .* differ\)",
        result.message,
    )
    assert found, result.message
    assert float(found[2]) != float(found[3])


def test_the_line_to_paste_repeats_the_failure():
    report = check(LayerCase("cube", Cube(), (3,)), seed=4)
    line = result_of(report, "gradient.input").reproduce
    assert "only='gradient.input'" in line
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {line}"
    code = code.replace(Cube.__module__, Path(__file__).stem)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result_of(report, "gradient.input").message in done.stdout, done.stderr


def test_a_prerequisite_that_fails_blocks_and_is_run_once():
    report = check(LayerCase("raising", Raising(), (3,)))
    assert "forward of x (3, 3) float64 raised IndexError" in result_of(report, "forward.runs").message
    assert "return x[:, 7]" in result_of(report, "forward.runs").message
    blocked = result_of(report, "gradient.input")
    assert (blocked.status, blocked.message) == ("blocked", "gradient.runs blocked")
    assert blocked in report.blocked


def test_zero_everywhere_is_an_error_of_the_case():
    report = check(LayerCase("constant", Constant(), (3,)))
    result = result_of(report, "gradient.input")
    assert result in report.errors
    assert "the numerical Jacobians are zero for the input and for every parameter" in result.message
    assert report.verdict == "failed"


def test_a_reference_that_raises_is_an_error_of_the_case():
    def broken(x):
        raise ZeroDivisionError("no")

    result = result_of(check(replace(SQUARE, reference=broken)), "forward.reference")
    assert result.status == "error"
    assert "the reference of the case: for the batch it raised ZeroDivisionError: no" in result.message


def test_a_reference_takes_a_batch_or_one_sample():
    for reference in (lambda x: x**2, lambda x: [float(v) ** 2 for v in x]):
        assert result_of(check(replace(SQUARE, reference=reference)), "forward.reference").status == "passed"


def test_what_does_not_apply_names_the_trait():
    result = result_of(check(SQUARE), "kinks.declared")
    assert (result.status, result.message) == ("not_applicable", "it applies to a case with declared kinks")
    assert result_of(check(SQUARE), "loss.runs").message == "it applies to a loss"


def test_a_declared_failure_is_run_and_does_not_fail():
    reasons = {"gradient.input": "a straight-through estimate", "gradient.shapes": "likewise"}
    reasons |= dict.fromkeys(("gradient.network", "forward.describes"), "likewise")
    report = check(LayerCase("cube", Cube(), (3,), expected_failures=reasons))
    declared = result_of(report, "gradient.input")
    assert declared in report.declared
    assert declared.message.startswith("expected to fail: a straight-through estimate\n∂y[")
    stale = result_of(report, "forward.describes")
    assert stale in report.stale
    assert "take it out of expected_failures" in stale.message
    assert report.verdict == "failed"


def test_a_declared_failure_alone_is_conformant():
    first = check(LayerCase("cube", Cube(), (3,)))
    reasons = {result.check_id: "on purpose" for result in (*first.failed, *first.blocked)}
    report = check(LayerCase("cube", Cube(), (3,), expected_failures=reasons))
    reasons = {result.check_id: "on purpose" for result in report.declared}
    report = check(LayerCase("cube", Cube(), (3,), expected_failures=reasons))
    assert report.ok, report
    assert {result.check_id for result in report.declared} == set(reasons) >= {"gradient.input", "gradient.network"}


def test_only_selects_and_makes_the_verdict_incomplete():
    for only in ("gradient.input", ["gradient.input"], "square::gradient.input", "*.input"):
        report = check(SQUARE, only=only)
        assert report.verdict == "incomplete"
        assert not report.ok
        assert "gradient.input" in [result.check_id for result in report.passed]
    family = check(SQUARE, only="gradient")
    assert all(result.check_id.startswith("gradient.") for result in family.passed)
    assert len(family.passed) > 5
    assert sum(family.counts.values()) == len(catalogue())


def test_a_selected_check_is_blocked_by_a_deselected_prerequisite():
    report = check(LayerCase("raising", Raising(), (3,)), only="gradient.input")
    assert result_of(report, "gradient.input").status == "blocked"
    assert report.counts["deselected"] == len(catalogue()) - 1


def test_an_unknown_check_is_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match=r"no check 'gradient\.inputs'; did you mean gradient\.input"):
        check(SQUARE, only="gradient.inputs")
    with pytest.raises(UnknownNameError, match=r"no check 'batch\.single'; did you mean batch\.singles"):
        check(replace(SQUARE, expected_failures={"batch.single": "reason"}))


def test_the_hidden_division_is_named():
    report = check(LossCase("divided", Divided(), (3,), "real"))
    result = result_of(report, "loss.points")
    assert "value, entry [0]: of the batch of 2 " in result.message
    assert ", of its points one by one " in result.message
    assert result.cause == "it equals the right value divided by B = 2; the driver multiplies by 1/B, once, at the loss"


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    def text(seed):
        report = check([LayerCase("cube", Cube(), (3,)), SQUARE], seed=seed)
        return str(report), re.sub(r'"seconds": [\d.e-]+', "", report.to_json())

    assert text(3) == text(3)
    assert text(3) != text(4)


def test_the_report_is_json():
    found = json.loads(check([SQUARE, LayerCase("scaled", Scaled(), (2,))], seed=7).to_json())
    assert (found["suite_version"], found["seed"], found["ok"]) == (SUITE_VERSION, 7, True)
    assert found["environment"]["numpy"] == np.__version__
    assert [case["id"] for case in found["cases"]] == ["square", "scaled"]
    assert found["cases"][1]["distribution"] == "chainrule"
    assert sum(found["counts"].values()) == 2 * found["catalogue_size"] == len(found["results"])


def test_progress_sees_each_result_as_it_comes():
    seen = []
    report = check(SQUARE, progress=lambda case, result: seen.append((case, result)))
    assert tuple(result for _, result in seen) == report.results


def test_surroundings_are_left_as_they_were():
    np.random.seed(1)  # noqa: NPY002 - the global state is what is looked at
    before = np.random.get_state()[1].tobytes(), np.geterr(), sys.getswitchinterval(), sys.gettrace()  # noqa: NPY002
    check([SQUARE, LayerCase("raising", Raising(), (3,))])
    after = np.random.get_state()[1].tobytes(), np.geterr(), sys.getswitchinterval(), sys.gettrace()  # noqa: NPY002
    assert before == after


def test_verdicts_are_the_same_under_python_o():
    code = f"""\
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from {Path(__file__).stem} import *
report = check([SQUARE, LayerCase("cube", Cube(), (3,)), LossCase("divided", Divided(), (3,), "real")])
print(sys.flags.optimize, [(r.case_id, r.check_id) for r in report.failed], report.counts)
"""
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, timeout=120)
    report = check([SQUARE, LayerCase("cube", Cube(), (3,)), LossCase("divided", Divided(), (3,), "real")])
    failed = [(result.case_id, result.check_id) for result in report.failed]
    assert failed
    assert done.stdout.startswith(f"1 {failed}"), done.stderr


def test_the_engine_imports_neither_pytest_nor_hypothesis():
    code = (
        "import sys; from chainrule.conformance import check; from chainrule.conformance.own_cases import CASES;"
        "check(CASES[0]); print([m for m in ('pytest', '_pytest', 'hypothesis', 'click', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_every_check_has_a_rule_and_a_reason(entry):
    assert re.fullmatch(r"[a-z]+\.[a-z_0-9]+", entry.id)
    assert entry.rule.endswith(".")
    assert len(entry.rule) < 140
    assert entry.why
    assert entry.tier in ("must", "should")
    assert entry.since in ("1.0", "1.1", "2.0", "2.1", "2.2", "2.3", SUITE_VERSION)
    assert {need for need in entry.needs} <= {other.id for other in catalogue()}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerCase("", Square(), (3,)), "id: expected a name, such as 'affine/wide', got ''"),
        (lambda: LayerCase("a", Square, (3,)), "case a: layer: expected a Layer, got <class"),
        (lambda: LayerCase("a", Square(), (0,)), r"case a: input_shape: expected a shape of positive ints.*got \(0,\)"),
        (lambda: LayerCase("a", Square(), (3,), reference=3), "case a: reference: expected a function, got 3"),
        (lambda: LayerCase("a", Square(), (3,), kinks=[0.0]), r"case a: kinks: expected \{where: derivative\}"),
        (lambda: LayerCase("a", Square(), (3,), kinks={0.0: "x"}), r"case a: kinks\[0\.0\]: expected a finite number"),
        (lambda: LayerCase("a", Square(), (3,), kink_points=[1]), r"case a: kink_points: expected \(x, J\) or"),
        (lambda: LayerCase("a", Square(), (3,), ties="last"), "case a: ties: expected None, 'first' or 'split'"),
        (
            lambda: LayerCase("a", Square(), (3,), domain=(2, 1)),
            r"case a: domain: expected \(low, high\) with low < high",
        ),
        (lambda: LayerCase("a", Square(), (3,), laws={"x": 1}), r"case a: laws: expected \{sentence: law\(f, x\)\}"),
        (lambda: LayerCase("a", Square(), (3,), invalid={"units": 0}), "case a: invalid: expected a list such as"),
        (
            lambda: LayerCase("a", Square(), (3,), expected_failures={"gradient.input": ""}),
            r"case a: expected_failures\['gradient\.input'\]: expected the reason in words, got ''",
        ),
        (
            lambda: LayerCase("a", Square(), (3,), expected_failures=["gradient.input"]),
            "case a: expected_failures: expected {check id: reason}",
        ),
        (lambda: LossCase("a", Square(), (3,), "real"), "case a: loss: expected a Loss, got"),
        (lambda: LossCase("a", Divided(), (3,), "reel"), "case a: targets: expected None, a function .*, got 'reel'"),
        (lambda: LossCase("a", Divided(), (3, 2), "class"), r"case a: score_shape: expected \(m,\), m the number of"),
        (
            lambda: LossCase("a", Divided(), (3,), "real", kink_points=[1]),
            r"case a: kink_points: expected \(scores, tar",
        ),
        (
            lambda: check("square"),
            "cases: expected a LayerCase, a LossCase, an OptimizerCase or a PreparationCase, or a list of them",
        ),
        (
            lambda: check([SQUARE, Square()]),
            r"cases\[1\]: expected a LayerCase, a LossCase, an OptimizerCase or a PreparationCase, got Square\(\)",
        ),
        (lambda: check([SQUARE, SQUARE]), "cases: expected an id for each, got 'square twice'"),
        (lambda: check(SQUARE, seed=-1), "seed: expected an int of at least 0, got -1"),
    ],
)
def test_what_is_no_case_is_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_layer_of_a_stranger_s_class_without_a_name_is_not_asked_for_pickle_or_recipe():
    @dataclass(frozen=True)
    class Local(Square):
        pass

    report = check(LayerCase("local", Local(), (3,)))
    assert report.ok, report
    assert {"lifecycle.pickle", "lifecycle.recipe"} <= {result.check_id for result in report.not_applicable}


def test_a_case_of_no_result_is_no_success():
    assert check([]).verdict == "failed"
