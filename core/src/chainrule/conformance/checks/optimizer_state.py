"""What a rule of update remembers, in its state alone, and what it leaves to others: gradient, slices, other runs."""

from __future__ import annotations

import copy

import numpy as np

from ..compare import entry, same_bits
from ..optimizer_probes import FIRST, SIZE, OptimizerProbe, Run
from ..outcomes import Failure
from ..rules import AN_OPTIMIZER, rule
from ..states import arrays_in, leaves, written_and_read


@rule("optimizer.state", AN_OPTIMIZER, needs=["optimizer.runs"], since="1.1")
def state(probe: OptimizerProbe) -> None:
    """The state holds what a checkpoint can hold: dict, list, tuple, None, numbers, strings, arrays of numbers.

    A run that was ended goes on from a file; a generator, a function or an object of a class is not in it.
    """
    run = probe.run(probe.problem())
    list(leaves(run.state))
    for _ in range(FIRST):
        run.step()
        list(leaves(run.state))


@rule("optimizer.state_dtype", AN_OPTIMIZER, needs=["optimizer.state"], tier="should", since="1.1")
def state_dtype(probe: OptimizerProbe) -> None:
    """The state's arrays of θ's size have θ's dtype.

    A state in float64 beside a θ in float32 takes twice the memory, and every step twice the time; some rules want it.
    """
    for dtype in (np.float64, np.float32):
        run = probe.run(probe.problem(), dtype).steps(2)
        for path, array in arrays_in(run.state):
            if array.size == run.theta.size and array.dtype.kind == "f" and array.dtype != dtype:
                raise Failure(f"{path} has dtype {array.dtype}, θ {np.dtype(dtype)}: np.zeros_like(theta) makes it")


@rule("optimizer.round_trip", AN_OPTIMIZER, needs=["optimizer.state", "purity.repeat"], since="1.1")
def round_trip(probe: OptimizerProbe) -> None:
    """A run that is written down after every step and read again has the bits of one that was never interrupted.

    A run that is resumed ends where it would have ended only if the state is all that the rule remembers.
    """
    for dtype in (np.float64, np.float32):
        problem = probe.problem()
        run, resumed = probe.run(problem, dtype), probe.run(problem, dtype)
        for _ in range(FIRST):
            resumed.optimizer = copy.deepcopy(probe.optimizer)
            resumed.state, resumed.theta = written_and_read(resumed.state), resumed.theta.copy()
            resumed.gradient = np.full_like(resumed.theta, np.nan)
            run.step()
            resumed.step()
            _same_run(resumed, run, "resumed after every step", "not interrupted", "the state is not all it remembers")


def _same_run(got: Run, expected: Run, got_is: str, expected_is: str, hint: str) -> None:
    same_bits(
        got.theta,
        expected.theta,
        label=entry(f"after step {got.count}, θ"),
        got_is=got_is,
        expected_is=expected_is,
        hint=hint,
    )


@rule("optimizer.aliasing", AN_OPTIMIZER, needs=["optimizer.state"], since="1.1")
def aliasing(probe: OptimizerProbe) -> None:
    """No array of the state shares memory with θ, with the gradient, or with another.

    θ moves and the gradient's array is filled anew at every step: a state that looks at them changes behind the rule.
    """
    run, other = probe.run(probe.problem()), probe.run(probe.problem())
    for step in range(FIRST + 1):
        if step:
            run.step()
        own = arrays_in(run.state)
        outside = [("θ", run.theta), ("the gradient", run.gradient)]
        outside += [(f"{path} of another run", array) for path, array in arrays_in(other.state)]
        for i, (path, array) in enumerate(own):
            for name, known in [*outside, *own[:i]]:
                if np.shares_memory(array, known):
                    raise Failure(f"{path} shares memory with {name} after {step} steps: keep a copy")


@rule("optimizer.arguments", AN_OPTIMIZER, needs=["optimizer.runs"], since="1.1")
def arguments(probe: OptimizerProbe) -> None:
    """The gradient and the slices are left as they were, and init leaves θ.

    Hooks and further rules read the same gradient; only step moves θ.
    """
    for dtype in (np.float64, np.float32):
        problem = probe.problem()
        start, slices = problem.start.astype(dtype), {"0.W": slice(0, 4), "0.b": slice(4, SIZE)}
        run = Run(probe.optimizer, problem, start.copy(), slices)
        same_bits(run.theta, start, label=entry("θ"), got_is="after init", expected_is="before")
        for _ in range(FIRST):
            gradient = problem.gradient(run.theta, run.count).astype(dtype)
            run.step(gradient)
            same_bits(
                run.gradient,
                gradient,
                label=entry("gradient"),
                got_is=f"after step {run.count}",
                expected_is="before",
                hint="an operation in place (*=, out=, sort) on the gradient; work on a copy",
            )
            if not run.gradient.flags.writeable:
                raise Failure("the gradient was made read-only; its flags are its network's")
            if slices != {"0.W": slice(0, 4), "0.b": slice(4, SIZE)}:
                raise Failure(f"the context's slices are {slices} after step {run.count}")


@rule("optimizer.interleaved", AN_OPTIMIZER, needs=["optimizer.runs", "purity.repeat"], since="1.1")
def interleaved(probe: OptimizerProbe) -> None:
    """Runs that take turns with one optimizer get what each would get alone.

    Memory of a run belongs in its state: what a module or a default argument keeps is shared by all runs.
    """
    kinds = ((SIZE, np.float64), (SIZE, np.float64), (5, np.float64), (SIZE, np.float32))
    problems = [probe.problem(size) for size, _ in kinds]
    alone = [
        [run.steps(1).theta.copy() for _ in range(FIRST)]
        for run in (probe.run(problem, dtype) for problem, (_, dtype) in zip(problems, kinds, strict=True))
    ]
    together = [probe.run(problem, dtype) for problem, (_, dtype) in zip(problems, kinds, strict=True)]
    for step in range(FIRST):
        for i, run in enumerate(together):
            run.step()
            same_bits(
                run.theta,
                alone[i][step],
                label=entry(f"after step {step + 1} of run {i} of four, θ"),
                got_is="taking turns",
                expected_is="alone",
                hint="the rule remembers something outside of the state",
            )
