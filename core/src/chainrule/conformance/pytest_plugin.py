"""The front for pytest: it collects only when asked, by `@conformance(cases)` or `--chainrule-conformance TARGET`.

pytest loads this module in every project of whoever has chainrule installed: it imports nothing that pytest has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .cases import Case
    from .engine import CaseRun
    from .rules import Check

OPTION = "--chainrule-conformance"
NOT_APPLICABLE = "chainrule conformance, not applicable: "
"""What the reason of a skip begins with where a check found out as it ran that it does not apply."""
LEFT_OUT = pytest.StashKey[int]()
"""How many checks were not collected, as their cases lack a trait that they need."""


def conformance(cases: Case | Iterable[Case], seed: int = 0) -> Callable[[Callable[..., Any]], Any]:
    """Make a test of each case and each check that applies to it, with the id `case::check`; no fixture is needed.

        @conformance(CASES)
        def test_conformance(check):
            check()

    A function without a parameter will do: the check is then run before its body. A declared failure is a strict
    xfail. What does not apply is no test, and a line at the end says how many checks those are.

    Raises:   SettingError, UnknownNameError as `chainrule.conformance.check`.
    """
    found, left_out = calls(cases, seed)
    params = [pytest.param(call, id=call.name) for call in found]

    def decorate(function: Callable[..., Any]) -> Any:
        names = list(signature(function).parameters)
        if names:
            function._chainrule_left_out = left_out  # type: ignore[attr-defined]
            return pytest.mark.parametrize(names[0], params)(function)

        def run(check: ConformanceCall) -> None:
            check()
            function()

        run._chainrule_left_out = left_out  # type: ignore[attr-defined]
        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        run.__signature__ = Signature([Parameter("check", Parameter.POSITIONAL_OR_KEYWORD)])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("check", params)(run)

    return decorate


def calls(cases: Case | Iterable[Case], seed: int = 0) -> tuple[list[ConformanceCall], int]:
    """Return a call for each case and each check that applies to it, and the number of those that do not."""
    from .engine import CaseRun, as_cases
    from .rules import catalogue

    listed, checks = as_cases(cases), catalogue()
    runs = [CaseRun(case, seed) for case in listed]
    found = [ConformanceCall(run, check) for run in runs for check in checks if check.missing_trait(run.case) is None]
    return found, len(listed) * len(checks) - len(found)


class ConformanceCall:
    """One check of one case: calling it passes, fails, skips or xfails a test."""

    def __init__(self, run: CaseRun, check: Check) -> None:
        self.run = run
        self.check = check
        self.name = f"{run.case.id}::{check.id}"

    def __repr__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Run the check, and its prerequisites unless they were run."""
        __tracebackhide__ = True
        result = self.run.result(self.check)
        if result.status == "not_applicable":
            pytest.skip(f"{NOT_APPLICABLE}{result.message}")
        if result.status == "blocked":
            pytest.skip(f"blocked: {result.message}")
        if result.status == "declared":
            pytest.xfail(result.message)
        if result.status == "failed" and result.tier == "should":
            pytest.xfail(f"should, which does not fail the suite: {result.message}")
        if result.status != "passed":
            pytest.fail(str(result), pytrace=False)


class ConformanceItem(pytest.Item):
    """A test that no file holds: one check of one case of a target."""

    def __init__(self, *, call: ConformanceCall, **parts: Any) -> None:
        super().__init__(**parts)
        self.call = call

    def runtest(self) -> None:
        """Run the check."""
        self.call()

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what heads a failure."""
        return self.nodeid.partition("::")[0], None, self.name


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("chainrule").addoption(
        OPTION,
        action="append",
        default=[],
        metavar="TARGET",
        help="run chainrule's conformance suite on a distribution, a registered name, or module:attribute",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[LEFT_OUT] = 0


@pytest.hookimpl(tryfirst=True)  # before -k and -m deselect
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each case and check of the targets that were asked for, and one for each unchecked name."""
    targets = config.getoption(OPTION)
    if not targets:
        return
    from ..errors import ChainruleError
    from .resolve import find_target

    for name in targets:
        try:
            target = find_target(name)
        except ChainruleError as error:
            raise pytest.UsageError(f"{OPTION} {name}: {error}") from error
        found, left_out = calls(target.cases)
        config.stash[LEFT_OUT] += left_out
        for call in found:
            items.append(ConformanceItem.from_parent(session, name=call.name, nodeid=f"{name}::{call.name}", call=call))
        for unchecked in target.unchecked:
            items.append(Unchecked.from_parent(session, name=unchecked, nodeid=f"{name}::{unchecked}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count what the collected functions leave out."""
    functions = {item.nodeid.partition("[")[0]: getattr(item, "function", None) for item in session.items}
    session.config.stash[LEFT_OUT] += sum(getattr(found, "_chainrule_left_out", 0) for found in functions.values())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the count of a worker of pytest-xdist to its controller, which collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["chainrule_left_out"] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count of a worker; each of them collects the same."""
    left_out = getattr(node, "workeroutput", {}).get("chainrule_left_out", 0)
    node.config.stash[LEFT_OUT] = max(node.config.stash[LEFT_OUT], left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count a check that found out as it ran that it does not apply neither as passed nor as skipped."""
    return ("", "", "NOT APPLICABLE") if _does_not_apply(report) else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many checks do not apply."""
    count = config.stash[LEFT_OUT] + sum(map(_does_not_apply, terminalreporter.stats.get("", ())))
    if count:
        terminalreporter.write_line(f"chainrule conformance: {count:,} checks do not apply to their cases")


def _does_not_apply(report: Any) -> bool:
    skipped = getattr(report, "skipped", False) and isinstance(report.longrepr, tuple)
    return skipped and report.longrepr[2].startswith(f"Skipped: {NOT_APPLICABLE}")


class Unchecked(pytest.Item):
    """A registered layer, loss or optimizer that no case has: it fails."""

    def runtest(self) -> None:
        """Fail."""
        pytest.fail(f"{self.name}: it is registered, and no case has it; add one to the distribution's cases", False)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what heads a failure."""
        return self.nodeid.partition("::")[0], None, self.name
