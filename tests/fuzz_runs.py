"""Mutates the files of runs, and whatever predict and evaluate read, and loads them.

`python tests/fuzz_runs.py 1000` mutates 1,000 files for each loader, in another process, and says how many of them
loaded and how many were refused, by error, and how far the memory of the process grew.
"""

import json
import multiprocessing
import random
import re
import resource
import struct
import sys
import tempfile
import tomllib
import traceback
import warnings
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import safetensors.numpy

from chainrule import ChainruleError, Recipe, registry
from chainrule_plots.runs import read_history
from chainrule_runs import RunFolder
from chainrule_runs.checkpoints import NAMES
from chainrule_runs.evaluation import evaluate
from chainrule_runs.inputs import read_evaluated, read_samples
from chainrule_runs.prediction import predict
from chainrule_runs.saved import open_saved
from chainrule_runs.tensors import KEY, dump

TABLE = tomllib.loads("""
    data = { use = "csv", path = "data.csv", target = "kind", shape = [2, 2, 1], scale = 0.5, split = "none" }
    network.layers = [{ use = "conv2d", filters = 2, kernel = 2 }, "relu", "flatten", { use = "dropout", rate = 0.2 },
                      { use = "affine", units = 3 }]
    [training]
    loss = "cross_entropy"
    optimizer = { use = "adam", learning_rate = 0.01 }
    batch_size = 4
    epochs = 2
    hooks = [{ use = "early_stopping", patience = 3, metric = "e_in.loss" }]
""")
LIMIT = 100e6
"""Bytes by which the memory of a process may grow."""
INTEGERS = [0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**64]
TOKENS = [
    *map(str, [*INTEGERS, -1, -(2**63)]),
    *(
        "1e400",
        "nan",
        "inf",
        "-0.0",
        "1e-400",
        "0x7f",
        "1_0",
        "null",
        "true",
        "[]",
        "{}",
        '""',
        "'",
        '"',
        "\\",
        "\n",
        ",",
    ),
    *(
        "[" * 200,
        "{" * 50,
        "../../x",
        "\0",
        "\ud7ff",
        "é",
        "F64",
        "BF16",
        "I8",
        "os:system",
        "__metadata__",
        "a.b.c = 1\n",
    ),
]


def mutate(content, rng):
    """Return the content with one to four things done to it: flips, insertions, cuts, copies, splices, numbers."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        place = rng.randrange(len(content) + 1)
        length = min(rng.choice([1, 1, 2, 4, 8, 30, 300]), len(content) - place)
        kind = rng.randrange(8)
        if kind == 0 and length:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place:place] = rng.randbytes(rng.choice([1, 4, 100]))
        elif kind == 2:
            del content[place : place + length]
        elif kind == 3:
            content[place:place] = content[place : place + length] * rng.choice([1, 1, 2, 1000])
        elif kind == 4:
            other = rng.randrange(len(content) + 1)
            content[place : place + length] = content[other : other + length]
        elif kind == 5 and rng.random() < 0.3:
            del content[place:]
        elif kind == 6:
            number = struct.pack(rng.choice(["<Q", ">I", "<I", ">H"]), 0)
            value = rng.choice(INTEGERS) % (1 << 8 * len(number))
            content[place : place + len(number)] = value.to_bytes(len(number), rng.choice(["little", "big"]))
        elif kind == 7:
            content[place : place + rng.choice([0, 1, length])] = rng.choice(TOKENS).encode()
    return bytes(content)


def in_header(content, rng):
    """Mutate the header of a safetensors file, and say its length right, so that more of it is looked at."""
    size = int.from_bytes(content[:8], "little")
    header = mutate(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def forge(content, rng):
    """Mutate the facts of a file of ours, and give them the checksum that they need."""
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    text = metadata[KEY].partition(" ")[2].encode()
    while True:
        with suppress(ValueError, RecursionError, ChainruleError):
            facts = json.loads(mutate(text, rng))
            return dump(safetensors.numpy.load(content), facts)


def train(folder, steps_before_a_pause=None):
    class Pause:
        def chainrule_batch_ended(self, run):
            if run.step == steps_before_a_pause:
                run.pause("Ctrl-C")

    recipe = Recipe(TABLE, folder.parent)
    dataset = recipe.dataset()
    with RunFolder.start(folder, recipe, seconds=0) as run:
        run.train(recipe.network(dataset), dataset, [Pause()])


def make(root):
    """Write a run that is finished, one that is not, and the files that are read beside them."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(12, 4)).round(3)
    kinds = np.array(["flat", "round", "tall"])[np.arange(12) % 3]
    lines = ["a,b,c,d,kind", *(",".join([*map(str, row), kind]) for row, kind in zip(x, kinds, strict=True))]
    (root / "data.csv").write_text("\n".join(lines) + "\n")
    (root / "x.csv").write_text("\n".join(lines) + "\n")
    np.savez(root / "x.npz", x=x.astype(np.float32), y=np.arange(12) % 3)
    pictures = (x * 255).astype(np.uint8).reshape(-1, 2, 2)
    (root / "x.idx").write_bytes(b"\0\0\x08\3" + struct.pack(">3I", 12, 2, 2) + pictures.tobytes())
    (root / "y.idx").write_bytes(b"\0\0\x08\1" + struct.pack(">I", 12) + bytes(i % 3 for i in range(12)))
    train(root / "run")
    train(root / "paused", 4)


class Undrawn(RunFolder):
    """Leaves the picture out, which takes most of the time."""

    def _draw(self, *_):
        pass


class Files:
    """The loaders: each takes what was written over one file, and returns what must not have changed, or nothing."""

    def __init__(self, root):
        self.root = root
        self.saved = open_saved(root / "run")
        self.whole = (root / "run" / "parameters.safetensors").read_bytes()

    def parameters(self):
        saved = open_saved(self.root / "run")
        return saved.network.theta.tobytes(), saved.network.predict(np.ones((1, 2, 2, 1))).tobytes(), saved.loss

    def resume(self):
        with Undrawn.resume(self.root / "paused", seconds=1e9) as run:
            if run.ended is None:
                dataset = run.recipe.dataset()
                run.train(run.recipe.network(dataset), dataset)
        return open_saved(self.root / "paused").network.theta.tobytes()

    def resume_from_the_only_one(self):
        (self.root / "paused" / NAMES[1]).unlink()
        return self.resume()

    def predict(self, name):
        for decisions, scores in predict(self.saved, read_samples(self.saved, self.root / name).x):
            assert len(decisions) == len(scores)

    def evaluate(self, name):
        labels = self.root / "y.idx" if name.endswith(".idx") else None
        report = evaluate(self.saved, read_evaluated(self.saved, self.root / name, labels=labels))
        assert report.confusion is None or report.confusion.sum() == report.samples


def discard(result):
    """What was made up with a right checksum may be anything, but no crash."""


LOADERS = {
    "parameters → load": ("run/parameters.safetensors", mutate, Files.parameters),
    "parameters' header → load": ("run/parameters.safetensors", in_header, Files.parameters),
    "recipe → load": ("run/recipe.toml", mutate, Files.parameters),
    "recipe → resume": ("paused/recipe.toml", mutate, Files.resume),
    "checkpoint → resume": (f"paused/{NAMES[0]}", mutate, Files.resume),
    "only checkpoint → resume": (f"paused/{NAMES[0]}", mutate, Files.resume_from_the_only_one),
    "its header → resume": (f"paused/{NAMES[0]}", in_header, Files.resume_from_the_only_one),
    "forged checkpoint → resume": (
        f"paused/{NAMES[0]}",
        forge,
        lambda files: discard(files.resume_from_the_only_one()),
    ),
    "forged parameters → load": ("run/parameters.safetensors", forge, lambda files: discard(files.parameters())),
    "history → plot": (
        "run/history.jsonl",
        mutate,
        lambda files: discard(read_history(files.root / "run/history.jsonl")),
    ),
    "history → resume": ("paused/history.jsonl", mutate, Files.resume),
    **{
        f"{name} → {verb}": (name, mutate, lambda files, name=name, verb=verb: getattr(files, verb)(name))
        for name in ("x.csv", "x.npz", "x.idx")
        for verb in ("predict", "evaluate")
    },
    "y.idx → evaluate": ("y.idx", mutate, lambda files: files.evaluate("x.idx")),
}


def memory(name):
    """Return the bytes of this process, VmRSS, or the most that it had, VmHWM."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 1024 * int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1])


def fuzz(root, loader, count, seed):
    """Mutate one file `count` times, and return how often it was what, and by how many bytes the memory grew."""
    name, change, load = LOADERS[loader]
    path, files, rng = root / name, Files(root), random.Random(f"{loader} {seed}")
    wholes = {other: other.read_bytes() for other in path.parent.iterdir() if other.is_file()}

    def restore():
        for other, whole in wholes.items():
            other.write_bytes(whole)

    expected = load(files)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget what it took to get here
    outcomes, before = Counter(), memory("VmRSS")
    for i in range(count):
        restore()
        damaged = change(wholes[path], rng)
        path.write_bytes(damaged)
        try:
            result = load(files)
        except ChainruleError as error:
            outcomes[type(error).__name__] += 1
            if len(str(error)) > 20_000 + 5 * len(damaged) * (path.suffix == ".toml"):  # whose values are shown whole
                raise AssertionError(f"{loader}, file {i} of seed {seed}: a message of {len(str(error))}") from error
        except BaseException as error:
            raise AssertionError(f"{loader}, file {i} of seed {seed}: {traceback.format_exc()}") from error
        else:
            if result != expected:
                raise AssertionError(f"{loader}, file {i} of seed {seed}: another result")
            outcomes["loaded"] += 1
    restore()
    return outcomes, memory("VmHWM") - before


def worker(connection, root, loaders, count, seed):
    warnings.simplefilter("ignore", RuntimeWarning)  # numbers that are too large for float32
    for group in ("layers", "losses", "optimizers", "hooks", "data"):
        registry.default.broken(group)  # a name that nobody offers imports them all, and code is no file's doing
    try:
        for loader in loaders:
            connection.send(loader)
            connection.send(fuzz(root, loader, count, seed))
    except AssertionError as error:
        connection.send(error)


def main(count, seed=0, loaders=tuple(LOADERS)):
    """Return the outcomes and the growth in bytes by loader. Raises:   AssertionError for any error but ours."""
    found = {}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary))
        ours, theirs = context.Pipe()
        process = context.Process(target=worker, args=(theirs, Path(temporary), loaders, count, seed))
        process.start()
        theirs.close()
        loader = None
        with closing(ours):
            try:
                while len(found) < len(loaders):
                    loader = ours.recv()
                    result = ours.recv()
                    if isinstance(result, AssertionError):
                        raise result
                    found[loader] = result
            except EOFError:
                process.join()
                raise AssertionError(f"{loader}: the process died with {process.exitcode}") from None
            finally:
                process.join()
    for loader, (_, growth) in found.items():
        assert growth < LIMIT, f"{loader}: {growth / 1e6:.0f} MB"
    return found


if __name__ == "__main__":
    for loader, (outcomes, growth) in main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0).items():
        counts = ", ".join(f"{times} {outcome}" for outcome, times in outcomes.most_common())
        print(f"{loader}: {outcomes.total()} files, {counts}; memory grew by {growth / 1e6:.1f} MB")
