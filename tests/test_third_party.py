"""A stranger's package: one file and six lines of project file; installed, found, trained with, and removed."""

import json
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

PROJECT = """\
build-system = { requires = ["hatchling"], build-backend = "hatchling.build" }
[project]
name = "strangers-swish"
version = "1.2"
[project.entry-points."chainrule.layers"]
swish = "strangers_swish:Swish"
"""

LAYER = """\
from dataclasses import dataclass
import numpy as np
from chainrule import Elementwise

@dataclass(frozen=True)
class Swish(Elementwise):
    def forward(self, x): return x / (1 + np.exp(-x))
    def derivative(self, x, y): return (1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2
"""

TRAINING = """\
import json
import chainrule
data = chainrule.dataset("xor", split="none")
layers = [chainrule.layer("affine", units=8), chainrule.layer("swish"), chainrule.layer("affine", units=1)]
network = chainrule.Network(layers, 2)
history = chainrule.train(network, data.x, data.y[:, None], loss=chainrule.loss("logistic"),
                          optimizer=chainrule.optimizer("sgd", learning_rate=1.0), batch_size="all", epochs=1000)
found = next(e for e in chainrule.registry.default.entries("layers") if e.name == "swish")
print(json.dumps([history[-1].e_in.error, found.distribution, found.version]))
"""


@pytest.fixture
def environment(tmp_path):
    """Return the interpreter of a new environment that sees what is installed here."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False)
    library = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(library, "here.pth").write_text("\n".join(path for path in sys.path if path))
    return Path(sysconfig.get_path("scripts", vars={"base": str(folder)}), "python")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def pip(python, *arguments):
    done = run(sys.executable, "-m", "pip", "--python", str(python), *arguments)
    assert done.returncode == 0, done.stderr


def test_a_stranger_s_layer_is_found_by_name_trains_and_goes_again(tmp_path, environment):
    package = tmp_path / "strangers-swish"
    package.mkdir()
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "strangers_swish.py").write_text(LAYER)
    assert len(PROJECT.splitlines()) == 6

    pip(environment, "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(package))
    done = run(environment, "-c", TRAINING)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [0.0, "strangers-swish", "1.2"]

    pip(environment, "uninstall", "--quiet", "--yes", "strangers-swish")
    done = run(environment, "-c", TRAINING)
    assert "UnknownNameError: no plug-in offers 'swish' in layers; known: add, affine, affine_relu" in done.stderr


SOFTSIGN = [  # what stands in the scaffold, what a softsign wants
    ("softsign.py", "        return np.asarray(x * sigmoid(x))", "        return np.asarray(x / (1 + np.abs(x)))"),
    (
        "softsign.py",
        "        return np.asarray(sigmoid(x) * (1 + x * (1 - sigmoid(x))))",
        "        return np.asarray((1 - np.abs(y)) ** 2)",
    ),
    ("conformance.py", "    return x / (1 + np.exp(-x))", "    return x / (1 + x) if x >= 0 else x / (1 - x)"),
]

RECIPE = """\
data = { use = "xor" }
[network]
layers = [{ use = "affine", units = 8 }, { use = "NAME" }, { use = "affine", units = 1 }]
[training]
loss = "logistic"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = "all"
epochs = 400
"""


@pytest.mark.parametrize("name", ["swish", "softsign"])
def test_the_scaffold_becomes_a_proven_layer_that_trains_from_a_recipe(tmp_path, environment, name):
    """The whole path of a third party, from an empty folder: as written, and turned into another layer."""

    def chainrule(*arguments):
        code = "import sys; from chainrule_cli.main import main; main(sys.argv[1:])"
        done = subprocess.run(
            [environment, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    assert chainrule("new", f"chainrule-{name}")[0] == 0
    package = tmp_path / f"chainrule-{name}"
    if name == "softsign":
        for file, old, new in SOFTSIGN:
            path = package / "src" / "chainrule_softsign" / file
            assert path.read_text().count(old) == 1, (file, old)
            path.write_text(path.read_text().replace(old, new))

    pip(environment, "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(package))
    status, shown = chainrule("check", f"chainrule-{name}")
    assert (status, shown.strip().splitlines()[-1]) == (0, "verdict: conformant"), shown
    (tmp_path / "xor.toml").write_text(RECIPE.replace("NAME", name))
    status, shown = chainrule("train", "xor.toml")
    assert status == 0, shown
    assert "error 0.00%" in shown

    pip(environment, "uninstall", "--quiet", "--yes", f"chainrule-{name}")
    status, shown = chainrule("train", "xor.toml")
    assert status == 2
    assert f"no plug-in offers '{name}' in layers" in shown


KINDS = """\
build-system = { requires = ["hatchling"], build-backend = "hatchling.build" }
[project]
name = "strangers-kinds"
version = "0.1"
[project.entry-points."chainrule.layers"]
centre = "strangers_kinds:Centre"
bilinear = "strangers_kinds:Bilinear"
lookup = "strangers_kinds:Lookup"
[project.entry-points."chainrule.conformance"]
kinds = "strangers_kinds:CASES"
"""

SENTENCES = """\
import numpy as np
from chainrule import Dataset

def read():
    rng = np.random.default_rng(0)
    words, x = rng.integers(0, 5, (300, 3)), rng.normal(3, 1, (300, 2))
    return Dataset({"words": words, "x": x}, ((words == 4).sum(axis=1) * (x[:, 0] - 3) > 0).astype(int))
"""

TWO_INPUTS = """\
data = { use = "sentences:read" }
[network]
inputs = ["words", "x"]
nodes = [
  { name = "w", from = "words", use = "lookup", count = 5, units = 4 },
  { name = "c", from = "x", use = "centre" },
  { name = "h", from = "c", use = "affine", units = 4 },
  { name = "b", from = ["w", "h"], use = "bilinear" },
  { name = "y", from = "b", use = "affine", units = 2 },
]
[training]
loss = "cross_entropy"
optimizer = { use = "adam", learning_rate = 0.02 }
batch_size = 20
epochs = 30
"""


def test_a_stranger_s_layers_of_every_new_kind_are_proven_and_train_together(tmp_path, environment):
    """One with statistics, one of two inputs, one of whole numbers: public names alone."""
    source = Path(__file__).with_name("stranger_kinds.py").read_text(encoding="utf-8")
    assert set(re.findall(r"^from (chainrule\S*)", source, flags=re.M)) == {"chainrule", "chainrule.conformance"}
    package = tmp_path / "strangers-kinds"
    package.mkdir()
    (package / "pyproject.toml").write_text(KINDS)
    (package / "strangers_kinds.py").write_text(source)
    (tmp_path / "sentences.py").write_text(SENTENCES)
    (tmp_path / "two.toml").write_text(TWO_INPUTS)
    code = "import sys; from chainrule_cli.main import main; main(sys.argv[1:])"

    def chainrule(*arguments):
        done = subprocess.run(
            [environment, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=240
        )
        return done.returncode, done.stdout + done.stderr

    pip(environment, "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(package))
    status, shown = chainrule("check", "strangers-kinds")
    assert (status, shown.strip().splitlines()[-1]) == (0, "verdict: conformant"), shown
    status, shown = chainrule("train", "two.toml")
    assert status == 0, shown
    assert float(re.search(r"E_out: loss \S+, error (\S+)%", shown)[1]) < 12

    pip(environment, "uninstall", "--quiet", "--yes", "strangers-kinds")
    status, shown = chainrule("train", "two.toml")
    assert status == 2
    assert "no plug-in offers 'lookup' in layers" in shown


def test_core_alone_lists_no_layers_and_says_how_to_get_some():
    """Entry points are read by distribution; here the others are hidden, as if they were not installed."""
    code = """\
import chainrule, chainrule.registry as registry
registry.default = registry.Registry(lambda: [e for e in registry.installed_entries() if e.distribution == "chainrule"])
print(registry.default.names("layers"), registry.default.names("optimizers"))
chainrule.layer("affine", units=2)
"""
    done = run(sys.executable, "-c", code)
    assert done.stdout.strip() == "[] ['sgd']"
    assert re.search(r"; chainrule-affine brings it: pip install \S*/plugins/affine$", done.stderr.strip())
