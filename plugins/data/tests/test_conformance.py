from chainrule.conformance import conformance
from chainrule_data.conformance import CASES


@conformance(CASES)
def test_conformance(check):
    check()
