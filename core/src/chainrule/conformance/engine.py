"""The engine: every check of the catalogue on every case, each on fresh arrays."""

from __future__ import annotations

import gc
import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import SettingError, show_shape
from ..functions.layers import trains_otherwise
from ..settings import integer
from .attributes import attributes
from .cases import Case, LayerCase, LossCase, OptimizerCase, PreparationCase
from .layer_probes import LayerProbe
from .loss_probes import LossProbe
from .optimizer_probes import SIZE, OptimizerProbe
from .outcomes import CaseError, Failure, NotApplicable
from .preparation_probes import PreparationProbe
from .probes import Probe
from .report import CaseSummary, Report, Result
from .reproduce import reproduction
from .rules import Check, catalogue, find_check, selector
from .statistics import has_statistics

ONE = "a LayerCase, a LossCase, an OptimizerCase or a PreparationCase"


def check(
    cases: Case | Iterable[Case],
    seed: int = 0,
    *,
    only: str | Iterable[str] | None = None,
    progress: Callable[[Case, Result], None] | None = None,
) -> Report:
    """Run the suite on one case or several, and return the report.

    The same seed gives the same report, apart from times. `only` selects checks: an id, a family ("gradient"),
    "case::check", or a pattern with wildcards; the verdict is then at best "incomplete". `progress` is called with
    each result as it comes.

    Raises:   SettingError for what is no case, or two cases of one id; UnknownNameError for an unknown check.
    """
    listed = as_cases(cases)
    integer("seed", seed, minimum=0)
    selected = selector(only)
    results: list[Result] = []
    for case in listed:
        run = CaseRun(case, seed)
        for entry in catalogue():
            result = run.result(entry) if selected(case.id, entry.id) else run.deselected(entry)
            results.append(result)
            if progress is not None:
                progress(case, result)
    return Report(seed, tuple(map(summary, listed)), len(catalogue()), tuple(results))


def as_cases(cases: Any) -> tuple[Case, ...]:
    """Return one case or several as a tuple. Raises:   SettingError."""
    if isinstance(cases, Case):
        listed: tuple[Any, ...] = (cases,)
    elif isinstance(cases, Iterable) and not isinstance(cases, str | bytes):
        listed = tuple(cases)
    else:
        raise SettingError("cases", expected=f"{ONE}, or a list of them", got=cases)
    for i, case in enumerate(listed):
        if not isinstance(case, Case):
            raise SettingError(f"cases[{i}]", expected=ONE, got=case)
        for check_id in case.expected_failures:
            find_check(check_id)
    ids = [case.id for case in listed]
    twice = sorted({case_id for case_id in ids if ids.count(case_id) > 1})
    if twice:
        raise SettingError("cases", expected="an id for each", got=f"{twice[0]} twice")
    return listed


def summary(case: Case) -> CaseSummary:
    """Return what a report says of a case."""
    return CaseSummary(case.id, repr(case.subject), _shape(case), *_owner(type(case.subject)))


def _shape(case: Case) -> str:
    if isinstance(case, OptimizerCase):
        return f"{SIZE} numbers"
    if isinstance(case, PreparationCase):
        return ", ".join(column.name for column in case.columns) or "an array"
    shapes = case.shapes if isinstance(case, LayerCase) else (case.score_shape,)
    return ", ".join(map(show_shape, shapes))


def _owner(kind: type) -> tuple[str, str]:
    """Return the distribution and version that offer a class, if any does."""
    from ..assembly import registry

    package = kind.__module__.partition(".")[0]
    for entry in registry.default.entries():
        if entry.value.partition(":")[0].partition(".")[0] == package:
            return entry.distribution, entry.version
    return "", ""


class CaseRun:
    """One case and its results so far: a prerequisite is run once, whoever asks first."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case = case
        self.seed = seed
        self._results: dict[str, Result] = {}
        self._memory: dict[str, Any] = {"attributes": attributes(case.subject)}

    def result(self, check: Check) -> Result:
        """Run a check, its prerequisites before it, and return its result."""
        if check.id not in self._results:
            self._results[check.id] = self._run(check)
        return self._results[check.id]

    def deselected(self, check: Check) -> Result:
        """Return the result of a check that was not asked for."""
        return self._made(check, "deselected")

    def _made(self, check: Check, status: str, message: str = "", **more: Any) -> Result:
        return Result(self.case.id, check.id, status, check.tier, check.rule, message, **more)

    def _run(self, check: Check) -> Result:
        missing = check.missing_trait(self.case)
        if missing is not None:
            return self._made(check, "not_applicable", f"it applies to {missing}")
        for need in check.needs:
            before = self.result(find_check(need))
            if before.status in ("failed", "error", "blocked"):
                return self._made(check, "blocked", f"{need} {before.status}" if before.status != "error" else need)
        started = perf_counter()
        status, message, cause = self._outcome(check)
        reason = self.case.expected_failures.get(check.id)
        if reason is not None and status == "failed":
            status, message = "declared", f"expected to fail: {reason}\n{message}"
        elif reason is not None and status == "passed":
            status = "stale"
            message = f"it passes, and was declared to fail ({reason}): take it out of expected_failures"
        told = status in ("failed", "error", "declared", "stale")
        return self._made(
            check,
            status,
            message,
            cause=cause,
            reproduce=reproduction(self.case, check.id, self.seed) if told else "",
            seconds=round(perf_counter() - started, 6),
        )

    def _outcome(self, check: Check) -> tuple[str, str, str]:
        """Return status, message and likely cause."""
        applied, reasons = False, []
        with unchanged_surroundings():
            for make in self._probes(check):
                try:
                    check.function(make())
                    applied = True
                except NotApplicable as reason:
                    reasons.append(f"it applies to {reason}")
                except Failure as failure:
                    message, _, cause = str(failure).partition("\nlikely cause: ")
                    return "failed", message, cause
                except CaseError as error:
                    return "error", str(error), ""
                except Exception as error:
                    place = traceback.extract_tb(error.__traceback__)[-1]
                    at = f"{place.name}, line {place.lineno} of {place.filename.rpartition('/')[2]}"
                    return "error", f"the suite or the case raised {type(error).__name__}: {error} (in {at})", ""
        return ("passed", "", "") if applied else ("not_applicable", reasons[0], "")

    def _probes(self, check: Check) -> Iterator[Callable[[], Probe]]:
        """Yield what a check looks at: the subject, what predicts with its statistics, and what it is realized to."""
        if isinstance(self.case, LossCase):
            loss_case = self.case
            yield lambda: LossProbe(loss_case, self.seed, check.id, self._memory)
            return
        if isinstance(self.case, OptimizerCase):
            optimizer_case = self.case
            yield lambda: OptimizerProbe(optimizer_case, self.seed, check.id, self._memory)
            return
        if isinstance(self.case, PreparationCase):
            preparation_case = self.case
            yield lambda: PreparationProbe(preparation_case, self.seed, check.id, self._memory)
            return
        layer_case = self.case
        yield lambda: LayerProbe(layer_case, self.seed, check.id, self._memory)
        if check.realized and has_statistics(layer_case):
            yield lambda: LayerProbe(layer_case, self.seed, check.id, self._memory).predicting()
        if check.realized and trains_otherwise(layer_case.layer):
            yield lambda: self._realized(layer_case, check)

    def _realized(self, case: LayerCase, check: Check) -> LayerProbe:
        """Return a probe of what is realized. Raises:   NotApplicable where the check does not ask of such a layer."""
        probe = LayerProbe(case, self.seed, check.id, self._memory).realized()
        missing = check.missing_trait(replace(probe.case, layer=probe.layer))
        if missing is not None:
            raise NotApplicable(missing)
        return probe


@contextmanager
def unchanged_surroundings() -> Iterator[None]:
    """Leave warnings, floating-point settings and global random states as they were, whatever a layer does."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002 - a layer may draw from it, and must not leak
    environment, collecting = dict(os.environ), gc.isenabled()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        (gc.enable if collecting else gc.disable)()
