"""Right but unusual cases over many seeds: `uv run python -m mutants.seeds 200` in tests/, `--part 0/2` for a half."""

from __future__ import annotations

import argparse

from chainrule.conformance import check
from mutants import every, sizes
from mutants.losses import sizes as sizes_of_losses

UNUSUAL = """
half-at-the-kink abs/undeclared leaky-relu hard-tanh relu6 window-max/first window-max/split window-max/undeclared
range log sine/fast dense/affine dense/softmax layers/residual layers/repeat tied-autoencoder recurrent prelu
learned-threshold sort median layer-norm unit-length batch-centre batch-norm attention-pool convolution
circular-convolution embedding embedding/chain cached-property thread-scratch clip/both noise/fused-dropout
noise/in-a-chain noise/embedding noise/unchecked-when-realized optimizer/warming optimizer/gauss-newton
optimizer/secants
"""
"""A kink of 0.5 by declaration, overlapping windows, dense Jacobians, layers of layers, integer input, dropout, …"""


def unusual() -> list:
    """Return the cases, in the order of the list above, and those of small and large sizes."""
    cases = {case.id.removeprefix("honest/"): case for case in every("HONEST")}
    return [*(cases[name] for name in UNUSUAL.split()), *sizes.HONEST, *sizes_of_losses.HONEST]


def main() -> None:
    """Run them, and print every false failure and the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int)
    parser.add_argument("--part", default="0/1")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    cases, failures, runs = unusual()[part::parts], 0, 0
    for case in cases:
        for seed in range(arguments.seeds):
            report = check(case, seed=seed)
            runs += 1
            if not report.ok:
                failures += 1
                print(
                    f"{case.id}, seed {seed}:", *(r for r in report.results if r.counts_against), sep="\n", flush=True
                )
    print(f"{len(cases)} honest cases, {arguments.seeds} seeds: {runs} runs, {failures} false failures")


if __name__ == "__main__":
    main()
