from chainrule.conformance import conformance
from chainrule_numba.conformance import CASES


@conformance(CASES)
def test_conformance(check):
    check()
