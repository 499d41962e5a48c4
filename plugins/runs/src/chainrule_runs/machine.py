"""The kind of machine that a run is made on, as far as its bits follow from it."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import warn


def machine(shards: int) -> dict[str, str]:
    """Return what numbers are rounded by: the processor's instructions, and the kernels of BLAS.

    One shard is computed on BLAS's own threads, whose number shows in its bits, too. Without threadpoolctl, BLAS is
    known by its name alone.
    """
    built: Any = np.show_config(mode="dicts")
    instructions = " ".join(built.get("SIMD Extensions", {}).get("found", []))
    kind = {"processor": f"{platform.machine()} {instructions}", "BLAS": built["Build Dependencies"]["blas"]["name"]}
    if find_spec("threadpoolctl") is not None:
        from threadpoolctl import threadpool_info

        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        for pool in sorted(pools, key=lambda pool: "numpy.libs" in pool["filepath"])[-1:]:  # others bring one of theirs
            kind["BLAS"] = f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}"
            kind |= {"threads of BLAS": str(pool["num_threads"])} if shards == 1 else {}
    return kind


def warn_of_another(folder: Path, ran: Any, shards: int) -> None:
    """Warn of a run that was made on another kind of machine; runs of before do not say on which."""
    now = machine(shards)
    if not isinstance(ran, dict) or ran == now:
        return
    differing = [name for name in sorted({*ran, *now}) if ran.get(name) != now.get(name)]
    was = ", ".join(f"{name} {ran.get(name, 'not known')}" for name in differing)
    goes_on = ", ".join(f"{name} {now.get(name, 'not known')}" for name in differing)
    warn(f"{folder}: the run was made with {was}, and goes on with {goes_on}: the last bits may differ")
