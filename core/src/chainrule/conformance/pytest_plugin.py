"""The front for pytest: it collects only when asked, by `@conformance(cases)` or `--chainrule-conformance TARGET`.

pytest loads this module in every project of whoever has chainrule installed: it imports nothing that pytest has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .cases import Case
    from .engine import CaseRun
    from .rules import Check

OPTION = "--chainrule-conformance"


def conformance(cases: Case | Iterable[Case], seed: int = 0) -> Callable[[Callable[..., Any]], Any]:
    """Make a test of each case and check, with the id `case::check`; no fixture is needed.

        @conformance(CASES)
        def test_conformance(check):
            check()

    A function without a parameter will do: the check is then run before its body. A declared failure is a strict
    xfail; what does not apply is skipped, with the trait that is missing.

    Raises:   SettingError, UnknownNameError as `chainrule.conformance.check`.
    """
    params = [pytest.param(call, id=call.name) for call in calls(cases, seed)]

    def decorate(function: Callable[..., Any]) -> Any:
        names = list(signature(function).parameters)
        if names:
            return pytest.mark.parametrize(names[0], params)(function)

        def run(check: ConformanceCall) -> None:
            check()
            function()

        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        run.__signature__ = Signature([Parameter("check", Parameter.POSITIONAL_OR_KEYWORD)])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("check", params)(run)

    return decorate


def calls(cases: Case | Iterable[Case], seed: int = 0) -> Iterator[ConformanceCall]:
    """Yield a call for each case and check."""
    from .engine import CaseRun, as_cases
    from .rules import catalogue

    for case in as_cases(cases):
        run = CaseRun(case, seed)
        for check in catalogue():
            yield ConformanceCall(run, check)


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
        if result.status in ("not_applicable", "blocked"):
            pytest.skip(f"{result.status.replace('_', ' ')}: {result.message}")
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
        for call in calls(target.cases):
            items.append(ConformanceItem.from_parent(session, name=call.name, nodeid=f"{name}::{call.name}", call=call))
        for unchecked in target.unchecked:
            items.append(Unchecked.from_parent(session, name=unchecked, nodeid=f"{name}::{unchecked}"))


class Unchecked(pytest.Item):
    """A registered layer, loss or optimizer that no case has: it fails."""

    def runtest(self) -> None:
        """Fail."""
        pytest.fail(f"{self.name}: it is registered, and no case has it; add one to the distribution's cases", False)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what heads a failure."""
        return self.nodeid.partition("::")[0], None, self.name
