"""Everything that a layer, a loss or an optimizer offers can be called."""

from __future__ import annotations

import numpy as np

from ..outcomes import Failure
from ..probes import Probe
from ..rules import ANY, rule


@rule("runs.everything", ANY, needs=["gradient.runs", "loss.runs", "optimizer.runs", "preparation.runs"])
def everything(probe: Probe) -> None:
    """Every method that the protocol names runs on legal arguments and returns arrays.

    vjp, vjp_params, jvp and per_sample of a layer's Jacobian; value, gradient, decide and error of a loss; init and
    step of an optimizer; fit, merge, finish and apply of a preparation.
    """
    for name, result in probe.everything(probe.point()).items():
        if type(result) is not np.ndarray:
            raise Failure(f"{name} is {type(result).__name__}, no plain array")
