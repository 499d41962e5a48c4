from chainrule.conformance import conformance
from chainrule.conformance.own_cases import CASES


@conformance(CASES)
def test_conformance(check):
    check()
