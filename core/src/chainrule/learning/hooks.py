"""Hooks: what happens during a run.

A hook is an object with any of the four methods below, each taking any of the specified arguments by name. Progress
bars, early stopping, logs and checkpoints are hooks. A run calls those that it is given, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

from ..errors import PluginError

if TYPE_CHECKING:
    from .history import BatchRecord, EpochRecord
    from .run import Run

PREFIX = "chainrule_"
specification = pluggy.HookspecMarker("chainrule")


class Specifications:
    """The hooks of a run."""

    @specification
    def chainrule_training_started(self, run: Run) -> None:
        """Before the first step."""

    @specification
    def chainrule_batch_ended(self, run: Run, record: BatchRecord) -> None:
        """After each update of θ."""

    @specification
    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """After each epoch, when E_in, E_val and E_out are known."""

    @specification
    def chainrule_training_ended(self, run: Run, record: EpochRecord | None) -> None:
        """After the last epoch, a stop or an error; `record` is the last epoch's, None if none was finished.

        Every hook is called, though one raises an error.
        """


class _Manager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Take every method of the prefix as an implementation, so that a misspelt name is found and told."""
        return {} if name.startswith(PREFIX) and callable(getattr(plugin, name, None)) else None


class HookCaller:
    """Calls the hooks of one run, through a manager of its own.

    Raises:   PluginError for a hook that has no method of ours, one of an unknown name, or one with unknown arguments.
    """

    def __init__(self, hooks: Iterable[Any]) -> None:
        manager = _Manager("chainrule")
        manager.add_hookspecs(Specifications)
        known = [name for name in vars(Specifications) if name.startswith(PREFIX)]
        # pluggy calls the last registered first; a run calls its hooks in the order in which they were given.
        for i, hook in reversed(list(enumerate(hooks))):
            where = f"hook {type(hook).__name__}"
            if isinstance(hook, type):
                raise PluginError(f"hook {hook.__name__}", expected="an object", got="a class", hint="write Name(…)")
            try:
                manager.register(hook, name=f"{type(hook).__name__} ({i})")
                manager.check_pending()
            except pluggy.PluginValidationError as error:
                reason = " ".join(str(error).split())
                raise PluginError(f"{where}: {reason}", hint="the hooks are " + ", ".join(known)) from error
            except ValueError as error:
                raise PluginError(f"{where} was given twice") from error
            if not manager.get_hookcallers(hook):
                raise PluginError(f"{where} has no method of a hook", hint="define one of " + ", ".join(known))
        self._call = manager.hook

    def training_started(self, run: Run) -> None:
        """Call chainrule_training_started."""
        self._call.chainrule_training_started(run=run)

    def batch_ended(self, run: Run, record: BatchRecord) -> None:
        """Call chainrule_batch_ended."""
        self._call.chainrule_batch_ended(run=run, record=record)

    def epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Call chainrule_epoch_ended."""
        self._call.chainrule_epoch_ended(run=run, record=record)

    def training_ended(self, run: Run, record: EpochRecord | None) -> None:
        """Call chainrule_training_ended, of every hook: what one has to save is not lost when another fails."""
        ended = self._call.chainrule_training_ended.get_hookimpls()
        _call_each(ended[::-1], {"run": run, "record": record})  # pluggy, too, calls the last first


def _call_each(hooks: list[pluggy.HookImpl], given: dict[str, Any]) -> None:
    """Call all of them, whatever they raise: an error is the context of the next one."""
    if hooks:
        try:
            hooks[0].function(*[given[name] for name in hooks[0].argnames])
        finally:
            _call_each(hooks[1:], given)
