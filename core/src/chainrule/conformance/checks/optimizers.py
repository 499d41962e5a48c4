"""What a rule of update does to θ."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ...arrays import Array
from ...learning.optimizers import StepContext
from ..blame import blame
from ..compare import agree, entry, relative, same_bits
from ..optimizer_probes import FIRST, SIZE, OptimizerProbe, require_finite
from ..outcomes import CaseError, Failure
from ..problems import Problem
from ..rules import AN_OPTIMIZER, REFERENCE, Trait, rule
from ..states import leaves

LARGE = 1 << 17
"""A size of θ that a rule which works in blocks cuts into several, with a rest."""

COORDINATEWISE = Trait(
    "a rule that says that it is coordinatewise", lambda case: case.subject.coordinatewise is not False
)


@rule("optimizer.runs", AN_OPTIMIZER, since="1.1")
def runs(probe: OptimizerProbe) -> None:
    """init and step run on ordinary gradients, and θ stays finite.

    A NaN in θ ends a training run.
    """
    for size in (SIZE, 1, 2):
        run = probe.run(probe.problem(size))
        for _ in range(FIRST):
            run.step()
            require_finite(run, "along ordinary gradients")


@rule("optimizer.flat", AN_OPTIMIZER, needs=["optimizer.runs"], since="1.1")
def flat(probe: OptimizerProbe) -> None:
    """step moves θ in place and returns None; θ keeps its shape, its dtype and its flags.

    A network's parameters are views of θ: what is bound to another array never reaches them.
    """
    for dtype in (np.float64, np.float32):
        run = probe.run(probe.problem(), dtype)
        before, shape, flags = run.theta.copy(), run.theta.shape, str(run.theta.flags)
        for _ in range(FIRST):
            returned = run.step()
            if returned is not None:
                raise Failure(f"step returned {type(returned).__name__}, expected None: it moves θ in place")
            if run.theta.shape != shape or run.theta.dtype != dtype:
                raise Failure(
                    f"θ has shape {run.theta.shape} and dtype {run.theta.dtype} after step {run.count}, "
                    f"{shape} and {np.dtype(dtype)} before"
                )
            if str(run.theta.flags) != flags:
                raise Failure(f"step {run.count - 1} changed the flags of θ: it is its network's")
        if np.array_equal(run.theta, before):
            raise Failure(
                f"{FIRST} steps along gradients that are not zero leave θ where it is\n"
                "likely cause: theta = … or theta = theta - … binds the name to a new array; write theta -= …"
            )


@rule("optimizer.reference", AN_OPTIMIZER, REFERENCE, needs=["optimizer.flat"], since="1.1")
def reference(probe: OptimizerProbe) -> None:
    """The first ten steps are those of the case's independent reference, to 1e-12 in float64.

    A wrong rule trains, only worse: no loss curve tells it from a bad learning rate.
    """
    problem = probe.problem()
    expected = list(_referred(probe, copy.deepcopy(problem)))
    run = probe.run(problem)
    for theta in expected:
        run.step()
        agree(
            run.theta,
            theta,
            relative(theta, 1e-12, floor=1.0),
            label=entry(f"after step {run.count}, θ"),
            got_is="the optimizer's",
            expected_is="the reference's",
        )


def _referred(probe: OptimizerProbe, problem: Problem) -> Iterator[Array]:
    """Yield w after each of the first steps. Raises:   CaseError."""
    try:
        found = [np.array(w, np.float64) for w in islice(probe.case.reference(problem), FIRST)]
    except Exception as error:
        raise CaseError(f"the reference of the case raised {type(error).__name__}: {error}") from error
    shapes = [w.shape for w in found]
    if shapes != [(problem.size,)] * FIRST:
        raise CaseError(
            f"the reference of the case yields {len(found)} w of the shapes {sorted(set(shapes))}, expected {FIRST} of "
            f"{(problem.size,)}: it yields w after each step"
        )
    yield from found


@rule("optimizer.float32", AN_OPTIMIZER, needs=["optimizer.flat"], since="1.1")
def float32(probe: OptimizerProbe) -> None:
    """Along the same gradients, ten steps in float32 are those in float64 but for rounding.

    Training runs in float32; a mean that is kept in fewer digits, or a constant that is 0 there, shows in no float64.
    A rule that divides by differences of θ and of gradients amplifies rounding: how far is seen from runs in float64
    whose θ and gradients are moved, at every step, by what float32 would round away.
    """
    problem = probe.problem()
    exact, run = probe.run(problem), probe.run(problem, np.float32)
    shaken = [probe.run(problem) for _ in range(SHAKEN)]
    for _ in range(FIRST):
        gradient = problem.gradient(exact.theta, exact.count).astype(np.float32)
        exact.step(gradient)
        run.step(gradient)
        for other in shaken:
            other.step(gradient * _rounding(probe))
            other.theta *= _rounding(probe)
        amplified = max(float(np.abs(other.theta - exact.theta).max()) for other in shaken)
        agree(
            run.theta.astype(np.float64),
            exact.theta,
            relative(exact.theta, 3e-5, floor=0.1) + AMPLIFIED * amplified,
            label=entry(f"after step {run.count}, θ"),
            got_is="in float32",
            expected_is="in float64",
        )


SHAKEN = 4
"""How many runs show how far rounding is amplified."""
AMPLIFIED = 30
"""How many times as far as the farthest of them a run in float32 may go."""


def _rounding(probe: OptimizerProbe) -> Array:
    """Return factors as near to 1 as those by which float32 rounds."""
    return 1 + float(np.finfo(np.float32).eps) * probe.rng.uniform(-1, 1, SIZE)


@rule("optimizer.slices", AN_OPTIMIZER, needs=["optimizer.runs", "purity.repeat"], since="1.1")
def slices(probe: OptimizerProbe) -> None:
    """How θ is cut into parameters changes nothing.

    A rule that treats each parameter by itself is right, too; its case says so under expected_failures.
    """
    problem = probe.problem()
    cuts: list[dict[str, slice]] = [{"0.W": slice(0, SIZE)}, {"0.W": slice(0, 2), "0.b": slice(2, 3)}]
    cuts[1]["1.K"] = slice(3, SIZE)
    first, second = (probe.run(problem, slices=cut) for cut in cuts)
    for _ in range(FIRST):
        first.step()
        second.step()
        agree(
            second.theta,
            first.theta,
            relative(first.theta, 1e-12, floor=1.0),
            label=entry(f"after step {first.count}, θ"),
            got_is="of three parameters",
            expected_is="of one",
        )


@rule("optimizer.large", AN_OPTIMIZER, needs=["optimizer.flat", "purity.repeat"], since="1.1")
def large(probe: OptimizerProbe) -> None:
    """In a θ of many equal parts with equal gradients, every part moves alike.

    A rule that works in blocks may leave out the rest behind the last one; small tests have a single block.
    """
    copies = LARGE // SIZE + 2
    run = probe.run(probe.problem(copies=copies))
    for _ in range(3):
        run.step()
        parts = run.theta.reshape(copies, SIZE)
        agree(
            run.theta,
            np.tile(parts[0], copies),
            relative(parts[0], 1e-9, floor=1.0),
            label=entry(f"after step {run.count} of {run.theta.size:,} numbers, θ"),
            got_is="in its part",
            expected_is="in the first",
        )


@rule("optimizer.descent", AN_OPTIMIZER, needs=["optimizer.flat"], since="1.1")
def descent(probe: OptimizerProbe) -> None:
    """The first step that moves θ away from 0 goes downhill: its product with the gradient is negative.

    So it is for every positive preconditioner, and for weight decay, which vanishes at 0; a sign that is wrong climbs.
    """
    run = probe.run(probe.problem(batches=1, at_zero=True))
    slopes = run.problem.gradient(run.theta)
    while run.count < FIRST and not run.theta.any():
        run.step()
    if run.theta.any() and not slopes @ run.theta < 0:
        raise Failure(f"step {run.count - 1} from θ = 0 goes uphill: Δθ · gradient is {slopes @ run.theta:.6g}")


@rule("optimizer.zero", AN_OPTIMIZER, needs=["optimizer.runs"], since="1.1")
def zero(probe: OptimizerProbe) -> None:
    """θ stays finite where gradients are zero: all at the start, some for ever, and where θ is zero.

    A dead ReLU has the slope 0 at every step, and so has its running mean: 0/0 is NaN.
    """
    problems: dict[str, dict[str, Any]] = {
        "with a gradient of zeros at first": {"solved": 2},
        "with slopes that are always 0": {"dead": (1, 4)},
        "from θ = 0": {"at_zero": True},
        "with nothing but zeros": {"dead": range(SIZE), "at_zero": True},
    }
    for dtype in (np.float64, np.float32):
        for when, traits in problems.items():
            run = probe.run(probe.problem(**traits), dtype)
            for _ in range(FIRST):
                run.step()
                require_finite(run, when)


@rule("optimizer.nan", AN_OPTIMIZER, needs=["optimizer.runs"], since="1.1")
def nan(probe: OptimizerProbe) -> None:
    """A NaN or an infinity in the gradient raises nothing: it is for training to say that the run diverged.

    An error of the rule's own names neither the epoch nor the batch, and the last good θ is lost with it.
    """
    for value in (np.nan, np.inf):
        for where in (slice(2, 3), slice(None)):
            run = probe.run(probe.problem()).steps(1)
            gradient = run.problem.gradient(run.theta, run.count)
            gradient[where] = value
            run.problem.targets[1, 0, 0] = value  # so that the objective is no number either
            run.step(gradient)
            run.steps(2)


@rule("optimizer.empty", AN_OPTIMIZER, needs=["optimizer.state"], since="1.1")
def empty(probe: OptimizerProbe) -> None:
    """A θ without numbers is stepped like any other.

    A network of layers without parameters is trained like any other.
    """
    for dtype in (np.float64, np.float32):
        run = probe.run(probe.problem(0), dtype).steps(3)
        list(leaves(run.state))
        if run.theta.shape != (0,):
            raise Failure(f"θ of shape (0,) has shape {run.theta.shape} afterwards")


@rule("optimizer.coordinatewise", AN_OPTIMIZER, COORDINATEWISE, needs=["optimizer.flat", "purity.repeat"], since="2.1")
def coordinatewise(probe: OptimizerProbe) -> None:
    """A rule that says it is coordinatewise steps the parts of θ apart as it steps the whole, bit for bit.

    Where it is True, whoever computes a step may give each worker a part of θ; a norm over all, or a state that is one
    number for all, makes another step of it. Where it is False, nothing is asked.
    """
    if probe.optimizer.coordinatewise is not True:
        raise Failure(f"coordinatewise is {probe.optimizer.coordinatewise!r}, expected True or False")
    for dtype in (np.float64, np.float32):
        for copies, cuts in ((1, (1, SIZE // 2, SIZE - 1)), (LARGE // SIZE + 2, (LARGE // 2 + 1,))):
            problem = probe.problem(copies=copies)
            for cut in cuts:
                _step_apart(probe, problem, dtype, cut)


def _step_apart(probe: OptimizerProbe, problem: Problem, dtype: Any, cut: int) -> None:
    whole = probe.run(problem, dtype)
    parts = [whole.theta[:cut].copy(), whole.theta[cut:].copy()]
    with blame("init of a part of θ"):
        states = [probe.optimizer.init(part) for part in parts]
    for step in range(FIRST if problem.copies == 1 else 2):
        gradient = problem.gradient(whole.theta, step).astype(dtype)
        whole.step(gradient)
        for part, slopes, state in zip(parts, (gradient[:cut], gradient[cut:]), states, strict=True):
            with blame(f"step {step} of a part of θ {part.shape}, with a context of the step and the slices alone"):
                probe.optimizer.step(part, slopes, state, StepContext(step, {"0.W": slice(0, part.size)}))
        same_bits(
            np.concatenate(parts),
            whole.theta,
            label=entry(f"after step {whole.count} of θ cut at {cut}, θ"),
            got_is="of the parts, stepped apart",
            expected_is="of the whole",
            hint="the rule looks at more than a number's own slopes: leave coordinatewise False",
        )
