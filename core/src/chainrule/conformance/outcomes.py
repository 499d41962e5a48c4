"""How a check ends otherwise than by passing. The suite never uses `assert`: `python -O` would remove it."""

from __future__ import annotations


class Failure(Exception):
    """The layer or the loss is wrong; the message says where, with both numbers."""


class NotApplicable(Exception):
    """The check does not apply; the message names the trait that is missing."""


class CaseError(Exception):
    """The case or the suite is at fault, not what it is to prove."""
