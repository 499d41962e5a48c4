"""One name that one distribution offers, and how its object is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from ..errors import PluginError
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..learning.metrics import Metric
from ..learning.optimizers import Optimizer, Schedule
from ..learning.preparation import Preparation

NOUNS = {
    "layers": "layer",
    "compositions": "composition",
    "losses": "loss",
    "optimizers": "optimizer",
    "schedules": "schedule",
    "preparations": "preparation",
    "metrics": "metric",
    "files": "reader of files",
    "hooks": "hook",
    "commands": "command",
    "runs": "part of runs",
    "recipes": "reader of recipes",
    "conformance": "cases",
    "engines": "engine",
    "alternatives": "alternative",
    "rewritings": "rewriting",
}
KINDS: Mapping[str, type] = {
    "layers": Layer,
    "losses": Loss,
    "optimizers": Optimizer,
    "schedules": Schedule,
    "preparations": Preparation,
    "metrics": Metric,
}
"""What a group's entries must be subclasses of; an entry of any other group is anything callable."""
ALTERNATIVES = "alternatives"
"""The group whose entries say that their distribution stands back: its short names are taken by preference alone."""
DATA = {"conformance", ALTERNATIVES}
"""The groups whose entries may be data."""


@dataclass(frozen=True)
class Entry:
    """One name that one distribution offers; `value` is its `module:attribute`, or `module`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution}:{self.name}"

    def load(self) -> Any:
        """Import and return the object. Raises:   PluginError, whatever the import raised, SystemExit too."""
        where = f"{NOUNS.get(self.group, self.group)} {self.name!r}"
        source = f" of {self.distribution} {self.version} ({self.value})" if self.distribution else ""
        blame = {"distribution": self.distribution, "version": self.version}
        try:
            found = _resolve(self.value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plug-in may call sys.exit on import; it must not end the program
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            hint = "write distribution:name, or module:Class of a module that can be imported"
            if self.distribution:
                hint = f"update or uninstall {self.distribution}; the other plug-ins work"
            raise PluginError(f"{where}{source} cannot be loaded: {reason}", hint=hint, **blame) from error
        kind = KINDS.get(self.group)
        own_composition = self.group == "layers" and not self.distribution and isinstance(found, FunctionType)
        if kind is not None and not own_composition and not (isinstance(found, type) and issubclass(found, kind)):
            expected = f"a subclass of {kind.__name__}"
            raise PluginError(f"{where}{source}", expected=expected, got=repr(found), **blame)
        if self.group not in DATA and not callable(found):
            raise PluginError(f"{where}{source}", expected="a class or a function", got=repr(found), **blame)
        return found


def _resolve(value: str) -> Any:
    module, _, attribute = value.partition(":")
    found: Any = importlib.import_module(module.strip())
    for part in filter(None, attribute.split("[")[0].strip().split(".")):  # none: the entry is the module itself
        found = getattr(found, part)
    return found
