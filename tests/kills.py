"""Kills training at random moments, resumes it, and compares with the run that was not killed.

`python tests/kills.py 50` does it 50 times and says where the kills were.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

RECIPES = {
    "adam and dropout": """
        data.use = "digits"
        data.validation_fraction = 0.1
        network.layers = ["flatten", { use = "affine_relu", units = 32 }, { use = "dropout", rate = 0.2 },
                          { use = "affine", units = 10 }]
        [training]
        loss = "cross_entropy"
        optimizer = { use = "adam", learning_rate = 0.003 }
        batch_size = 64
        epochs = 12
        hooks = [{ use = "early_stopping", patience = 12 }]
    """,
    "momentum and two shards": """
        data.use = "digits"
        network.layers = [{ use = "conv2d", filters = 4, kernel = 3 }, "relu", { use = "max_pool2d", size = 2 },
                          "flatten", { use = "dropout", rate = 0.2 }, { use = "affine", units = 10 }]
        [training]
        loss = "cross_entropy"
        optimizer = { use = "momentum", learning_rate = 0.02 }
        batch_size = 100
        epochs = 6
        shards = 2
    """,
    "batch norm": """
        data.use = "digits"
        data.validation_fraction = 0.1
        network.layers = [{ use = "conv2d", filters = 4, kernel = 3 }, "batch_norm", "relu",
                          { use = "max_pool2d", size = 2 }, "flatten", { use = "affine", units = 32 },
                          { use = "batch_norm", momentum = 0.3 }, "relu", { use = "affine", units = 10 }]
        [training]
        loss = "cross_entropy"
        optimizer = { use = "momentum", learning_rate = 0.02 }
        batch_size = 100
        epochs = 6
        hooks = [{ use = "early_stopping", patience = 6 }]
    """,
}
TRAIN = [sys.executable, "-c", "from chainrule_cli.main import main; main()", "train", "--checkpoint-seconds"]


def result(folder):
    """Return all that must be equal: θ, and the history but for its seconds."""
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    history = [{key: value for key, value in record.items() if key != "seconds"} for record in records]
    return (folder / "parameters.safetensors").read_bytes(), history


def start(arguments, seconds):
    return subprocess.Popen(
        [*TRAIN, str(seconds), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process):
    out, _ = process.communicate()
    assert process.returncode == 0, out.decode()


def checkpoints(folder):
    return [path for path in folder.glob("checkpoint-*")]


def kill(process, folder, wait, early):
    """Kill it `wait` seconds after its first checkpoint, or after its start; return where it was."""
    before = {path: path.stat().st_mtime_ns for path in checkpoints(folder)}
    while (
        not early
        and process.poll() is None
        and all(before.get(path) == path.stat().st_mtime_ns for path in checkpoints(folder))
    ):
        sleep(0.005)
    sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == 0:
        return "had finished"
    if not (folder / "recipe.toml").exists():
        return "before the recipe was written"
    if any(folder.glob(".*.part")):
        return "while a file was written"
    return "while it trained" if checkpoints(folder) else "before the first checkpoint"


def survive(name, rng, whole, seconds, folder, recipe):
    """Kill one run once or twice, resume it to its end, compare, and return where the kills were."""
    places = []
    every = rng.choice([0, 0, 0.05])
    while True:
        resume = (folder / "recipe.toml").exists()
        process = start(["--resume", folder] if resume else [recipe, "--out", folder], every)
        if len(places) == 2 or (places and rng.random() < 0.5):
            finish(process)
            break
        wait = rng.uniform(0, seconds / (1 + len(places)))
        places.append(kill(process, folder, wait, early=rng.random() < 0.1))
    assert result(folder) == whole, f"{name}: another end after {places}"
    return places


def main(count, seed=0):
    """Return how many runs ended with the same bits, and where they were killed, `count` times at least."""
    rng = random.Random(seed)
    places, equal = Counter(), 0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        wholes = {}
        for name, text in RECIPES.items():
            recipe = root / f"{name}.toml"
            recipe.write_text(text)
            process = start([recipe, "--out", root / name], 0)
            while not checkpoints(root / name) and process.poll() is None:
                sleep(0.005)
            began = monotonic()
            finish(process)
            wholes[name] = result(root / name), monotonic() - began, recipe
        while places.total() - places["had finished"] < count:
            name = list(RECIPES)[equal % len(RECIPES)]
            whole, seconds, recipe = wholes[name]
            places.update(survive(name, rng, whole, seconds, root / f"run{equal}", recipe))
            equal += 1
    del places["had finished"]
    return equal, places


if __name__ == "__main__":
    equal, places = main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(f"{equal} runs were killed {places.total()} times, and ended with the same bits:")
    for place, times in places.most_common():
        print(f"  {times} {place}")
