"""The table of kills: `uv run python -m mutants.table` (in tests/) writes docs/kill-table.md.

Which check fails which mutant, over all checks of the catalogue; and of each check, whether it is the only one to fail
some mutant, or why it stays.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from chainrule.conformance import SUITE_VERSION, catalogue, check
from mutants import FAULTS, every

PAGE = Path(__file__).parents[2] / "docs" / "kill-table.md"

STAYS = {
    "arrays.float64": "float32 inside is seen by exact identities too, but only here it is called by its name",
    "arrays.read_only": "purity.* see that an argument changed; this sees who would crash on a memory-mapped file",
    "batch.apart": "the one that says to set mixes_samples; singles and split see the numbers alone",
    "batch.large": "the only one with more than 131 samples",
    "batch.permutation": "a dependence on the place of a sample that keeps the sum of the batch",
    "batch.singles": "the reference point: a batch of one is the definition",
    "batch.split": "what shards rest on",
    "errors.range": "a size of 0 where the author declares nothing as invalid",
    "forward.declarations": "a wrong output size with a derivative that is right for it, in a case without a reference",
    "forward.linearize": "prediction and training apart, where no derivative is wrong",
    "forward.reference": "ordinary inputs, where numbers are plain; forward.magnitudes stands on it",
    "gradient.alive": "a parameter that is declared and unused has a right gradient: zero",
    "gradient.dense": "a vjp that is right for basis cotangents and not for their sums",
    "gradient.linear": "clipping and thresholds beyond the size of the other cotangents",
    "gradient.out": "names what is not written, or added to; gradient.maps sees that numbers differ",
    "gradient.parameters": "names the parameter and the entry, where gradient.network names a direction",
    "gradient.without_out": "names the call that differs; gradient.maps asks it at other sizes",
    "gradient.vjp_params": "the driver's first layer alone uses it",
    "inputs.deltas": "says whose δ is amiss, by its rule; every call of vjp in the suite refuses it as well",
    "inputs.graph": "the driver's own way: δ of several inputs that go back along several paths",
    "kinks.between": "a declaration that is itself no slope",
    "lifecycle.copy": "copies without pickle: __copy__ and __deepcopy__",
    "lifecycle.frozen": "state that no run has touched yet",
    "lifecycle.names": "an order of parameters that use changes: θ is one vector",
    "lifecycle.process": "hash order and process numbers, which one process cannot see",
    "loss.linearize": "training and reporting apart",
    "loss.permutation": "a dependence on the place of a point that singles of the first place do not see",
    "loss.reference": "a value and a gradient that are wrong alike",
    "loss.soft_targets": "targets that are rounded, which 0 and 1 hide",
    "loss.target_dtypes": "labels as files hold them",
    "numerics.nan_delta": "NaN on the way back; numerics.nan sends it forward",
    "optimizer.interleaved": "memory outside of the state by its name; round_trip and threads see other numbers alone",
    "purity.asked_twice": "one Jacobian with a memory, where interleaved looks at two",
    "purity.buffers": "a buffer that is overwritten with the same numbers by every other check",
    "purity.delta": "names δ and the tangents",
    "purity.input": "names x; without it the fault looks like a wrong derivative",
    "purity.interleaved": "state in the layer that one forward and one backward hide",
    "purity.parameters": "names the parameter that a layer moves",
    "purity.repeat": "randomness in its simplest form, said plainly",
    "purity.targets": "names the targets",
    "randomness.varies": "noise that is the same at every step",
    "resources.points": "a loss that gathers B × B numbers has right values",
    "runs.everything": "a result that is no plain array",
    "statistics.resumed": "what is remembered beside the statistics, by its name; others see numbers that differ",
}
"""Why a *must* check stays that is no mutant's only killer."""
UNSTEADY = ("purity.threads", "resources.batch", "resources.leak", "resources.points", "resources.vjp")
"""Checks that threads or memory decide: shown where they are named, not where they fail besides."""


def kills() -> dict[str, list[str]]:
    """Run the suite on every mutant, in a process for each core, and return the *must* checks that fail it."""
    with ProcessPoolExecutor() as pool:
        return dict(pool.map(_kills, range(len(every("MUTANTS"))), chunksize=4))


def _kills(index: int) -> tuple[str, list[str]]:
    case = every("MUTANTS")[index].case
    return case.id, [result.check_id for result in check(case).failed if result.tier == "must"]


def page(found: dict[str, list[str]]) -> str:
    """Return the page."""
    mutants = every("MUTANTS")
    families = Counter(mutant.case.id.partition("/")[0] for mutant in mutants)
    faults = Counter(mutant.fault for mutant in mutants)
    grid = Counter((mutant.case.id.partition("/")[0], mutant.fault) for mutant in mutants)
    lines = [
        "# The table of kills",
        "",
        f"Suite {SUITE_VERSION}. {len(mutants)} wrong layers, losses and optimizers, each failed by its named check; "
        f"{len(every('HONEST'))} right ones pass. `python -m mutants.table` in `tests/` writes it; a test compares it.",
        "",
        "## Families and faults",
        "",
        "| family | " + " | ".join(FAULTS) + " | all |",
        "|---" * (len(FAULTS) + 2) + "|",
    ]
    for family in sorted(families):
        cells = [str(grid[family, fault] or "") for fault in FAULTS]
        lines.append(f"| {family} | {' | '.join(cells)} | {families[family]} |")
    lines.append(f"| all | {' | '.join(str(faults[fault]) for fault in FAULTS)} | {len(mutants)} |")
    lines += [
        "",
        "## Mutants",
        "",
        "| mutant | fault | what is wrong | found by | also fails |",
        "|---|---|---|---|---|",
    ]
    for mutant in sorted(mutants, key=lambda mutant: mutant.case.id):
        also = [name for name in found[mutant.case.id] if name not in (mutant.killed_by, *UNSTEADY)]
        lines.append(
            f"| {mutant.case.id} | {mutant.fault} | {mutant.wrong.replace('|', chr(92) + '|')} "
            f"| **{mutant.killed_by}** | {', '.join(also)} |"
        )
    lines += ["", "## Checks", "", "| check | tier | fails | alone | why it stays |", "|---|---|---|---|---|"]
    for entry in sorted(catalogue(), key=lambda entry: entry.id):
        fails = [name for name, checks in found.items() if entry.id in checks]
        alone = [name for name in fails if found[name] == [entry.id]]
        why = "" if alone or entry.tier == "should" else STAYS.get(entry.id, "")
        lines.append(f"| {entry.id} | {entry.tier} | {len(fails)} | {len(alone)} | {why} |")
    return "\n".join(lines) + "\n"


def needless(found: dict[str, list[str]]) -> set[str]:
    """Return the checks that are no mutant's only killer, and stay without a reason."""
    alone = {checks[0] for checks in found.values() if len(checks) == 1}
    return {entry.id for entry in catalogue() if entry.tier == "must"} - alone - set(STAYS)


def skeleton(text: str) -> list[str]:
    """Return what of a page does not depend on the machine: who is found by what, and which checks there are."""
    rows = [line.split(" | ") for line in text.splitlines()]
    return [" | ".join(row[:4] if len(row) == 5 and "**" in row[3] else row[:2]) for row in rows]


if __name__ == "__main__":
    PAGE.write_text(page(kills()), encoding="utf-8")
