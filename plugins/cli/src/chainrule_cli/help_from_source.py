"""What a command says of itself in the list of commands, read from its source: to import them all takes longer."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path


def help_of(value: str) -> str | None:
    """Return the docstring of a command, `module:function`.

    None where the source does not tell: there is none, or the function is no command by a plain decorator, or one whose
    settings say something else of its help.
    """
    module, _, name = value.partition(":")
    file = _source(module)
    if file is None:
        return None
    try:
        nodes = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):  # whoever imports it will be told
        return None
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == name and _is_plain(node.decorator_list):
            return ast.get_docstring(node)
    return None


def _source(module: str) -> Path | None:
    """Return the file of a module, importing none of its packages."""
    package, *parts = module.split(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin)
    if parts:
        file = file.parent.joinpath(*parts).with_suffix(".py")
    return file if file.suffix == ".py" and file.is_file() else None


def _is_plain(decorators: list[ast.expr]) -> bool:
    """Return whether the first decorator is click's `command`, with a name at most."""
    first = decorators[0] if decorators else None
    if isinstance(first, ast.Call):
        first = None if first.keywords else first.func
    return isinstance(first, ast.Attribute) and ast.unparse(first) == "click.command"
