"""Whose fault an exception is: what a layer or a loss raises on legal input is its failure, not the suite's."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .outcomes import CaseError, Failure, NotApplicable

_OURS = Path(__file__).parent
_NUMPY = Path(np.__file__).parent


@contextmanager
def blame(what: str) -> Iterator[None]:
    """Turn what the block raises into a Failure that names the call and the author's own line."""
    try:
        yield
    except (Failure, NotApplicable, CaseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a layer that calls sys.exit has failed, too
        text = without_addresses(str(error))
        raise Failure(f"{what} raised {type(error).__name__}: {text}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Return the innermost line that is neither ours nor NumPy's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if _OURS not in path.parents and _NUMPY not in path.parents and path.name != "contextlib.py":
            return f"\nat {path.name}, line {frame.lineno}: {frame.line or frame.name}"
    return ""


def without_addresses(text: str) -> str:
    """Return a text without addresses of objects, which differ from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
