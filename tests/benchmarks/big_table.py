"""A table of a million rows and a hundred columns: read, prepared, and one epoch trained.

    uv run --group more --with pandas python tests/benchmarks/big_table.py [ROWS]

Ninety columns of numbers with missing cells, nine of words, and a class. Everything is measured in a process of its
own, two times, in turn: pandas' reading; ours, by blocks through pyarrow, with the preparation and an epoch of a
network of 16 units; and the same epoch on arrays that were prepared before, which is the network's own time. The bound
is ours ≤ 2 pandas + network, in 1 GB at most.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NUMBERS, WORDS = 90, 9
LAYERS = [{"use": "affine_relu", "units": 16}, {"use": "affine", "units": 2}]
TRAINING = {"loss": "cross_entropy", "optimizer": {"use": "adam"}, "batch_size": 256, "epochs": 1}


def generate(path: Path, rows: int) -> None:
    """Write the table: half the rows lack a number."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=NUMBERS)
    words = [[f"kind {i}.{k}" for k in range(3 + i)] for i in range(WORDS)]
    form = ",".join(["%.4f"] * NUMBERS)
    with path.open("w") as file:
        names = [f"n{i}" for i in range(NUMBERS)] + [f"c{i}" for i in range(WORDS)]
        file.write(",".join([*names, "target"]) + "\n")
        for start in range(0, rows, 5000):
            x = rng.normal(scale=10, size=(min(5000, rows - start), NUMBERS))
            right = x @ weights + rng.normal(size=len(x)) > 0
            kinds = [rng.integers(len(own), size=len(x)) for own in words]
            holes = rng.integers(2 * NUMBERS, size=len(x))
            for i, row in enumerate(x):
                cells = (form % tuple(row)).split(",")
                if holes[i] < NUMBERS:
                    cells[holes[i]] = ""
                cells += [own[k[i]] for own, k in zip(words, kinds, strict=True)]
                file.write(",".join([*cells, "yes" if right[i] else "no"]) + "\n")


def pandas(path: str) -> float:
    """Return the seconds that pandas takes to read it."""
    import pandas as pd

    started = time.perf_counter()
    pd.read_csv(path)
    return time.perf_counter() - started


def ours(path: str) -> float:
    """Return the seconds of reading, preparing and an epoch."""
    from chainrule import Recipe, keep_memory

    keep_memory()  # as `chainrule train` does
    data = {
        "use": "csv",
        "path": path,
        "target": "target",
        "standardize": True,
        "categories": "auto",
        "missing": "mean",
    }
    recipe = Recipe({"data": data, "network": {"layers": LAYERS}, "training": TRAINING})
    started = time.perf_counter()
    dataset = recipe.dataset()
    read = time.perf_counter()
    recipe.train(recipe.network(dataset), dataset)
    print(f"  read and prepared {read - started:.1f} s, trained {time.perf_counter() - read:.1f} s", file=sys.stderr)
    return time.perf_counter() - started


def network(path: str) -> float:
    """Return the seconds of an epoch on arrays of the same shape, test part included."""
    from chainrule import Dataset, Recipe, keep_memory

    keep_memory()
    rng = np.random.default_rng(0)
    rows, width = int(path), NUMBERS + sum(3 + i for i in range(WORDS))
    test = rows // 5
    x, y = rng.normal(size=(rows, width)).astype(np.float32), rng.integers(2, size=rows)
    dataset = Dataset(x[test:], y[test:], x[:test], y[:test])
    recipe = Recipe({"network": {"layers": LAYERS}, "training": TRAINING})
    made = recipe.network(dataset)
    started = time.perf_counter()
    recipe.train(made, dataset)
    return time.perf_counter() - started


def measured(what: str, argument: str) -> tuple[float, float]:
    """Return what a function of this file measures in a process of its own, and the MiB at its peak."""
    command = [sys.executable, "-W", "ignore", __file__, what, argument]
    seconds, kilobytes = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(seconds), int(kilobytes) / 1024


def main(rows: int) -> None:
    """Print each measurement, and what the bound is of."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        generate(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        for _ in range(2):
            bare, _ = measured("pandas", str(path))
            own, peak = measured("ours", str(path))
            alone, _ = measured("network", str(rows))
            ratio = (own - alone) / bare
            print(f"pandas {bare:.1f} s, ours {own:.1f} s in {peak:,.0f} MiB, network {alone:.1f} s: ratio {ratio:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["pandas"], ["ours"], ["network"]):
        found = globals()[sys.argv[1]](sys.argv[2])
        print(found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
