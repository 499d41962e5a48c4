"""Whether a class or a function can be found again by its module and name, as pickle and recipes must find it."""

from __future__ import annotations

import sys
from typing import Any


def importable(found: Any) -> bool:
    """Return whether `module.name` leads back to the object; what is defined inside a function has no such name."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    name = getattr(found, "__qualname__", "<none>")
    return module is not None and "." not in name and getattr(module, name, None) is found


def home_of(found: Any) -> str:
    """Return the shortest package that has the object under its name: chainrule_affine, not chainrule_affine.relu."""
    parts = found.__module__.split(".")
    for i in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:i]))
        if module is not None and getattr(module, found.__qualname__, None) is found:
            return ".".join(parts[:i])
    return str(found.__module__)
