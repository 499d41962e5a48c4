"""What a warning looks like on the command line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from chainrule import ChainruleWarning


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show each warning of chainrule once, as `Warning: …` on stderr, without the place in the code.

    On a terminal it is broken between words; elsewhere it is one line. Warnings of others look as ever.
    """
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, ChainruleWarning):
            before(message, category, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            click.echo(_broken(f"Warning: {message}"), err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ChainruleWarning)
        before, warnings.showwarning = warnings.showwarning, show
        yield


def _broken(text: str) -> str:
    if not sys.stderr.isatty():
        return text
    import shutil
    import textwrap  # both needed for a warning alone

    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
