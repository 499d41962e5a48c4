"""The installed distributions: what they offer, which are damaged, and which are there twice."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .entries import Entry

PREFIX = "chainrule."


def normalized(distribution: str) -> str:
    """Return a distribution's name as PEP 503 compares it: `Chainrule_Conv` is `chainrule-conv`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed_entries() -> list[Entry]:
    """Read the entry points of every installed distribution, importing none of them."""
    found: dict[str, list[Entry]] = {}
    for name, version, points, _ in _readable():
        # The first on the path is the one that Python imports.
        found.setdefault(name, [Entry(*point, name, version) for point in points])
    return [entry for entries in found.values() for entry in entries]


@dataclass(frozen=True)
class Damaged:
    """A distribution whose metadata cannot be read, so that nothing of it is used.

    `name` is what its folder says, `reason` what is wrong; `offers` are the groups and names that it would offer, None
    where that cannot be read either.
    """

    name: str
    folder: Path
    reason: str
    offers: tuple[tuple[str, str], ...] | None

    def __str__(self) -> str:
        return f"{self.name}, {self.folder}: {self.reason}; install it again"

    def may_offer(self, group: str, name: str) -> bool:
        """Return whether a name could be one of its, `distribution:name` or the name alone."""
        owner, _, short = name.rpartition(":")
        return normalized(owner) == self.name or (not owner and (self.offers is None or (group, short) in self.offers))


def damaged_distributions() -> list[Damaged]:
    """Return the distributions that seem to offer something to chainrule, and cannot be read."""
    from importlib_metadata import Distribution

    found = []
    for folder in _folders():
        distribution = Distribution.at(folder)
        try:
            _read(distribution)
        except ValueError as error:
            if _concerns_chainrule(folder):
                offers = None
                with suppress(ValueError):
                    offers = tuple((group, name) for group, name, _ in _points(distribution))
                name = normalized(folder.stem.rpartition("-")[0] or folder.stem)
                found.append(Damaged(name, folder, str(error), offers))
    return found


@dataclass(frozen=True)
class Twice:
    """A distribution that is there more than once: the first of its copies is the one that is used."""

    name: str
    copies: tuple[tuple[str, Path], ...]
    """Version and place of each."""

    def __str__(self) -> str:
        (version, place), *others = self.copies
        unused = " and ".join(f"{other} in {where}" for other, where in others)
        return f"{self.name} is installed more than once: {version} in {place} is used, {unused} is not; uninstall one"


def twice_installed() -> list[Twice]:
    """Return the distributions that offer something to chainrule, and are there more than once."""
    copies: dict[str, dict[tuple[str, Path], bool]] = {}
    for name, version, points, place in _readable():
        copies.setdefault(name, {})[version, Path(os.path.realpath(place))] = bool(points)
    return [Twice(name, tuple(found)) for name, found in copies.items() if len(found) > 1 and any(found.values())]


class _Facts(NamedTuple):
    """What is read of a distribution: its name, its version, and its entry points of chainrule's groups."""

    name: str
    version: str
    points: list[tuple[str, str, str]]
    place: str


def _readable() -> Iterator[_Facts]:
    """Yield what is read of the distributions on the path; those that are damaged are left out."""
    import importlib_metadata  # read when first asked for, so that importing chainrule stays light

    for distribution in importlib_metadata.distributions():
        with suppress(ValueError):
            yield _read(distribution)


def _read(distribution: Any) -> _Facts:
    """Return what a distribution says of itself. Raises:   ValueError with what is wrong."""
    try:
        metadata = distribution.metadata
        name, version = metadata.get("Name"), metadata.get("Version")
    except UnicodeError as error:
        raise ValueError(f"its METADATA are not UTF-8: {error}") from error
    except Exception as error:  # importlib_metadata has had several for a file that is not there
        raise ValueError(f"its METADATA cannot be read: {error}") from error
    for field, value in (("Name", name), ("Version", version)):
        if not value:
            raise ValueError(f"its METADATA have no {field}")
    return _Facts(normalized(name), version, _points(distribution), str(distribution.locate_file("")))


def _points(distribution: Any) -> list[tuple[str, str, str]]:
    """Return group, name and value of the entry points. Raises:   ValueError where they cannot be read."""
    try:
        points = [point for point in distribution.entry_points if point.group.startswith(PREFIX)]
    except Exception as error:  # whatever a file that is no table of entry points makes its parser raise
        raise ValueError(f"its entry_points.txt cannot be read: {error}") from error
    return [(point.group.removeprefix(PREFIX), point.name, point.value) for point in points]


def _folders() -> Iterator[Path]:
    """Yield the folders of metadata on the path."""
    for place in dict.fromkeys(sys.path):
        try:
            entries = sorted(Path(place).iterdir())
        except OSError:  # a zip file, or nothing
            continue
        yield from (entry for entry in entries if entry.suffix in (".dist-info", ".egg-info") and entry.is_dir())


def _concerns_chainrule(folder: Path) -> bool:
    points = b""
    with suppress(OSError):
        points = (folder / "entry_points.txt").read_bytes()
    return b"[chainrule." in points or normalized(folder.name).startswith("chainrule")
