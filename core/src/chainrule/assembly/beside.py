"""Modules that lie beside a recipe: their folder is a package of its own, and is not put on `sys.path`.

So nothing is imported from there but what a recipe names, and what that imports by a dot, `from .helper import …`: a
`json.py` beside a recipe is found by nobody who asks for Python's. The package's name holds the folder's path,
`chainrule.assembly.beside._2fhome_2fme`; pickles and worker processes find the same modules by importing them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__path__: list[str] = []
"""It makes this module a package, whose modules are the folders."""


def package(folder: Path | str) -> str:
    """Return the name of the package that a folder is: each byte but letters and digits is `_` and two digits there."""
    path = os.fsencode(os.path.realpath(folder))
    return f"{__name__}." + re.sub(rb"[^A-Za-z0-9]", lambda found: b"_%02x" % found[0][0], path).decode("ascii")


def split(module: str) -> tuple[Path | None, str]:
    """Return the folder of a module, and its name there; None and the same name for a module of any other place."""
    coded, _, name = module.removeprefix(f"{__name__}.").partition(".")
    folder = _decoded(coded) if name and module.startswith(f"{__name__}.") else None
    return (None, module) if folder is None else (Path(folder), name)


def find(folder: Path | str, module: str) -> str | None:
    """Return the name by which a module of a folder is imported, None where it has none; nothing is imported.

    What a program has imported from there by its plain name keeps that name: its classes are not made twice.
    """
    parts, places = module.split("."), [os.path.realpath(folder)]
    spec = None
    for part in parts:
        spec = PathFinder.find_spec(part, places) if part.isidentifier() else None
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None:  # a folder without __init__.py holds modules, and is none
        return None
    own = getattr(sys.modules.get(module), "__file__", None)
    same = own is not None and os.path.realpath(own) == os.path.realpath(spec.origin)
    return module if same else f"{package(folder)}.{module}"


def advice(folder: Path | str | None, error: BaseException | None) -> str | None:
    """Return what to do about a module that could not be imported though it lies in the folder."""
    if folder is None or not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    place, missing = split(error.name)
    if place is not None:
        return f"{place} has no module {missing}"
    name = error.name.partition(".")[0]
    if find(folder, name) is None:
        return None
    return f"{name} lies beside it, and is imported by a dot: from .{name} import …"


class _Folders:
    """Finds the package of a folder: it runs no `__init__.py`, and has the folder's modules."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /) -> ModuleSpec | None:
        parent, _, coded = fullname.rpartition(".")
        folder = _decoded(coded) if parent == __name__ else None
        if folder is None:
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [folder]
        return spec


def _decoded(coded: str) -> str | None:
    """Return the folder of a package's last name, None for a name that is none."""
    path = re.sub(rb"_([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(coded))
    folder = os.fsdecode(path)
    return folder if os.path.isabs(folder) and package(folder) == f"{__name__}.{coded}" else None


sys.meta_path.append(_Folders)
