"""Convolutions of 200 drawn shapes: the default choice of method beside each of our own, and Numba beside NumPy.

    python conv_shapes.py --seconds 80        # as often as it takes: each call goes on where the last one ended
    python conv_shapes.py --report

A layer goes forward and backward, to its input and its parameters. An outlier is a shape whose default takes more than
1.1 times the best of our methods, or where Numba takes more than 1.1 times NumPy; outliers are measured five times
again, in turn, and their medians count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

import chainrule
import chainrule_conv
import chainrule_numba
from chainrule import SettingError
from chainrule_conv.conv2d import METHODS

COUNT, SEED, AGAIN = 200, 18, 5
MOST_FLOPS, MOST_BYTES = 2e9, 64 << 20
"""Of one forward pass, and of an array: the batch of a larger shape is halved until it has no more."""
CLOSE, FAR = 1.1, 1.3
LAYERS = {"numpy": chainrule_conv.Conv2d, "numba": chainrule_numba.Conv2d}


def shapes():
    """Draw the shapes, each number on a logarithmic scale but kernel and stride."""
    rng, found = np.random.default_rng(SEED), []
    while len(found) < COUNT:
        low, high = np.log([1, 1, 4, 1]), np.log([257, 257, 65, 65])
        channels, filters, size, batch = map(int, np.exp(rng.uniform(low, high)))
        kernel, stride = int(rng.integers(1, 8)), int(rng.integers(1, 4))
        if kernel > size:
            continue
        side = -(-size // stride)
        of_one = 2 * side**2 * channels * filters * kernel**2, 4 * max(size**2 * channels, side**2 * filters)
        while batch > 1 and (batch * of_one[0] > MOST_FLOPS or batch * of_one[1] > MOST_BYTES):
            batch //= 2
        found.append((batch, size, channels, filters, kernel, stride))
    return found


def passes(shape):
    """Return what runs a layer forward and backward once, by the names of library and method."""
    batch, size, channels, filters, kernel, stride = shape
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, size, size, channels), np.float32)
    K = rng.standard_normal((kernel, kernel, channels, filters), np.float32)
    b, found = np.zeros(filters, np.float32), {}
    out = {"K": np.empty_like(K), "b": np.empty_like(b)}
    for library, layer in LAYERS.items():
        for method in METHODS:
            try:
                own = layer(filters, kernel, stride, "same", method=method)
            except SettingError:  # it does not apply
                continue
            delta = rng.standard_normal((batch, *own.output_shape(x.shape[1:])), np.float32)

            def run(own=own, delta=delta):
                _, jacobian = own.linearize(x, K=K, b=b)
                jacobian.vjp(delta, out)

            found[f"{library} {method}"] = run
    return found


def measure(shape, rounds):
    """Return seconds by name, the median of rounds in which each runs in turn for at least 10 ms."""
    runs = passes(shape)
    taken, times = {name: [] for name in runs}, {}
    for name, run in runs.items():
        run()
        started = time.perf_counter()
        run()
        times[name] = max(1, round(0.01 / (time.perf_counter() - started)))
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            for _ in range(times[name]):
                run()
            taken[name].append((time.perf_counter() - started) / times[name])
    return {name: statistics.median(each) for name, each in taken.items()}


def ratios(seconds):
    """Return what the default takes of the best method, for each library, and Numba of NumPy."""
    found = {}
    for library in LAYERS:
        own = [value for name, value in seconds.items() if name.startswith(library)]
        found[f"{library} default / best"] = seconds[f"{library} auto"] / min(own)
    found["numba / numpy"] = seconds["numba auto"] / seconds["numpy auto"]
    return found


def show(shape, found):
    """Return a line for a shape and its ratios that are outliers."""
    batch, size, channels, filters, kernel, stride = shape
    far = "  ".join(f"{name} {value:.2f}" for name, value in found.items() if value > CLOSE)
    return f"{kernel}×{kernel} stride {stride}, {channels}→{filters}, {size}×{size}, batch {batch}: {far}"


def report(rows):
    """Show how many shapes are above the bounds, and each of them."""
    kept = {index: row["again"] or row["first"] for index, row in rows.items()}
    found = {index: ratios(seconds) for index, seconds in kept.items()}
    drawn = shapes()
    print(f"{len(rows)} of {COUNT} shapes measured, {sum(bool(row['again']) for row in rows.values())} of them again")
    for name in next(iter(found.values()), {}):
        each = [own[name] for own in found.values()]
        above = ", ".join(f"{sum(value > bound for value in each)} above {bound}" for bound in (CLOSE, FAR))
        print(f"{name}: median {statistics.median(each):.2f}, largest {max(each):.2f}, {above}")
    for index, own in sorted(found.items(), key=lambda pair: -max(pair[1].values())):
        if max(own.values()) > CLOSE:
            print(f"  {show(drawn[index], own)}")


def main():
    """Measure what is not measured yet, for so many seconds, or report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("conv_shapes.json"))
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    chainrule.keep_memory()
    rows = {}
    if given.file.exists():
        rows = {int(index): row for index, row in json.loads(given.file.read_text()).items()}
    started = time.perf_counter()
    for index, shape in enumerate(shapes()):
        if given.report or time.perf_counter() - started > given.seconds:
            break
        row = rows.get(index) or {"first": measure(shape, 3), "again": None}
        if row["again"] is None and max(ratios(row["first"]).values()) > CLOSE:
            row["again"] = measure(shape, AGAIN)
        rows[index] = row
        given.file.write_text(json.dumps(rows))
    report(rows)


if __name__ == "__main__":
    main()
