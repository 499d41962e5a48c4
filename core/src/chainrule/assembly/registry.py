"""Entry points: find what installed distributions offer, load it on first use, and say who is to blame.

A distribution offers nouns under the groups `chainrule.layers`, `chainrule.losses`, `chainrule.optimizers`,
`chainrule.schedules`, `chainrule.data`, `chainrule.preparations`, `chainrule.metrics`, `chainrule.hooks`,
`chainrule.compositions`, `chainrule.engines`, … Listing imports none of them. Those of `chainrule.files`
are called by the end of a file's name, `.csv`, and read such files. A distribution that offers other kernels under
known names has an entry in `chainrule.alternatives` as well, and changes nothing until it is preferred; nor do its
`chainrule.rewritings`, which compute several layers of a chain as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ..errors import PluginError, SettingError, UnknownNameError
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..functions.rewriting import Rewriting
from ..learning.metrics import Metric
from ..learning.optimizers import Optimizer, Schedule
from . import beside, offers
from .entries import ALTERNATIVES, KINDS as KINDS, NOUNS as NOUNS, Entry as Entry
from .installed import (
    Damaged,
    Twice,
    damaged_distributions,
    installed_entries as installed_entries,
    normalized as normalized,
    twice_installed,
)


class Registry:
    """Names, and who offers them.

    `discover` returns the entries, and is called when something is first asked for; `Registry(list)` is empty.
    """

    def __init__(self, discover: Callable[[], Iterable[Entry]] = installed_entries) -> None:
        self._discover = discover
        self._installed = discover is installed_entries
        self._found: list[Entry] | None = None
        self._loaded: dict[Entry, Any] = {}

    def entries(self, group: str | None = None) -> list[Entry]:
        """Return the entries of a group, or all, in alphabetical order: the order of installation means nothing."""
        if self._found is None:
            self._found = sorted(set(self._discover()), key=lambda e: (e.group, e.name, e.distribution, e.value))
        return [entry for entry in self._found if group in (None, entry.group)]

    def refresh(self) -> None:
        """Forget what was found and loaded, so that newly installed distributions are seen."""
        self._found = None
        self._loaded.clear()

    def names(self, group: str) -> list[str]:
        """Return the names of a group."""
        return sorted({entry.name for entry in self.entries(group)})

    def broken(self, group: str) -> dict[Entry, PluginError]:
        """Load every entry of a group, and return those that fail with the reason."""
        failures = {}
        for entry in self.entries(group):
            try:
                self.load(entry)
            except PluginError as error:
                failures[entry] = error
        return failures

    def damaged(self) -> list[Damaged]:
        """Return the distributions whose metadata cannot be read."""
        return damaged_distributions() if self._installed else []

    def twice(self) -> list[Twice]:
        """Return the distributions that are installed more than once."""
        return twice_installed() if self._installed else []

    def load(self, entry: Entry) -> Any:
        """Return the entry's object, imported once. Raises:   PluginError."""
        if entry not in self._loaded:
            self._loaded[entry] = entry.load()
        return self._loaded[entry]

    def find(self, group: str, name: str, prefer: Sequence[str] = (), folder: Path | None = None) -> Any:
        """Return the object of a name.

        `name` is a short name (`conv2d`), a distribution's (`chainrule-conv:conv2d`), or `module:Class` for what no
        distribution offers, of a module that lies in `folder`, or else of an installed one. Where two distributions
        offer a short name, the first of them in `prefer` is taken, or the one that does not stand back with an entry in
        `chainrule.alternatives`. Under the name of a layer may stand a composition: a function of settings that returns
        a table of layers, as a recipe writes it, offered in `chainrule.compositions`.

        Raises:   UnknownNameError with near matches, the known names and the plug-ins that failed; PluginError when the
                  plug-in cannot be loaded, or two offer the name and no preference says which.
        """
        if not isinstance(name, str) or not name:
            raise SettingError(f"a name in {group}", expected="a string", got=name)
        entry = self.entry(group, name, prefer)
        if entry is None and group == "layers":
            entry = self.entry("compositions", name, prefer)
        if entry is not None:
            return self.load(entry)
        if ":" in name:
            return self._module_attribute(group, name, folder)
        raise self._unknown(group, name)

    def entry(self, group: str, name: str, prefer: Sequence[str] = ()) -> Entry | None:
        """Return who offers a name, None where no distribution does; it is not loaded.

        Raises:   PluginError when two offer it, and no preference says which.
        """
        _check_prefer(prefer)
        owner, colon, short = name.rpartition(":")
        offers = [
            entry
            for entry in self.entries(group)
            if entry.name == short and (not colon or entry.distribution == normalized(owner))
        ]
        return self._preferred(group, name, offers, prefer) if len(offers) > 1 else next(iter(offers), None)

    def rewritings(self, prefer: Sequence[str]) -> list[Rewriting]:
        """Return the rewritings that the preferred distributions offer, in the order of preference.

        Raises:   PluginError; SettingError.
        """
        return [self.load(entry) for entry in self.rewriting_entries(prefer)]

    def rewriting_entries(self, prefer: Sequence[str]) -> list[Entry]:
        """Return who offers these. Raises:   SettingError."""
        _check_prefer(prefer)
        owners = dict.fromkeys(map(normalized, prefer))
        return [entry for owner in owners for entry in self.entries("rewritings") if entry.distribution == owner]

    def stands_back(self, distribution: str) -> bool:
        """Return whether a distribution's short names are taken only where it is preferred."""
        return any(entry.distribution == distribution for entry in self.entries(ALTERNATIVES))

    def _preferred(self, group: str, name: str, offers: list[Entry], prefer: Sequence[str]) -> Entry:
        offering = {entry.distribution for entry in offers}
        wanted = next((distribution for distribution in map(normalized, prefer) if distribution in offering), None)
        preferred = [entry for entry in offers if entry.distribution == wanted]
        quarrel = preferred or [entry for entry in offers if not self.stands_back(entry.distribution)] or offers
        first = quarrel[0]
        if len(quarrel) == 1:
            return first
        if {entry.distribution for entry in quarrel} == {first.distribution}:
            values = " and ".join(entry.value for entry in quarrel)
            hint = f'write "{first.value}" for the first, or update or uninstall {first.distribution}'
            raise PluginError(f"{name!r} in {group} is offered twice by {first.distribution}: {values}", hint=hint)
        names = " and ".join(f"{entry.distribution} {entry.version}" for entry in quarrel)
        hint = f'write "{first}", or set prefer = ["{first.distribution}"]'
        raise PluginError(f"{name!r} in {group} is offered by {names}", hint=hint)

    def located(self, module: str, folder: Path | None) -> str:
        """Return the name by which a module is imported: that of a file in the folder, or else of an installed module.

        A plug-in is never taken from a folder, whatever lies there under its name.
        """
        plug_ins = {"chainrule", *(entry.value.partition(":")[0].partition(".")[0] for entry in self.entries())}
        if folder is None or module.partition(".")[0] in plug_ins:
            return module
        return beside.find(folder, module) or module

    def _module_attribute(self, group: str, name: str, folder: Path | None) -> Any:
        module, _, attribute = name.rpartition(":")
        if not all(part.isidentifier() for part in module.split(".")):
            raise self._unknown(group, name)
        value = f"{self.located(module, folder)}:{attribute}"
        try:
            return Entry(group, name, value, distribution="", version="").load()
        except PluginError as error:
            if normalized(module) in self._distributions() or self.missing(module.partition(".")[0]):
                raise self._unknown(group, name) from None
            error.hint = beside.advice(folder, error.__cause__) or error.hint
            raise

    def _unknown(self, group: str, name: str) -> UnknownNameError:
        import difflib  # needed for this message alone

        known = sorted([*self.names(group), *(self.names("compositions") if group == "layers" else ())])
        near = difflib.get_close_matches(name.rpartition(":")[2].lower(), known, n=3, cutoff=0.6)
        brought = self.bringing(group, name) or self.missing(name.rpartition(":")[0].partition(".")[0])
        damaged = [entry for entry in self.damaged() if entry.may_offer(group, name) and str(entry) not in brought]
        parts = [brought] if brought else ([f"did you mean {' or '.join(near)}?"] if near else [])
        if known or not brought:
            parts.append(f"known: {', '.join(known)}" if known else self.how_to_get(group))
        parts += [f"failed: {error}" for error in [*self.broken(group).values(), *damaged]]
        where = f"no plug-in offers {name!r} in {group}"
        return UnknownNameError(where, near=near, known=known, hint="; ".join(parts))

    def bringing(self, group: str, name: str) -> str:
        """Return which distribution of this project would bring a name, and how; an empty string where none would."""
        owner, _, short = name.rpartition(":")
        for distribution in offers.bringing(group, short):
            if distribution not in self._distributions() and (not owner or normalized(owner) == distribution):
                return f"{distribution} brings it: {offers.install(distribution)}"
        return ""

    def missing(self, distribution: str) -> str:
        """Return why a distribution cannot be used, and what to do; an empty string where nothing is known of it."""
        name = normalized(distribution)
        if name in {"", "chainrule", *self._distributions()}:
            return ""
        damaged = [f"failed: {entry}" for entry in self.damaged() if entry.name == name]
        if damaged or name not in offers.known():
            return "; ".join(damaged)
        return f"{name} is not installed: {offers.install(name)}"

    def _distributions(self) -> set[str]:
        return {entry.distribution for entry in self.entries()}

    def how_to_get(self, group: str) -> str:
        """Return what would bring something to a group that has nothing."""
        packages = offers.bringing(group)
        return f"no {group} are installed" + (f": {offers.install(*packages)}, or another plug-in" if packages else "")


def _check_prefer(prefer: Any) -> None:
    if isinstance(prefer, str) or not all(isinstance(entry, str) for entry in prefer):
        raise SettingError("prefer", expected="a list of distributions", got=prefer)


default = Registry()
"""The registry of what is installed."""


def find(group: str, name: str, prefer: Sequence[str] = (), folder: Path | None = None) -> Any:
    """Return what the installed distributions offer under a name: `find("layers", "conv2d")`. See `Registry.find`."""
    return default.find(group, name, prefer, folder)


def rewritings(prefer: Sequence[str]) -> list[Rewriting]:
    """Return what preferred distributions compute as one: `Network(…, rewritings=rewritings(["chainrule-numba"]))`."""
    return default.rewritings(prefer)


def construct(target: Callable[..., Any], name: str, settings: Mapping[str, Any], further: Sequence[str] = ()) -> Any:
    """Return `target(**settings)`; `further` settings are known, and dealt with elsewhere.

    Raises:   SettingError for a setting that is unknown or missing. Of a dataclass's field that is missing it says what
              to try first, if the field does: `field(metadata={"try": 0.1})`.
    """
    import inspect  # slow to import, and needed for plug-ins alone

    parameters = inspect.signature(target).parameters
    splat = [p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL]
    anything = [p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD]
    known = [*parameters, *further]
    takes = f"{name} takes " + (", ".join(known) or "no settings")
    for key in settings:
        if key not in parameters and not anything:
            import difflib

            near = difflib.get_close_matches(key, known, n=1)
            raise SettingError(f"{key}: {name} has no such setting", hint=f"did you mean {near[0]}?" if near else takes)
    for key, parameter in parameters.items():
        if key not in settings and key not in splat + anything and parameter.default is parameter.empty:
            raise SettingError(f"{key}: {name} needs this setting", hint=_first_try(target, key) + takes)
    if splat and not isinstance(settings.get(splat[0], ()), list | tuple):
        raise SettingError(splat[0], expected="a list", got=settings[splat[0]])
    keywords = {key: value for key, value in settings.items() if key not in splat}
    return target(*(settings.get(splat[0], ()) if splat else ()), **keywords)


def _first_try(target: Callable[..., Any], key: str) -> str:
    declared = fields(target) if is_dataclass(target) else ()
    first = [field.metadata["try"] for field in declared if field.name == key and "try" in field.metadata]
    return f"try {key} = {first[0]!r} first; " if first else ""


def layer(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Layer:
    """Return a layer by name: `layer("conv2d", filters=8, kernel=3)`. Raises:   as `Registry.find`; SettingError."""
    found = construct(find("layers", name, prefer), name, settings)
    if isinstance(found, Layer):
        return found
    from .recipe_tables import build_layer  # a composition's table, which it builds

    return build_layer(found, prefer)


def loss(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Loss:
    """Return a loss by name: `loss("multiclass_hinge", margin=2.0)`. Raises:   as `layer`."""
    found: Loss = construct(find("losses", name, prefer), name, settings)
    return found


def optimizer(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Optimizer:
    """Return an optimizer by name: `optimizer("sgd", learning_rate=0.1)`. Raises:   as `layer`."""
    found: Optimizer = construct(find("optimizers", name, prefer), name, settings)
    return found


def schedule(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Schedule:
    """Return a schedule by name: `schedule("cosine", start=0.1, steps=1000)`. Raises:   as `layer`."""
    found: Schedule = construct(find("schedules", name, prefer), name, settings)
    return found


def metric(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Metric:
    """Return a metric by name: `metric("f1", average="macro")`. Raises:   as `layer`."""
    found: Metric = construct(find("metrics", name, prefer), name, settings)
    return found
