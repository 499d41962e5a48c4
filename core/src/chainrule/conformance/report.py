"""What a run of the suite found, for a person and for a program."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import __version__
from . import SUITE_VERSION

STATUSES = ("passed", "failed", "error", "blocked", "not_applicable", "declared", "stale", "deselected")


@dataclass(frozen=True)
class Result:
    """How one check of the catalogue ended for one case.

    `status` is one of "passed"; "failed"; "error" (the case or the suite is at fault); "blocked" (a prerequisite
    failed); "not_applicable" (a trait is missing); "declared" (an expected failure); "stale" (an expected failure that
    passes); "deselected".
    """

    case_id: str
    check_id: str
    status: str
    tier: str
    rule: str
    message: str = ""
    cause: str = ""
    reproduce: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def counts_against(self) -> bool:
        """Whether this result alone makes the verdict "failed"."""
        return self.status in ("error", "stale") or (self.status == "failed" and self.tier == "must")

    def __str__(self) -> str:
        head = self.status.upper().replace("_", " ") + (" (should)" if self.tier == "should" else "")
        lines = [f"{head} {self.check_id}   {self.rule}"]
        lines += [f"  {line}" for line in self.message.splitlines()]
        if self.cause:
            lines.append(f"  likely cause: {self.cause}")
        if self.reproduce:
            lines.append(f"  reproduce: {self.reproduce}")
        return "\n".join(lines)


@dataclass(frozen=True)
class CaseSummary:
    """What a report says of a case beside its results."""

    id: str
    subject: str
    shape: str
    distribution: str = ""
    version: str = ""


@dataclass(frozen=True)
class Report:
    """The results of every case and check, in order; `print` shows what a person needs to act.

    `passed`, `failed`, `errors`, `blocked`, `not_applicable`, `declared`, `stale` and `deselected` are tuples of
    results. `unchecked` names registered layers, losses and optimizers that no case covers.
    """

    seed: int
    cases: tuple[CaseSummary, ...]
    catalogue_size: int
    results: tuple[Result, ...]
    unchecked: tuple[str, ...] = ()

    def _of(self, status: str) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.status == status)

    @property
    def passed(self) -> tuple[Result, ...]:
        """The checks that passed."""
        return self._of("passed")

    @property
    def failed(self) -> tuple[Result, ...]:
        """The checks that failed; those of tier "should" are shown and do not fail the run."""
        return self._of("failed")

    @property
    def errors(self) -> tuple[Result, ...]:
        """The checks that could not be made: the case or the suite is at fault."""
        return self._of("error")

    @property
    def blocked(self) -> tuple[Result, ...]:
        """The checks that were not made because a prerequisite failed."""
        return self._of("blocked")

    @property
    def not_applicable(self) -> tuple[Result, ...]:
        """The checks whose trait the case lacks."""
        return self._of("not_applicable")

    @property
    def declared(self) -> tuple[Result, ...]:
        """The checks that failed as the case declares."""
        return self._of("declared")

    @property
    def stale(self) -> tuple[Result, ...]:
        """The checks that pass although the case declares that they fail."""
        return self._of("stale")

    @property
    def deselected(self) -> tuple[Result, ...]:
        """The checks that were not asked for."""
        return self._of("deselected")

    @property
    def counts(self) -> dict[str, int]:
        """How many results have each status; they add up to cases × catalogue."""
        return {status: len(self._of(status)) for status in STATUSES}

    @property
    def verdict(self) -> str:
        """One of "failed", "incomplete" (nothing failed, but something was deselected) and "conformant"."""
        if self.unchecked or not self.results or any(result.counts_against for result in self.results):
            return "failed"
        return "incomplete" if self.deselected else "conformant"

    @property
    def ok(self) -> bool:
        """Whether the verdict is "conformant"."""
        return self.verdict == "conformant"

    def of_case(self, case_id: str) -> tuple[Result, ...]:
        """Return the results of one case."""
        return tuple(result for result in self.results if result.case_id == case_id)

    def sum_line(self) -> str:
        """Return the statuses as a sum: they always add up to the catalogue."""
        counts = " + ".join(f"{count} {show_status(status)}" for status, count in self.counts.items() if count)
        cases = f"{len(self.cases)} case" + "s" * (len(self.cases) != 1)
        return f"{cases} × {self.catalogue_size} checks = {len(self.results)} = {counts or 0}"

    def _lines(self) -> Iterator[str]:
        versions = environment()
        yield (
            f"chainrule conformance suite {SUITE_VERSION}, seed {self.seed}; chainrule {versions['chainrule']}, "
            f"Python {versions['python']}, NumPy {versions['numpy']}, {versions['system']} {versions['machine']}"
        )
        for case in self.cases:
            results = self.of_case(case.id)
            owner = f" of {case.distribution} {case.version}" if case.distribution else ""
            yield f"\n{case.id}: {case.subject}{owner} on {case.shape}   {summarize(results)}"
            for result in results:
                if result.status in ("failed", "error", "stale", "declared"):
                    yield "\n".join(f"  {line}" for line in str(result).splitlines())
            blocked = [result.check_id for result in results if result.status == "blocked"]
            if blocked:
                yield f"  blocked by these: {', '.join(blocked)}"
        for name in self.unchecked:
            yield f"\n{name}: UNCHECKED, it is registered and no case has it; add one to the distribution's cases"
        yield f"\n{self.sum_line()}"
        yield f"verdict: {self.verdict}"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def to_json(self) -> str:
        """Return the report as JSON: the same for the same seed, apart from what is under "seconds"."""
        return json.dumps(
            {
                "suite_version": SUITE_VERSION,
                "seed": self.seed,
                "environment": environment(),
                "verdict": self.verdict,
                "ok": self.ok,
                "counts": self.counts,
                "catalogue_size": self.catalogue_size,
                "unchecked": list(self.unchecked),
                "cases": [vars(case) for case in self.cases],
                "results": [vars(result) for result in self.results],
            },
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
        )


def environment() -> dict[str, Any]:
    """Return what a result may depend on beside the seed."""
    return {
        "chainrule": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
    }


def show_status(status: str) -> str:
    """Return a status in words."""
    return status.replace("_", " ")


def summarize(results: tuple[Result, ...]) -> str:
    """Return how the checks of one case ended, in one line."""
    counts = {status: sum(result.status == status for result in results) for status in STATUSES}
    return ", ".join(f"{count} {show_status(status)}" for status, count in counts.items() if count)
