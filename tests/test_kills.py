import os

import kills
import pytest


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_runs_that_were_killed_end_with_the_bits_of_those_that_were_not():
    equal, places = kills.main(5, seed=1)
    assert equal >= 2
    assert places.total() >= 5
