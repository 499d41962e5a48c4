"""`chainrule sweep` and `chainrule compare`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from chainrule import SettingError, registry

from .compare import compare
from .points import points
from .sweep import MANIFEST, Sweep, cores, write
from .table import Row, as_csv, show

TABLE = "table.csv"
_PATH = click.Path(path_type=Path)
_SEVERAL = " May be given several times."


@click.command("sweep")
@click.argument("recipe")
@click.option("--grid", multiple=True, metavar="KEY=VALUE,VALUE", help="Every combination of such values." + _SEVERAL)
@click.option(
    "--random",
    multiple=True,
    metavar="KEY=LOW..HIGH",
    help="Draw such values; log:LOW..HIGH is on a logarithmic scale." + _SEVERAL,
)
@click.option("--trials", default=10, show_default=True, help="Draws of --random, for each combination of --grid.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@click.option("--out", type=_PATH, required=True, help="The folder of the sweep; the same command goes on with it.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at once: one for each core, unless it is given.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one key of the recipe." + _SEVERAL)
@click.option("--prefer", multiple=True, metavar="DISTRIBUTION", help="As train has it.")
def sweep_command(
    recipe: str,
    grid: tuple[str, ...],
    random: tuple[str, ...],
    trials: int,
    seed: int,
    out: Path,
    jobs: int | None,
    overrides: tuple[str, ...],
    prefer: tuple[str, ...],
) -> None:
    """Train RECIPE with other settings, each run in a process and a folder of its own, and show them as a table."""
    chosen = points(grid, random, trials, seed)
    opened = registry.find("recipes", "open")(recipe, overrides, prefer)
    sweep = Sweep.open(out, opened, chosen)
    there = sum(sweep.row(i) is not None for i in range(len(chosen)))
    click.echo(f"{out}: {len(chosen)} runs" + f", {there} of them are done" * (there > 0))

    def done(row: Row) -> None:
        own = " ".join(f"{key}={value}" for key, value in row.settings.items())
        click.echo(f"{row.name} is done: {own}")

    rows = sweep.run(jobs or cores(), done, lambda line: click.echo(line, err=True))
    write(out / TABLE, as_csv(rows))
    click.echo(f"\n{show(rows)}\n\nwritten to {out / TABLE}; a run is a folder: {_example(sweep)}")


def _example(sweep: Sweep) -> str:
    return shlex.join(["chainrule", "evaluate", str(sweep.folders[0])])


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", type=_PATH)
@click.option("--csv", "as_table", is_flag=True, help="Print it as csv, with all digits.")
def compare_command(runs: tuple[Path, ...], as_table: bool) -> None:
    """Show runs as a table: what their recipes say otherwise, E_in and E_out of the last epoch, epochs and seconds.

    The folder of a sweep stands for its runs.
    """
    folders = [f for run in runs for f in (Sweep.read(run).folders if (run / MANIFEST).exists() else [run])]
    if len({*folders}) < len(folders):
        raise SettingError("RUN", expected="each run once", got=[str(folder) for folder in folders])
    rows = compare(folders)
    click.echo(as_csv(rows) if as_table else show(rows), nl=not as_table)
