from chainrule.conformance import conformance
from chainrule_optimizers.cases import CASES


@conformance(CASES)
def test_conformance(check):
    check()
