"""A data set on disk that is larger than the memory which training takes of its own.

    python disk.py --gb 8 --folder /tmp --seconds 30

A network 784-512-256-10 is trained in batches of 128 on rows in a shuffled order: first on what fits in memory, at the
speed of the network, then on the file, of which the system was told to keep nothing in memory. The rows alone, read in
such an order, are the speed of the disk. Memory of its own is RssAnon: pages of the mapped file do not count.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

import chainrule
from chainrule import SGD, Network, train
from chainrule_affine import Affine, AffineReLU
from chainrule_losses import CrossEntropy

WIDTH, BATCH, CHUNK = 784, 128, 1 << 15


def write(file, rows):
    """Write so many rows, a chunk at a time, unless they are there."""
    if not file.exists() or file.stat().st_size != 4 * rows * WIDTH:
        chunk = np.random.default_rng(0).standard_normal((CHUNK, WIDTH), np.float32)
        with file.open("wb") as out:
            for start in range(0, rows, CHUNK):
                chunk[:, 0] = start / rows  # no two chunks alike, which a file system might keep once
                chunk[: min(CHUNK, rows - start)].tofile(out)


def unread(file):
    """Map the file, of which the system is told to keep nothing in memory; it keeps what is mapped already."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return np.memmap(file, np.float32, "r").reshape(-1, WIDTH)


def own_memory():
    """Return RssAnon in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


class Clock:
    """A hook that stops after so many seconds, and notes samples, time and memory."""

    def __init__(self, seconds):
        self.seconds, self.started, self.most = seconds, None, 0

    def chainrule_batch_ended(self, run):
        """Look at the clock; the first batches are a start that nothing is counted of."""
        now = time.perf_counter()
        if run.step <= 20:
            self.first, self.started = run.step, now
            return
        if run.step % 10 == 0:
            self.most = max(self.most, own_memory())
        self.speed = BATCH * (run.step - self.first) / (now - self.started)
        if now - self.started > self.seconds:
            run.stop("the clock")


def trained(x, seconds):
    """Return the clock of a training."""
    network = Network([AffineReLU(512), AffineReLU(256), Affine(10)], (WIDTH,))
    targets = np.random.default_rng(1).integers(0, 10, len(x))
    settings = {"loss": CrossEntropy(), "optimizer": SGD(1e-3), "batch_size": BATCH, "epochs": 1000}
    clock = Clock(seconds)
    train(network, x, targets, **settings, hooks=[clock])
    return clock


def read_alone(x, seconds):
    """Return the rows that are read in a second, batch by batch in a shuffled order."""
    order, count = np.random.default_rng(2).permutation(len(x)), 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds and count < len(x):
        x[np.sort(order[count : count + BATCH])].sum()
        count += BATCH
    return count / (time.perf_counter() - started)


def main():
    """Measure the network's speed, the disk's, and that of both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=8)
    parser.add_argument("--folder", type=Path, default=Path("/tmp"))
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    chainrule.keep_memory()
    file, rows = given.folder / "chainrule_rows.f32", int(given.gb * 1e9 / 4 / WIDTH)
    write(file, rows)
    alone = trained(np.fromfile(file, np.float32, 30_000 * WIDTH).reshape(-1, WIDTH), given.seconds)
    print(f"in memory: {alone.speed:,.0f} samples a second", flush=True)
    print(f"rows alone, from disk: {read_alone(unread(file), given.seconds):,.0f} a second", flush=True)
    clock = trained(unread(file), given.seconds)
    print(f"from disk: {clock.speed:,.0f} samples a second, {clock.most / 1e6:,.0f} MB of its own at most")


if __name__ == "__main__":
    main()
