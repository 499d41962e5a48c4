"""Cases of optimizers: the problem that they are judged on, what a case may declare, and what a report says."""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from chainrule import SGD, Optimizer, SettingError, numerical_jacobian
from chainrule.conformance import OptimizerCase, catalogue, check, coordinatewise
from chainrule.conformance.own_cases import CASES
from chainrule.conformance.problems import draw_problem
from chainrule.conformance.standins import Scaled
from chainrule.conformance.states import leaves, written_and_read
from chainrule.recipe_tables import build_optimizer, optimizer_table

SGD_CASE = next(case for case in CASES if case.id == "sgd")


@dataclass(frozen=True)
class Climbs(SGD):
    def step(self, theta, gradient, state, context):
        theta += self.learning_rate * gradient


@dataclass(frozen=True)
class WideMeans(SGD):
    """Its means are kept in float64, whatever θ is."""

    def init(self, theta):
        return {"means": np.zeros(theta.size)}

    def step(self, theta, gradient, state, context):
        state["means"] *= 0.5
        state["means"] += gradient
        theta -= self.learning_rate * state["means"].astype(theta.dtype)


@dataclass(frozen=True)
class NotAtAll:
    pass


def result_of(report, check_id):
    return next(result for result in report.results if result.check_id == check_id)


def residuals(problem, step, w):
    """Return the residuals of all samples of a batch, in loops over the problem's numbers."""
    batch = step % len(problem.matrices)
    found = []
    for A, y in zip(problem.matrices[batch].tolist(), problem.targets[batch].tolist(), strict=True):
        for row, target in zip(A, y, strict=True):
            z = sum(a * float(v) for a, v in zip(row, w, strict=True))
            found.append(z + 0.1 * np.sin(z) - target)
    return np.array(found)


@pytest.mark.parametrize("step", [0, 3, 12])
def test_the_problem_s_derivatives_are_those_of_its_objective(step):
    problem = draw_problem(np.random.default_rng(0), 5)
    w = problem.start + 0.3
    r, J = residuals(problem, step, w), numerical_jacobian(lambda v: residuals(problem, step, v), w)
    np.testing.assert_allclose(problem.objective(w, step), (r @ r) / 4, rtol=1e-14)
    np.testing.assert_allclose(problem.gradient(w, step), r @ J / 2, rtol=0, atol=1e-9)
    np.testing.assert_allclose(problem.gauss_newton(w, step), J.T @ J / 2, rtol=0, atol=1e-9)
    np.testing.assert_allclose(problem.diagonal(w, step), np.diag(J.T @ J / 2), rtol=0, atol=1e-9)
    np.testing.assert_allclose(problem.product(w, r[:5], step), J.T @ J @ r[:5] / 2, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_problem_is_convex_about_its_start_and_well_conditioned(seed):
    problem = draw_problem(np.random.default_rng(seed), 7)
    for w in (problem.start, problem.start / 2, np.zeros(7)):
        curvatures = np.linalg.eigvalsh(numerical_jacobian(problem.gradient, w))
        assert curvatures[0] > 0
        assert np.linalg.cond(problem.gauss_newton(w)) < 15


def test_the_problem_s_start_is_a_minimum_where_it_is_solved_and_flat_where_it_is_dead():
    rng = np.random.default_rng(1)
    solved, dead = draw_problem(rng, 4, solved=2), draw_problem(rng, 4, dead=[2])
    assert [bool(solved.gradient(solved.start, step).any()) for step in (0, 1, 2)] == [False, False, True]
    slopes = dead.gradient(dead.start)
    assert slopes[2] == 0
    assert (np.abs(np.delete(slopes, 2)) > 0.05).all()
    assert not dead.gauss_newton(dead.start)[2].any()
    assert not draw_problem(rng, 4, at_zero=True).start.any()


def test_copies_are_problems_of_their_own():
    one = draw_problem(np.random.default_rng(2), 3)
    three = replace(one, copies=3)
    w, v = np.arange(9.0), np.arange(9.0)[::-1]
    for k in range(3):
        part = slice(3 * k, 3 * k + 3)
        np.testing.assert_allclose(three.gradient(w, 1)[part], one.gradient(w[part], 1), rtol=1e-13)
        np.testing.assert_allclose(three.product(w, v, 1)[part], one.product(w[part], v[part], 1), rtol=1e-13)
    parts = [one.objective(w[3 * k : 3 * k + 3]) for k in range(3)]
    np.testing.assert_allclose(three.objective(w), sum(parts), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_context_computes_at_theta_as_it_stands(dtype):
    problem = draw_problem(np.random.default_rng(3), 3)
    theta = problem.start.astype(dtype)
    context = problem.context(4, theta)
    theta += 1
    v = np.array([1.0, -2.0, 0.5], dtype)
    assert context.step == 4
    assert context.gauss_newton(v).dtype == dtype
    np.testing.assert_array_equal(context.gauss_newton(v), problem.product(theta, v, 4).astype(dtype))
    np.testing.assert_array_equal(context.gauss_newton_diagonal(), problem.diagonal(theta, 4).astype(dtype))
    assert context.gauss_newton_diagonal().dtype == dtype
    assert context.objective() == problem.objective(theta, 4)


def test_core_s_own_optimizer_conforms_and_the_sum_is_the_catalogue():
    report = check(SGD_CASE)
    assert report.ok
    assert len(report.results) == len(catalogue()) == sum(report.counts.values())
    assert "sgd: SGD(learning_rate=0.1) of chainrule " in str(report)
    assert " on 7 numbers " in str(report)
    assert {result.message for result in report.not_applicable} >= {"it applies to a layer", "it applies to a loss"}


def test_a_second_order_rule_has_its_reference_in_the_dense_matrix():
    @dataclass(frozen=True)
    class Newton(Optimizer):
        def step(self, theta, gradient, state, context):
            G = np.array([context.gauss_newton(v) for v in np.eye(theta.size, dtype=theta.dtype)])
            theta -= np.linalg.solve(G + 0.1 * np.eye(theta.size, dtype=theta.dtype), gradient)

    def reference(problem):
        w = problem.start
        for step in range(10):
            eigenvalues, Q = np.linalg.eigh(problem.gauss_newton(w, step))
            w = w - Q @ ((Q.T @ problem.gradient(w, step)) / (eigenvalues + 0.1))
            yield w

    report = check(OptimizerCase("newton", Newton(), reference), only="optimizer.reference")
    assert len(report.passed) == 1
    report = check(OptimizerCase("newton", Newton(), SGD_CASE.reference), only="optimizer.reference")
    assert re.match(r"after step 1, θ\[\d\]: the optimizer's -?[\d.]+, the ref", report.failed[0].message)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (lambda problem: 1 / 0, "the reference of the case raised ZeroDivisionError: division by zero"),
        (lambda problem: [problem.start] * 3, r"yields 3 w of the shapes [(7,)], expected 10 of (7,)"),
        (lambda problem: [0.0] * 10, r"yields 10 w of the shapes [()], expected 10 of (7,)"),
    ],
)
def test_a_reference_that_is_none_is_an_error_of_the_case(reference, message):
    result = result_of(check(replace(SGD_CASE, reference=reference)), "optimizer.reference")
    assert result.status == "error"
    assert message in result.message


def test_coordinatewise_gives_each_number_its_own_slopes():
    problem = draw_problem(np.random.default_rng(4), 3)
    steps = coordinatewise(lambda w, slopes: [w + sum(slopes[: t + 1]) for t in range(len(slopes))])(problem)
    first, second = next(steps), next(steps)
    np.testing.assert_allclose(first, problem.start + problem.gradient(problem.start, 0), rtol=1e-14)
    np.testing.assert_allclose(second, first + problem.gradient(first, 1), rtol=1e-14)


def test_the_line_to_paste_repeats_the_failure():
    result = result_of(check(OptimizerCase("climbs", Climbs(0.25)), seed=3), "optimizer.descent")
    assert result.message.startswith("step 0 from θ = 0 goes uphill: ")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {result.reproduce}"
    assert "OptimizerCase('climbs', Climbs(learning_rate=0.25))" in code
    done = subprocess.run(
        [sys.executable, "-c", code.replace(Climbs.__module__, Path(__file__).stem)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.message in done.stdout, done.stderr


def test_a_state_in_another_dtype_is_shown_and_fails_nothing():
    report = check(OptimizerCase("wide", WideMeans(0.1)))
    assert report.ok, report
    (result,) = report.failed
    assert (result.check_id, result.tier) == ("optimizer.state_dtype", "should")
    assert "state['means'] has dtype float64, θ float32" in result.message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptimizerCase("", SGD(0.1)), "id: expected a name"),
        (lambda: OptimizerCase("a", SGD), "case a: optimizer: expected an Optimizer, got <class"),
        (lambda: OptimizerCase("a", Scaled()), r"case a: optimizer: expected an Optimizer, got Scaled\(\)"),
        (lambda: OptimizerCase("a", SGD(0.1), reference=3), "case a: reference: expected a function, got 3"),
        (lambda: OptimizerCase("a", SGD(0.1), invalid={"learning_rate": 0}), "case a: invalid: expected a list"),
        (
            lambda: check([SGD_CASE, NotAtAll()]),
            r"cases\[1\]: expected a LayerCase, a LossCase, an OptimizerCase or a PreparationCase",
        ),
    ],
)
def test_a_case_that_cannot_be_used_is_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


class Odd:
    pass


def endless():
    state = []
    state.append(state)
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"means": Odd()}, r"state\['means'\] is Odd; a checkpoint holds dict, list, tuple, None, bool, int, float"),
        ([1, {2}], r"state\[1\] is set;"),
        ({3: 1.0}, "state has the key 3; a checkpoint writes names"),
        (np.array([None]), "state is an array of object; .* NumPy arrays of bool, whole and real numbers"),
        ((1j * np.ones(2),), r"state\[0\] is an array of complex128;"),
        (np.ones(2).view(np.matrix), "state is matrix;"),
        (lambda: 0, "state is function;"),
        (endless(), "goes on without an end"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_named(state, message):
    with pytest.raises(Exception, match=message):
        list(leaves(state))


def test_a_state_comes_back_from_its_bytes_as_it_was():
    state = {"a": [np.arange(3.0, dtype=np.float32), (1, True, "x", None)], "b": np.array(2), "c": np.float32(0.1)}
    back = written_and_read(state)
    assert [path for path, _ in leaves(back)] == [path for path, _ in leaves(state)]
    assert back["a"][1] == (1, True, "x", None)
    assert (back["a"][0].dtype, back["b"].shape) == (np.float32, ())
    np.testing.assert_array_equal(back["a"][0], state["a"][0])
    assert type(back["c"]) is np.float32
    assert not np.shares_memory(back["a"][0], state["a"][0])


def test_an_optimizer_goes_into_a_recipe_and_back():
    assert optimizer_table(SGD(0.1)) == {"use": "sgd", "learning_rate": 0.1}
    assert build_optimizer({"use": "sgd", "learning_rate": 0.1}) == SGD(0.1)
    with pytest.raises(SettingError, match="optimizer: expected a frozen dataclass"):
        optimizer_table(type("Bare", (Optimizer,), {"step": None})())
