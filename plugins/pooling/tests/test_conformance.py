from chainrule.conformance import conformance
from chainrule_pooling.conformance import CASES


@conformance(CASES)
def test_conformance(check):
    check()
