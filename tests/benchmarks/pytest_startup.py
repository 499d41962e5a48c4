"""How much slower an unrelated project's pytest is with chainrule's plug-in than with it blocked.

Runs both in turn, each in a process of its own, and prints the median of each and of the differences.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_own.py").write_text("def test_own():\n    assert 1 + 1 == 2\n")
        seconds(folder), seconds(folder, "-p", "no:chainrule")  # compiled, and in the file cache
        pairs = [(seconds(folder), seconds(folder, "-p", "no:chainrule")) for _ in range(runs)]
    with_it, without = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    difference = statistics.median(a - b for a, b in pairs) * 1000
    print(f"median of {runs}: {with_it:.1f} ms with the plug-in, {without:.1f} ms with it blocked")
    print(f"median difference of a pair: {difference:+.1f} ms")


if __name__ == "__main__":
    main()
