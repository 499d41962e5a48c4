"""Every documented command: on consoles of four encodings, from a folder of hostile names, read-only, zipped, nowhere.

One process runs all of them, and starts where a script does: its own folder is on the path, the current one is not.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import importlib_metadata
import numpy as np
import pytest

from chainrule import registry

CLONE = Path(__file__).parents[1]
ENCODINGS = ["utf-8", "cp1252", "cp437", "ascii"]
HOSTILE = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\nraise SystemExit('it was imported')\n"
NAMES = ("json", "numpy", "chainrule_affine", "hashlib", "chainrule", "chainrule_runs", "matplotlib", "pickle", "click")

DRIVER = """\
import json, sys
from chainrule_cli.main import main
for number, arguments in enumerate(json.loads(sys.argv[1])):
    try:
        main(arguments)
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            print(f"\\n==== {number} ended with {end.code}", file=stream, flush=True)
"""
TABLE = "width,height,kind\n" + "0.1,0.9,größe\n0.8,0.2,θ\n0.3,0.7,größe\n0.9,0.4,θ\n0.5,0.5,日\n" * 4
RECIPE = """\
data = { use = "csv", path = "table.csv", target = "kind" }
[network]
layers = [{ use = "affine_relu", units = 4 }, { use = "own:Bent" }, { use = "affine", units = 3 }]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = 4
epochs = 2
"""
TEXT = "größe θ → 日.\n" * 20
TEXTS = """\
data = { use = "text", path = "book.txt", window = 4 }
[network]
layers = [{ use = "embedding", count = 12, units = 12 }]
[training]
loss = "sequence_cross_entropy"
optimizer = { use = "adam", learning_rate = 0.5 }
batch_size = 8
epochs = 2
"""
OWN = """\
from dataclasses import dataclass
import json
from chainrule import Elementwise

@dataclass(frozen=True)
class Bent(Elementwise):
    def forward(self, x): return 2 * x
    def derivative(self, x, y): return 2 + 0 * x
"""
SHORT = ["--set", "training.epochs=2"]
COMMANDS = [  # what is typed, and the status it ends with
    (["--help"], 0),
    (["--version"], 0),
    (["plugins"], 0),
    (["summary", "digits-cnn"], 0),
    (["gradcheck", "xor"], 0),
    (["gradcheck", "own.toml"], 0),
    (["check", "--list"], 0),
    (["check", "--explain", "gradient.input"], 0),
    (["check", "relu", "--json", "a.json", "--junit", "a.xml"], 0),
    (["check", "own:Bent", "--only", "gradient"], 0),
    (["new", "chainrule-swish"], 0),
    (["train", "digits", *SHORT], 0),
    (["train", "digits", *SHORT, "--out", "digits"], 0),
    (["train", "digits", *SHORT, "--prefer", "chainrule-numba"], 0),
    (["train", "own.toml", "--out", "run-θ"], 0),
    (["train", "--resume", "run-θ"], 0),
    (["evaluate", "run-θ"], 0),
    (["evaluate", "run-θ", "table.csv", "--json"], 0),
    (["predict", "run-θ", "table.csv"], 0),
    (["predict", "run-θ", "table.csv", "--out", "decided.csv"], 0),
    (["train", "texts.toml", "--out", "texts"], 0),
    (["generate", "texts", "größe θ", "--length", "20"], 0),
    (["generate", "texts", "→ 日.\n", "--temperature", "0"], 0),
    (["evaluate", "texts", "book.txt"], 0),
    (["predict", "texts", "book.txt"], 0),
    (["sweep", "own.toml", "--grid", "training.epochs=1", "--out", "sweep-θ"], 0),
    (["compare", "run-θ", "sweep-θ"], 0),
    (["plot", "run-θ"], 0),
    (["plot", "digits", "--weights"], 0),
    (["plot", "run-θ", "--confusion", "--out", "confusion.svg"], 0),
    (["plot", "run-θ", "--activations", "1"], 0),
    # Errors with letters that a console may lack
    (["plot"], 2),
    (["train", "größe-θ.toml"], 2),
    (["train", "xor", "--set", "training.optimizer.learning_rate=1e300", *SHORT], 1),
    (["train", "xor", "--set", "network.layers[0].use=∂y→θ"], 2),
    (["generate", "texts", "größer ∂"], 2),
    (["check", "own:Bend"], 1),
    (["∞"], 2),
]


@pytest.fixture
def home(tmp_path):
    """A folder with a recipe, its table and its layer, among files of hostile names."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "table.csv").write_text(TABLE, encoding="utf-8")
    (home / "own.toml").write_text(RECIPE, encoding="utf-8")
    (home / "book.txt").write_text(TEXT, encoding="utf-8")
    (home / "texts.toml").write_text(TEXTS, encoding="utf-8")
    (home / "own.py").write_text(OWN, encoding="utf-8")
    for folder in (home, home / "digits", home / "run-θ"):
        folder.mkdir(exist_ok=True)
        for name in NAMES:
            (folder / f"{name}.py").write_text(HOSTILE)
    yield home
    assert list(home.rglob("*.ran")) == []


def run_all(home, commands, encoding="utf-8", site=None, **how):
    """Return what each command printed, out and err, after comparing its status."""
    driver = home.parent / "scripts" / "driver.py"
    driver.parent.mkdir(exist_ok=True)
    driver.write_text(DRIVER)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100", **how.pop("environment", {})}
    environment.pop("PYTHONSAFEPATH", None)
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    listed = json.dumps([arguments for arguments, _ in commands])
    ran = subprocess.run(
        [sys.executable, driver, listed], cwd=home, env=environment, capture_output=True, timeout=600, **how
    )
    found = []
    for stream in (ran.stdout, ran.stderr):
        text = stream.decode(encoding)
        assert "Traceback" not in text, text
        parts = re.split(r"\n==== \d+ ended with (\S+)\n", text.replace("\r\n", "\n"))
        statuses = [0 if status == "None" else int(status) for status in parts[1::2]]
        expected = [status for _, status in commands]
        assert statuses == expected, (ran.stdout[-2000:], ran.stderr[-2000:])
        found.append(parts[0::2])
    return dict(zip((" ".join(arguments) for arguments, _ in commands), zip(*found, strict=True), strict=False))


def test_every_command_that_is_installed_is_tried():
    assert {arguments[0] for arguments, _ in COMMANDS} >= set(registry.default.names("commands"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_from_a_folder_of_hostile_names_on_a_console_of(encoding, home):
    helps = [([name, "--help"], 0) for name in registry.default.names("commands")]
    shown = run_all(home, COMMANDS + helps, encoding)
    theta = "θ" if encoding == "utf-8" else "theta"
    assert f"4 samples, {theta} and x moved" in shown["gradcheck xor"][0]
    assert f"\n{theta} " in shown["evaluate run-θ"][0]
    assert (
        f"largest |{theta}| of"
        in shown["train xor --set training.optimizer.learning_rate=1e300 --set training.epochs=2"][1]
    )
    arrow = "∂y→θ" if encoding == "utf-8" else "dy->theta"
    assert f"no plug-in offers '{arrow}' in layers" in shown["train xor --set network.layers[0].use=∂y→θ"][1]
    text = "größe θ" if encoding == "utf-8" else "größe theta" if encoding != "ascii" else "gr\\xf6\\xdfe theta"
    assert shown["generate texts größe θ --length 20"][0].startswith(text)
    delta = "∂" if encoding == "utf-8" else "d"
    assert f"knows no '{delta}' (U+2202)" in shown["generate texts größer ∂"][1]
    decided = (home / "decided.csv").read_text(encoding="utf-8")  # whatever the console
    assert len(decided.splitlines()) == len(TABLE.splitlines())
    assert {line.split(",")[0] for line in decided.splitlines()[1:]} <= {"größe", "θ", "日"}
    for file in home.rglob("*"):
        if file.suffix in (".json", ".xml", ".svg", ".toml", ".jsonl", ".md", ".py", ".csv"):
            file.read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    """A folder with every distribution of the project, as pip installs them."""
    site = tmp_path / "site"
    for source in [CLONE / "core" / "src", *CLONE.glob("plugins/*/src")]:
        shutil.copytree(source, site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for distribution in {entry.distribution for entry in registry.default.entries()}:
        metadata = importlib_metadata.distribution(distribution)
        info = site / f"{distribution.replace('-', '_')}-{metadata.version}.dist-info"
        info.mkdir()
        for name in ("METADATA", "entry_points.txt"):
            (info / name).write_text(metadata.read_text(name), encoding="utf-8")
    return site


def bound():
    """Let the administrator be bound by permissions, too: a file that is read-only is not written."""
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def test_every_command_of_a_read_only_installation_without_a_home(home, site):
    folders = [site, *(path for path in site.rglob("*") if path.is_dir())]
    for path in [*site.rglob("*"), site]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(site.rglob("*"))
    try:
        probe = [sys.executable, "-c", f"open({str(site / 'x')!r}, 'w')"]
        refused = subprocess.run(probe, capture_output=True, text=True, preexec_fn=bound, timeout=60)
        assert "PermissionError" in refused.stderr
        nowhere = {name: str(site / "no home") for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        shown = run_all(home, COMMANDS, site=site, preexec_fn=bound, environment=nowhere)
        assert f" in {site} is used, " in shown["plugins"][0]
        assert "broken" not in shown["plugins"][0]
        assert sorted(site.rglob("*")) == before
    finally:
        for path in folders:
            path.chmod(0o755)


def test_every_command_of_a_zipped_installation(home, site, tmp_path):
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        for path in site.rglob("*"):
            archive.write(path, path.relative_to(site))
    shutil.rmtree(site)
    shown = run_all(home, COMMANDS, site=tmp_path / "site.zip")
    assert "recipes: chars, chars-gru, digits, digits-cnn, digits-resnet, lenet, xor" in shown["plugins"][0]
    assert (home / "chainrule-swish" / "pyproject.toml").is_file()


def test_a_current_folder_that_was_deleted(tmp_path):
    gone, run = tmp_path / "gone", tmp_path / "run"
    gone.mkdir()
    np.savez(tmp_path / "x.npz", x=np.ones((2, 2)))
    commands = [
        (["plugins"], 0),
        (["summary", "digits-cnn"], 0),
        (["gradcheck", "xor"], 0),
        (["check", "relu", "--only", "gradient"], 0),
        (["train", "xor", *SHORT], 0),
        (["train", "xor", *SHORT, "--out", str(run)], 0),
        (["train", "--resume", str(run)], 0),
        (["predict", str(run), str(tmp_path / "x.npz")], 0),
        (["evaluate", str(run), "--part", "train"], 0),
        (["plot", str(run), "--weights"], 0),
    ]
    refused = [
        (["train", "xor", "--out", "run"], 1),
        (["train", "xor", "--set", "network.layers[0].use=own:Layer"], 1),
        (["train", "own.toml"], 2),
        (["check", "own:Layer"], 1),
        (["check", "relu", "--json", "a.json"], 1),
        (["new", "chainrule-swish"], 1),
        (["plot", str(run), "--out", "a.png"], 1),
        (["predict", "run", "x.csv"], 1),
    ]
    shown = run_all(gone, commands + refused, preexec_fn=lambda: os.rmdir(gone))  # it goes while they start
    for arguments, _ in refused:
        assert "; the current folder is no longer there: change to one that is\n" in shown[" ".join(arguments)][1]
