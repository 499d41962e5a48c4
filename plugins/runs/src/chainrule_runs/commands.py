"""`chainrule predict`, `chainrule evaluate` and `chainrule generate`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from .evaluation import evaluate, show
from .generation import generate
from .inputs import own_part, read_evaluated, read_samples
from .prediction import check_out, check_probabilities, write, write_table
from .saved import open_saved

_PATH = click.Path(path_type=Path)


@click.command("predict")
@click.argument("run", type=_PATH)
@click.argument("source", metavar="INPUT.{csv,npz,idx}", type=_PATH)
@click.option("--out", type=_PATH, help="A .csv or .npz file; without it, a table goes to standard output.")
@click.option("--target", help="The column of a table to leave out, where the run's recipe does not name it.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="A column of the table to write beside; repeatable.")
@click.option("--probabilities", is_flag=True, help="Write the probability of each class, too.")
def predict_command(
    run: Path, source: Path, out: Path | None, target: str | None, keep: tuple[str, ...], probabilities: bool
) -> None:
    """Show what the network of RUN decides for each sample of a file, and its scores.

    A folder is read as the run's own data were.
    """
    if out is not None:
        check_out(out, source)
    saved = open_saved(run)
    if probabilities:
        check_probabilities(saved)
    samples = read_samples(saved, source, target, keep)
    x, kept = samples.x, samples.kept or {}
    if out is None:
        write_table(saved, x, sys.stdout, kept, probabilities)
        sys.stdout.flush()  # here, where a pipe that is closed is no error
    else:
        write(saved, x, out, kept, probabilities)
        click.echo(f"{len(x):,} samples: {out}")


@click.command("evaluate")
@click.argument("run", type=_PATH)
@click.argument("source", metavar="[DATA]", type=_PATH, required=False)
@click.option(
    "--part", type=click.Choice(["test", "train", "validation"]), help="Of the run's own data, where no DATA is given."
)
@click.option("--target", help="The column of a table's targets, where the run's recipe does not say.")
@click.option("--labels", type=_PATH, help="The file of the labels beside one of idx pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def evaluate_command(
    run: Path, source: Path | None, part: str | None, target: str | None, labels: Path | None, as_json: bool
) -> None:
    """Show loss, error, each class and the confusion matrix of the network of RUN on DATA.

    DATA is a file of .csv, .npz or .idx; without it, it is the test part of the run's own data.
    """
    if source is not None and part is not None:
        raise click.UsageError("--part is of the run's own data: leave it out, or DATA")
    if source is None and (target is not None or labels is not None):
        raise click.UsageError("--target and --labels are of a file: name one as DATA")
    saved = open_saved(run)
    report = evaluate(
        saved, read_evaluated(saved, source, target, labels) if source is not None else own_part(saved, part)
    )
    if not as_json:
        click.echo(show(report))
        return
    confusion = None if report.confusion is None else report.confusion.tolist()
    found = {"samples": report.samples, **asdict(report.evaluation), "confusion": confusion}
    if not report.evaluation.metrics:
        del found["metrics"]
    click.echo(json.dumps({**found, "classes": [asdict(scores) for scores in report.table]}))


@click.command("generate")
@click.argument("run", type=_PATH)
@click.argument("text")
@click.option("--length", default=200, show_default=True, type=click.IntRange(1), help="Characters to add.")
@click.option(
    "--temperature",
    default=1.0,
    show_default=True,
    help="Below 1, likely characters are drawn more often than the network thinks; 0 takes the likeliest.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the characters that are drawn.")
def generate_command(run: Path, text: str, length: int, temperature: float, seed: int) -> None:
    """Continue TEXT with the network of RUN, which was trained on a text."""
    added = generate(open_saved(run), text, length, temperature, seed)
    click.echo(text, nl=False)
    for character in added:
        click.echo(character, nl=False)
    click.echo()
