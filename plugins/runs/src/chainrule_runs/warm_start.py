"""A network that begins with the parameters of another run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from chainrule import Network, SettingError

from .saved import load


def start_from(network: Network, folder: Path | str, leave_out: Collection[str] = ()) -> int:
    """Give a network the parameters and statistics of a run by their names, and return how many arrays there were.

    Layers of either network that are in `leave_out`, by position or by name, keep their own start, or are not used. The
    optimizer begins anew. Raises:   SettingError for arrays that do not fit, and CheckpointError as `load`.
    """
    source = load(folder)
    own, theirs = (
        {name: view for name, view in each.state_views(each.state).items() if name.partition(".")[0] not in leave_out}
        for each in (network, source)
    )
    known = {name.partition(".")[0] for each in (network, source) for name in each.state_views(each.state)}
    for layer in leave_out:
        if layer not in known:
            raise SettingError("leave_out", expected=f"layers with parameters: {', '.join(sorted(known))}", got=layer)
    for name in sorted({*own, *theirs}):
        came, expected = (array.shape if array is not None else None for array in (theirs.get(name), own.get(name)))
        if came != expected:
            hint = f"leave the layer out: --leave-out {name.partition('.')[0]}"
            raise SettingError(f"{folder}: {name}", expected=expected or "none", got=came or "none", hint=hint)
    for name, view in own.items():
        view[...] = theirs[name]
    return len(own)
