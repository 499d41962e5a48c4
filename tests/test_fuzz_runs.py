import os

import fuzz_runs
import pytest


@pytest.mark.skipif(os.name == "nt", reason="what a process takes is measured otherwise on Windows")
@pytest.mark.parametrize("loader", fuzz_runs.LOADERS)
def test_mutated_files_are_refused_with_an_error_of_ours_in_little_memory(loader):
    """A hundred files in all; by hand, a thousand for each loader."""
    share = -(-100 // len(fuzz_runs.LOADERS))
    outcomes, growth = fuzz_runs.main(share, seed=1, loaders=[loader])[loader]
    assert outcomes.total() == share
    assert growth < fuzz_runs.LIMIT
