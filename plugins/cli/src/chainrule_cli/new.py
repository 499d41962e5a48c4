"""`chainrule new NAME`."""

from __future__ import annotations

import re
import sys
from importlib import metadata, resources
from importlib.machinery import PathFinder
from importlib.resources.abc import Traversable
from keyword import iskeyword
from pathlib import Path
from shlex import quote
from string import Template

import click

from chainrule import SettingError, registry

USED = {"any", "array", "conformance", "elementwise", "layer_case", "sigmoid"}
"""Names that the template uses itself."""


@click.command
@click.argument("distribution", metavar="NAME")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder in which the package's own folder is made.  [default: this one]",
)
def new(distribution: str, into: Path) -> None:
    """Write a package of a layer of your own: project file, layer, cases, test and readme.

    The layer takes its name from the package: that of chainrule-swish is swish, its class Swish. It passes the suite
    as it is written. Files that are there already are left as they are.
    """
    module = _module_of(distribution)
    layer = _layer_of(distribution, module)
    names = {"distribution": distribution, "module": module, "layer": layer, "Layer": _class_of(layer)}
    placed = {"module": module, "layer.py": f"{layer}.py"}
    folder = into / distribution
    template = resources.files(__package__) / "template"
    for source, relative in _files(template, Path()):
        target = folder.joinpath(*(placed.get(part, part) for part in relative.with_suffix("").parts))
        shown = target.relative_to(into) if into != Path() else target
        if target.exists():
            click.echo(f"kept     {shown} (it was there)")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8")).substitute(names)
        target.write_text(text, encoding="utf-8")
        click.echo(f"written  {shown}")
    install = quote(show_folder(folder))
    click.echo(
        "\nTo go on:\n"
        f"  install it, and prove it right    pip install {install} && chainrule check {distribution}\n"
        f"  make it a layer of your own       {folder / 'README.md'} says where"
    )


def show_folder(folder: Path) -> str:
    """Return a folder as pip takes it: without ./ in front, pip would ask an index for a distribution of that name."""
    return str(folder) if folder.is_absolute() else f"./{folder}"


def _module_of(distribution: str) -> str:
    """Return the name of the package to import. Raises:   SettingError for a name that makes none, or is taken."""
    module = distribution.replace("-", "_").replace(".", "_").lower()
    if (
        not re.fullmatch(r"[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*", distribution)
        or not module.isidentifier()
        or iskeyword(module)
    ):
        expected = "a name of letters, digits and hyphens that begins with a letter, such as chainrule-swish"
        raise SettingError("NAME", expected=expected, got=distribution)
    hint = None
    if _is_installed(distribution):
        hint = "a distribution of that name is installed"
    elif _is_importable(module):
        hint = f"import {module} would mean one of the two: there is a module of that name"
    if hint is not None:
        raise SettingError("NAME", expected="a name of your own", got=distribution, hint=hint)
    return module


def _is_installed(distribution: str) -> bool:
    if registry.normalized(distribution) in {entry.distribution for entry in registry.default.entries()}:
        return True
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _is_importable(module: str) -> bool:
    """Return whether there is a module of that name; a mere folder, as this command makes, is none."""
    spec = PathFinder.find_spec(module)
    return module in sys.stdlib_module_names or (spec is not None and spec.origin is not None)


def _layer_of(distribution: str, module: str) -> str:
    """Return the name of the layer: the package's own, without chainrule's in front where a name is left.

    Raises:   SettingError where neither name can be a layer's, and for that of a layer which is installed: no recipe
              could say any more which it means.
    """
    own = module.removeprefix("chainrule_")
    layer = next(filter(_can_be_a_layer, (own, module)), None)
    if layer is None:
        hint = f"write chainrule-{distribution}: Python or the package itself has {own} already"
        raise SettingError("NAME", expected="a name that a layer can have", got=distribution, hint=hint)
    others = [entry.distribution for entry in registry.default.entries("layers") if entry.name == layer]
    if others:
        hint = f"{others[0]} has a layer {layer}"
        raise SettingError("NAME", expected="a name that no layer has yet", got=distribution, hint=hint)
    return layer


def _can_be_a_layer(name: str) -> bool:
    """Return whether a name, and that of its class, are neither Python's nor the template's."""
    return name.isidentifier() and not iskeyword(name) and not iskeyword(_class_of(name)) and name not in USED


def _class_of(layer: str) -> str:
    """Return the name of the layer's class: SoftSign for soft_sign."""
    return "".join(word.capitalize() for word in layer.split("_"))


def _files(folder: Traversable, path: Path) -> list[tuple[Traversable, Path]]:
    """Return every file of the template with its path; each has .txt behind its name, so that no tool reads it."""
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _files(entry, path / entry.name)
        elif entry.name.endswith(".txt"):
            found.append((entry, path / entry.name))
    return found
