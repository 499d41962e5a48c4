"""Made-up installed distributions, and a made-up family of layers, losses, readers and hooks."""

import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule import (
    Dataset,
    Elementwise,
    Jacobian,
    Layer,
    Loss,
    Matrix,
    Outer,
    ShapeError,
    Shift,
    positive_int,
    real,
    registry,
)

_numbers = itertools.count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a made-up distribution: `install(name, {group: {name: attribute}}, source)` returns its module's name.

    An entry with a colon is written as it is.
    """
    modules = []

    def install(distribution, entry_points, source="", version="1.0", metadata=None):
        number = next(_numbers)
        module, folder = f"made_up_{number}", tmp_path / f"site-{number}"
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        lines = []
        for group, entries in entry_points.items():
            lines.append(f"[chainrule.{group}]")
            lines += [f"{name} = {value if ':' in value else f'{module}:{value}'}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        monkeypatch.syspath_prepend(folder)  # it invalidates importlib's caches, too
        registry.default.refresh()
        modules.append(module)
        return module

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    registry.default.refresh()


@dataclass(frozen=True)
class Affine(Layer):
    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("affine", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (*self.output_shape(input_shape), *input_shape), "b": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {name: rng.normal(size=shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


@dataclass(frozen=True)
class Bend(Elementwise):
    slope: float = 0.5
    limit: float | None = 1.0
    sizes: tuple = ()
    inner: Layer | None = None

    def __post_init__(self):
        real("slope", self.slope)

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x)

    def derivative(self, x, y):
        return np.where(x > 0, np.ones_like(x), np.full_like(x, self.slope))


@dataclass(frozen=True)
class Squared(Loss):
    def value(self, scores, targets):
        return ((scores - targets) ** 2).sum(axis=1)

    def gradient(self, scores, targets):
        return 2 * (scores - targets)


def read_rows(path: Path, extra: Path | None = None, columns: int = 2, label: str = "rows") -> Dataset:
    """Read a JSON list of rows whose last column is the target."""
    rows = np.array(json.loads(Path(path).read_text(encoding="utf-8")), dtype=float)
    return Dataset(rows[:, :columns], rows[:, columns])


def count_rows(size: int = 10) -> Dataset:
    x = np.arange(2.0 * size).reshape(size, 2)
    return Dataset(x, x[:, 0] % 3)


@dataclass
class StopAfter:
    epochs: int

    def chainrule_epoch_ended(self, run, record):
        if record.epoch == self.epochs:
            run.stop(f"{self.epochs} epochs are enough")


@pytest.fixture
def family(install):
    """Install the classes above as the distribution `made-up-family`, each name beginning with `made_`."""
    offers = {
        "layers": {"made_affine": Affine, "made_bend": Bend},
        "losses": {"made_squared": Squared},
        "data": {"made_rows": read_rows, "made_count": count_rows},
        "hooks": {"made_stop": StopAfter},
    }
    install(
        "made-up-family",
        {
            group: {name: f"{found.__module__}:{found.__name__}" for name, found in entries.items()}
            for group, entries in offers.items()
        },
    )
    return SimpleNamespace(Affine=Affine, Bend=Bend, Squared=Squared, StopAfter=StopAfter)
