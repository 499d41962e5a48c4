"""The kind of machine that a run is made on, as far as its bits follow from it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import warn
from chainrule.functions.threads import blas_at_most, blas_threads


def machine() -> dict[str, str]:
    """Return what numbers are rounded by: the processor's instructions, and the kernels of BLAS.

    Without threadpoolctl, BLAS is known by its name alone.
    """
    built: Any = np.show_config(mode="dicts")
    instructions = " ".join(built.get("SIMD Extensions", {}).get("found", []))
    kind = {"processor": f"{platform.machine()} {instructions}", "BLAS": built["Build Dependencies"]["blas"]["name"]}
    if find_spec("threadpoolctl") is not None:
        from threadpoolctl import threadpool_info

        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        for pool in sorted(pools, key=lambda pool: "numpy.libs" in pool["filepath"])[-1:]:  # others bring one of theirs
            kind["BLAS"] = f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}"
    return kind


def about(before: Mapping[str, Any], shards: int) -> dict[str, Any]:
    """Return what a checkpoint says of the machine, where that of a run that goes on had said `before`.

    One shard is computed on BLAS's own threads, whose number may show in its bits.
    """
    threads = min(_threads(before) or blas_threads(), blas_threads()) if shards == 1 else 0
    return {"machine": machine(), "blas_threads": threads}


def blas_as_before(before: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Hold BLAS to the threads of a run that goes on, if there are as many."""
    return blas_at_most(_threads(before)) if 0 < _threads(before) < blas_threads() else nullcontext()


def warn_of_another(folder: Path, before: Mapping[str, Any]) -> None:
    """Warn of a run that was made on another kind of machine; runs of before do not say on which."""
    ran, now = before.get("machine"), machine()
    differing = [name for name in now if ran.get(name) != now[name]] if isinstance(ran, dict) else []
    was = [f"{name} {ran.get(name, 'not known')}" for name in differing] if isinstance(ran, dict) else []
    goes_on = [f"{name} {now[name]}" for name in differing]
    if _threads(before) > blas_threads():
        was, goes_on = [*was, f"threads of BLAS {_threads(before)}"], [*goes_on, f"threads of BLAS {blas_threads()}"]
    if was:
        made, goes = ", ".join(was), ", ".join(goes_on)
        warn(f"{folder}: the run was made with {made}, and goes on with {goes}: the last bits may differ")


def _threads(before: Mapping[str, Any]) -> int:
    """Return BLAS's threads of a run of one shard, 0 where they show in no bit, or nobody knows them."""
    threads = before.get("blas_threads", 0)
    return threads if type(threads) is int else 0
