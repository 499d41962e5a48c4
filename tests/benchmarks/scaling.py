"""Memory and scaling of a training step beside PyTorch, as tables for the README.

    python scaling.py memory     # peak memory of a step, and the largest batch whose step fits in 2 GB
    python scaling.py batches    # time for each sample, by the size of the batch
    python scaling.py cores      # one core and two

Each figure comes from a process of its own. Memory is the peak of what is resident, less what was before the network
and its batch were made; it depends on no clock, and wants no quiet machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import statistics
import time
from pathlib import Path

from chainrule_peer import Chainrule, ChainruleNumba
from peers import BY_NAME, Torch

LIMIT = 2_000_000_000
BATCHES = (1, 4, 16, 64, 128, 256, 512)


class Capped:
    """Shards for no more than the cores that there are."""

    def shards(self, network, count):
        return super().shards(network, min(count, len(os.sched_getaffinity(0))))


class OurNumPy(Capped, Chainrule):
    """The layers as a user writes them."""


class OurNumba(Capped, ChainruleNumba):
    """The same with the compiled layers."""


PEERS = {"PyTorch": Torch, "NumPy": OurNumPy, "Numba": OurNumba}


def status(field):
    """Return bytes that the kernel counts of this process: VmRSS, or VmHWM, its peak."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def started(peer):
    """Return a peer that is set up for the cores of this process."""
    cores = len(os.sched_getaffinity(0))
    os.cpu_count = lambda: cores  # PyTorch is told to take so many threads
    made = PEERS[peer]()
    made.setup()
    return made


def peak(peer, name, batch):
    """Return the bytes that a step needs at most."""
    made = started(peer)
    small = BY_NAME["W2" if len(BY_NAME[name].shape) == 1 else name]  # what it frees would be counted as there before
    made.build(dataclasses.replace(small, batch=2))()  # imports, compiled kernels and thread pools
    before = status("VmRSS")
    step = made.build(dataclasses.replace(BY_NAME[name], batch=batch))
    step()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak, which may be that of the start
    step()
    return status("VmHWM") - before


def seconds(peer, name, batch):
    """Return the median time of a step, of seven rounds of at least 0.1 s."""
    step = started(peer).build(dataclasses.replace(BY_NAME[name], batch=batch))
    begun, times = time.perf_counter(), 0
    while time.perf_counter() - begun < 0.2 or times < 3:
        step()
        times += 1
    inner, found = max(1, times // 2), []
    for _ in range(7):
        begun = time.perf_counter()
        for _ in range(inner):
            step()
        found.append((time.perf_counter() - begun) / inner)
    return statistics.median(found)


def alone(function, *arguments, cores=2):
    """Return what a function returns in a process of its own, which has so many cores from its start.

    The threads of BLAS start with NumPy's import, and keep the cores that the process had then.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(function, arguments)
    finally:
        os.sched_setaffinity(0, before)


def largest(peer, name, batch, needed):
    """Return a batch whose step was seen to fit in the limit, and whose neighbour, 3 % larger, would not."""
    fits, found = 2 * batch, alone(peak, peer, name, 2 * batch)
    slope, short = (found - needed) / batch, 1.0
    for _ in range(5):
        tried = int(fits + short * (LIMIT - found) / slope)
        if tried < 1.03 * fits:
            break
        came = alone(peak, peer, name, tried)
        if came <= LIMIT:
            slope, fits, found = max((came - found) / (tried - fits), 1.0), tried, came
        else:
            slope = (came - found) / (tried - fits)
            short = 0.98
    return fits


def memory(names):
    """Show peaks, and the largest batches."""
    print("| | batch | " + " | ".join(f"{peer}: MB, largest batch in 2 GB" for peer in PEERS) + " |")
    print("|---" * (2 + len(PEERS)) + "|")
    for name in names:
        batch, cells = BY_NAME[name].batch, []
        for peer in PEERS:
            needed = alone(peak, peer, name, batch)
            cells.append(f"{needed / 1e6:.0f}, {largest(peer, name, batch, needed):,}")
        print(f"| {name} | {batch} | " + " | ".join(cells) + " |", flush=True)


def batches(names):
    """Show the time for each sample in µs."""
    print("| | " + " | ".join(f"B = {batch}" for batch in BATCHES) + " |\n" + "|---" * (1 + len(BATCHES)) + "|")
    for name in names:
        for peer in PEERS:
            each = [1e6 * alone(seconds, peer, name, batch) / batch for batch in BATCHES]
            print(f"| {name} {peer} | " + " | ".join(f"{value:.3g}" for value in each) + " |", flush=True)


def cores(names):
    """Show the time of a step on one core and on two, and how much faster two are."""
    print("| | " + " | ".join(f"{peer}: ms on 1, on 2, gain" for peer in PEERS) + " |\n" + "|---" * 4 + "|")
    for name in names:
        cells = []
        for peer in PEERS:
            one, two = (1e3 * alone(seconds, peer, name, BY_NAME[name].batch, cores=count) for count in (1, 2))
            cells.append(f"{one:.3g}, {two:.3g}, {one / two:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main():
    """Show one of the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=["memory", "batches", "cores"])
    parser.add_argument("--workloads", default="", help="comma separated")
    given = parser.parse_args()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if given.table == "memory":
        memory((given.workloads or "W4,W5,W6").split(","))
    elif given.table == "batches":
        batches((given.workloads or "W2,W5").split(","))
    else:
        cores((given.workloads or "W3,W4,W5,W6").split(","))


if __name__ == "__main__":
    main()
