"""The suite is proved: it fails every wrong subject by the check that is named, and passes every honest one."""

import pytest
from mutants import FAULTS, every
from mutants.seeds import unusual
from mutants.table import PAGE, STAYS, needless, page, skeleton

from chainrule.conformance import catalogue, check

MUTANTS = every("MUTANTS")
HONEST = every("HONEST")
FAMILIES = ("affine", "composites", "convolution", "elementwise", "loss", "optimizer", "pooling", "stochastic")
KINDS = ("attention", "embeddings", "graphs", "norms", "rewriting", "sequences", "statistics")
"""Families of what the protocol learned later: each has the faults of its own kind, not all that there are."""
OTHERS = ("preparation",)
"""Families of what has neither a derivative nor an update."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.case.id)
def test_the_suite_fails_a_mutant_by_the_named_check(mutant, record_property):
    report = check(mutant.case)
    failed = [result.check_id for result in report.failed if result.tier == "must"]
    record_property("kills", [mutant.case.id, failed])
    assert report.verdict == "failed"
    assert mutant.killed_by in failed, report
    assert not report.errors, report


def test_the_table_in_the_docs_has_every_mutant_its_killer_and_every_check():
    written = skeleton(PAGE.read_text(encoding="utf-8"))
    now = skeleton(page({mutant.case.id: [mutant.killed_by] for mutant in MUTANTS}))
    assert written == now, "uv run python -m mutants.table, in tests/, writes it anew"


def test_a_check_that_nobody_needs_is_told():
    """Which those are is asked in conftest.py, when all mutants have reported."""
    must = {entry.id for entry in catalogue() if entry.tier == "must"}
    assert needless({}) == must - set(STAYS) != set()
    assert needless({"a": ["numerics.extremes"], "b": ["gradient.input", "gradient.dense"]}) == needless({}) - {
        "numerics.extremes"
    }


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.id)
def test_the_suite_passes_an_honest_layer(case):
    report = check(case)
    assert report.ok, report


@pytest.mark.parametrize("case", unusual(), ids=lambda case: case.id)
def test_the_suite_passes_an_unusual_layer_whatever_the_seed(case):
    for seed in range(1, 5):
        report = check(case, seed=seed)
        assert report.ok, report


def test_every_family_meets_the_faults_that_it_can_have():
    met = {(mutant.case.id.partition("/")[0], mutant.fault) for mutant in MUTANTS}
    assert {family for family, _ in met} == {*FAMILIES, *KINDS, *OTHERS}
    assert {fault for _, fault in met} == set(FAULTS)
    for family in FAMILIES:
        own = ("update", "extremes") if family == "optimizer" else ("derivative", "batch")
        for fault in (*own, "arrays", "state", "errors", "lifecycle"):
            assert (family, fault) in met
    functions = {*FAMILIES} - {"optimizer", "stochastic"}  # the one has updates, the other randomness
    assert {family for family, fault in met if fault == "forward"} - {*KINDS, *OTHERS} == functions
    for family in KINDS:
        assert {(family, "derivative"), (family, "batch"), (family, "state")} <= met


def test_ids_are_unique():
    ids = [case.id for case in (*(mutant.case for mutant in MUTANTS), *HONEST)]
    assert sorted(set(ids)) == sorted(ids)
