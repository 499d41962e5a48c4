from chainrule.conformance import conformance
from chainrule_norm.conformance import CASES


@conformance(CASES)
def test_conformance(check):
    check()
