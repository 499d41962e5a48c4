"""Which lines of the compiled kernels are vector instructions: `python vectorized.py [--all] [NAME …]`.

It prints each line of source that computes with floats, and on how many at once, as LLVM compiled it for float32 on
this processor, or on the one that NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name. Lines that work on several are left out
unless `--all` is said: of the others those matter that are in an innermost loop. NAMEs select kernels.

    NUMBA_CPU_NAME=znver3 NUMBA_CPU_FEATURES=+avx,+avx2,+fma python vectorized.py  # AVX2, on a machine with AVX-512
"""

from __future__ import annotations

import argparse
import importlib
import linecache
import os
import pkgutil
import re
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()  # what was compiled before does not say of which lines

import numpy as np
from numba.core.cpu import CPUTargetOptions
from numba.core.debuginfo import DIBuilder

import chainrule_numba

CONVOLUTIONS = [((32, 3), 32), ((32, 5), 32), ((8, 5), 3), ((8, 5, 2), 3), ((8, 3, 2), 16)]
PICTURE, SEQUENCE = (12, 12, 32), (5, 32)
LAYERS: list[tuple[str, tuple[Any, ...], tuple[int, ...]]] = [
    *[("Conv2d", settings, (12, 12, channels)) for settings, channels in CONVOLUTIONS],
    *[(name, settings, PICTURE) for name in ("MaxPool2d", "MeanPool2d") for settings in ((2,), (3, 2))],
    *[(name, (), PICTURE) for name in ("GlobalMaxPool2d", "GlobalMeanPool2d", "BatchNorm", "ReLU")],
    *[(name, (), SEQUENCE) for name in ("LayerNorm", "RMSNorm", "GELU", "SiLU")],
    ("GELU", ("tanh",), SEQUENCE),
    *[(name, (16,), SEQUENCE) for name in ("GRU", "LSTM")],
    ("AffineReLU", (16,), (32,)),
]
FLOATS = re.compile(r"= (?:f\w+|select|load|(?:tail )?call)\b.*?(?:<(\d+) x )?float\b")
plain_options, plain_builder = CPUTargetOptions.finalize, DIBuilder.initialize


def with_lines(options: Any, flags: Any, given: Any) -> None:
    """Have what LLVM returns say of which lines it was made, and nothing else of debugging: that changes the code."""
    plain_options(options, flags, given)
    flags.debuginfo = flags.dbg_directives_only = True


def unwritten(builder: Any) -> None:
    """Keep lines out of the machine code, where they are not looked for."""
    builder.emission_kind = "NoDebug"
    plain_builder(builder)


def run_all() -> None:
    """Compile every kernel: what a training step calls of each layer, and of the loss."""
    rng = np.random.default_rng(0)
    for name, settings, shape in LAYERS:
        layer = getattr(chainrule_numba, name)(*settings).realize(rng)
        x = rng.normal(size=(3, *shape)).astype(np.float32)
        params = {key: value.astype(np.float32) for key, value in layer.initialize(shape, rng).items()}
        _, maps = layer.linearize(x, **params)
        maps.vjp(layer.forward(x, **params), {key: np.empty_like(value) for key, value in params.items()})
        maps.jvp(x, params)
    chainrule_numba.CrossEntropy().linearize(np.ones((3, 10), np.float32), np.arange(3))


def compiled() -> Iterator[tuple[str, Any]]:
    """Yield the name of each kernel, and what numba made of it."""
    for module in pkgutil.iter_modules(chainrule_numba.__path__):
        for name, value in vars(importlib.import_module(f"chainrule_numba.{module.name}")).items():
            for cell in getattr(value, "__closure__", None) or ():
                dispatcher = cell.cell_contents
                if hasattr(dispatcher, "inspect_llvm") and value.__module__.endswith(f".{module.name}"):
                    yield f"{module.name}.{name}", dispatcher


def widths(code: str) -> dict[tuple[str, int], int]:
    """Return, by file and line, on how many floats the widest instruction of it works."""
    nodes = {number: text for number, text in re.findall(r"^!(\d+) = (.*)", code, re.MULTILINE)}

    def follow(node: str, key: str) -> str:
        found = re.search(rf'\b{key}: (?:!(\d+)|(\d+)|"([^"]*)")', node)
        return "" if not found else nodes[found[1]] if found[1] else found[2] or found[3]

    result = dict[tuple[str, int], int]()
    for line in code.splitlines():
        floats, where = FLOATS.search(line), re.search(r"!dbg !(\d+)", line)
        if floats and where:
            node = nodes[where[1]]
            place = follow(follow(follow(node, "scope"), "file"), "filename"), int(follow(node, "line"))
            result[place] = max(result.get(place, 1), int(floats[1] or 1))
    return result


def main() -> None:
    """Print a line for each line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    CPUTargetOptions.finalize, DIBuilder.initialize = with_lines, unwritten
    run_all()
    folder = chainrule_numba.__path__[0]
    for name, dispatcher in compiled():
        if options.names and not any(wanted in name for wanted in options.names):
            continue
        for code in dispatcher.inspect_llvm().values():
            for (file, line), width in sorted(widths(code).items()):
                if options.all or width == 1:
                    source = linecache.getline(f"{folder}/{file}", line).strip()
                    print(f"{name:28} {width:3}  {file}:{line}  {source}")


if __name__ == "__main__":
    main()
