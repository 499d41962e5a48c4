"""Commands to paste."""

from __future__ import annotations

import os
import shlex


def command(*words: object) -> str:
    """Return a command of chainrule as a shell takes it, behind `uv run` where that started this one."""
    return shlex.join([*(["uv", "run"] if "UV" in os.environ else []), "chainrule", *map(str, words)])
