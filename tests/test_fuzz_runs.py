import os

import fuzz_runs
import pytest

RESUMES = [loader for loader in fuzz_runs.LOADERS if "resume" in loader]
OTHERS = [loader for loader in fuzz_runs.LOADERS if "resume" not in loader]


@pytest.mark.skipif(os.name == "nt", reason="what a process takes is measured otherwise on Windows")
@pytest.mark.parametrize("loaders", [RESUMES, OTHERS], ids=["resume", "others"])
def test_mutated_files_are_refused_with_an_error_of_ours_in_little_memory(loaders):
    found = fuzz_runs.main(100, seed=1, loaders=loaders)
    assert list(found) == loaders
    for outcomes, growth in found.values():
        assert outcomes.total() == 100
        assert growth < fuzz_runs.LIMIT
