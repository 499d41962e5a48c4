"""From the start of a process to its last line: `chainrule --help`, and `chainrule train digits` beside PyTorch.

    python start.py --runs 11

Commands are run in turn; shown are the medians, and what is asked of them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CHAINRULE = str(Path(sys.executable).with_name("chainrule"))
COMMANDS = {
    "numpy": [sys.executable, "-c", "import numpy"],
    "help": [CHAINRULE, "--help"],
    "train": [CHAINRULE, "train", "digits"],
    "torch": [sys.executable, str(HERE / "torch_digits.py")],
}


def seconds(command):
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - started


def main():
    """Measure the commands in turn, and show their medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--only", default=",".join(COMMANDS))
    given = parser.parse_args()
    chosen = {name: COMMANDS[name] for name in given.only.split(",")}
    for command in chosen.values():
        seconds(command)  # which leaves the files in the system's cache
    taken = {name: [] for name in chosen}
    for _ in range(given.runs):
        for name, command in chosen.items():
            taken[name].append(seconds(command))
    found = {name: statistics.median(each) for name, each in taken.items()}
    for name, each in taken.items():
        print(f"{name:6} {found[name]:.3f} s  ({min(each):.3f} to {max(each):.3f})")
    if {"numpy", "help"} <= found.keys():
        print(f"chainrule --help: {found['help'] - found['numpy']:.3f} s over import numpy (at most 0.15)")
    if {"train", "torch"} <= found.keys():
        print(f"chainrule train digits: {found['train'] / found['torch']:.2f} of PyTorch (at most 0.60)")


if __name__ == "__main__":
    main()
