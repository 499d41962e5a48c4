"""`chainrule check TARGET`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from chainrule import SettingError
from chainrule.conformance import SUITE_VERSION, catalogue, check
from chainrule.conformance.report import summarize
from chainrule.conformance.resolve import find_target
from chainrule.conformance.rules import find_check

from . import junit
from .main import FAILURE
from .shell import command


@click.command("check")
@click.argument("targets", nargs=-1)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of everything that is drawn.")
@click.option("--only", multiple=True, metavar="PATTERN", help='A check, a family ("gradient"), or CASE::CHECK.')
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML.")
@click.option("--explain", metavar="CHECK_ID", help="Say what a check asks for, and why; run nothing.")
@click.option("--list", "list_checks", is_flag=True, help="List the catalogue; run nothing.")
def check_command(
    targets: tuple[str, ...],
    seed: int,
    only: tuple[str, ...],
    json_file: Path | None,
    junit_file: Path | None,
    explain: str | None,
    list_checks: bool,
) -> int:
    """Prove layers, losses and optimizers right: a distribution, a registered name, or module:attribute.

    Without a TARGET, everything that is installed. The exit status is 0 unless something failed.
    """
    if explain is not None:
        click.echo(_explanation(explain))
        return 0
    if list_checks:
        click.echo(_listing())
        return 0
    for file in (json_file, junit_file):
        if file is not None and not file.absolute().parent.is_dir():
            raise SettingError(str(file), expected="a file in a folder that exists", got=str(file.parent))
    found = [find_target(target, folder=Path()) for target in targets] or [find_target()]
    cases = list({case.id: case for target in found for case in target.cases}.values())
    unchecked = tuple(dict.fromkeys(name for target in found for name in target.unchecked))
    with _live(cases) as progress:
        report = check(cases, seed, only=only or None, progress=progress)
    report = replace(
        report, unchecked=unchecked, results=tuple(_with_command(result, targets, seed) for result in report.results)
    )
    click.echo(report)
    if json_file is not None:
        json_file.write_text(report.to_json() + "\n", encoding="utf-8")
    if junit_file is not None:
        junit_file.write_text(junit.to_xml(report), encoding="utf-8")
    return FAILURE if report.verdict == "failed" else 0


def _with_command(result: Any, targets: tuple[str, ...], seed: int) -> Any:
    """Return the result with the command that repeats it, in the place of a line of Python."""
    if not result.reproduce:
        return result
    one = f"{result.case_id}::{result.check_id}"
    return replace(result, reproduce=command("check", *targets, "--seed", seed, "--only", one))


@contextmanager
def _live(cases: list[Any]) -> Iterator[Any]:
    """Give what shows each result as it comes: a table that grows on a terminal, nothing elsewhere."""
    console = Console()
    if not console.is_terminal:
        yield None
        return
    results: dict[str, list[Any]] = {case.id: [] for case in cases}
    size = len(catalogue())

    def table() -> Table:
        grid = Table("case", "checks", "so far", box=None)
        begun = [name for name, own in results.items() if own]
        for name in begun[-12:]:
            grid.add_row(name, f"{len(results[name])}/{size}", summarize(tuple(results[name])))
        grid.add_row("", "", f"{len(begun)} of {len(cases)} cases")
        return grid

    with Live(get_renderable=table, console=console, transient=True, refresh_per_second=8):
        yield lambda case, result: results[case.id].append(result)


def _explanation(check_id: str) -> str:
    entry = find_check(check_id)
    applies = " and ".join(trait.name for trait in entry.applies)
    lines = [
        f"{entry.id} ({entry.tier}, since suite {entry.since})",
        f"\n{entry.rule}",
        f"\n{entry.why}" if entry.why else "",
        f"\napplies to: {applies}",
        f"needs:      {', '.join(entry.needs) or 'no other check'}",
        f"code:       {entry.function.__module__}.{entry.function.__name__}",
    ]
    return "\n".join(line for line in lines if line)


def _listing() -> str:
    checks = sorted(catalogue(), key=lambda entry: entry.id)
    width = max(len(entry.id) for entry in checks)
    lines = [f"{entry.id.ljust(width)}  {entry.tier.ljust(6)}  {entry.since}  {entry.rule}" for entry in checks]
    return "\n".join([f"suite {SUITE_VERSION}: {len(checks)} checks", *lines])
