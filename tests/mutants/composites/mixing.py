"""Layers that mix the samples of a batch."""

from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Centred, WithoutMean, slow_centred


class CentredUndeclared(Centred):
    mixes_samples = False


class ConstantMean(WithoutMean):
    def centre(self, v):
        return v


class CentredConstantMean(Centred):
    def jacobian(self, x, y, gain):
        return ConstantMean(x if len(x) == 1 else x - x.mean(axis=0), gain)


class UncentredForward(WithoutMean):
    def jvp(self, tangent, params):
        moved = tangent * self.gain
        return moved + self.z * params["gain"] if "gain" in params else moved


class CentredForwardMode(Centred):
    def jacobian(self, x, y, gain):
        return UncentredForward(x if len(x) == 1 else x - x.mean(axis=0), gain)


class MeanGain(WithoutMean):
    def vjp_params(self, delta, out):
        out["gain"][...] = (delta * self.z).mean(axis=0)


class CentredMeanGain(Centred):
    def jacobian(self, x, y, gain):
        return MeanGain(x if len(x) == 1 else x - x.mean(axis=0), gain)


class CentredByFirst(Centred):
    """It subtracts the first sample in place of the mean, forward and backward."""

    def forward(self, x, gain):
        return x * gain if len(x) == 1 else (x - x[0]) * gain

    def jacobian(self, x, y, gain):
        return WithoutFirst(x if len(x) == 1 else x - x[0], gain)


class WithoutFirst(WithoutMean):
    def centre(self, v):
        return v if len(v) == 1 else v - v[0]

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        pulled = delta * self.gain
        if len(delta) > 1:
            pulled[0] -= pulled.sum(axis=0)
        return pulled


class CentredRemembers(Centred):
    """The mean of the last batch is kept, for whoever may ask."""

    def forward(self, x, gain):
        object.__setattr__(self, "last_mean", float(x.mean()))
        return super().forward(x, gain)


class CentredWithin(Centred):
    """Each sample loses its own mean, and says that it mixes with others."""

    def forward(self, x, gain):
        return (x - x.mean(axis=1, keepdims=True)) * gain

    def jacobian(self, x, y, gain):
        return Within(x - x.mean(axis=1, keepdims=True), gain)


class Within(WithoutMean):
    def centre(self, v):
        return v - v.mean(axis=1, keepdims=True)


MUTANTS = [
    Mutant(
        LayerCase("composites/centred-undeclared", CentredUndeclared(), (3,)),
        fault="batch",
        wrong="The mean over the batch mixes samples, and the class does not say so.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("composites/centred-constant-mean", CentredConstantMean(), (3,)),
        fault="derivative",
        wrong="The mean is taken for a constant.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("composites/centred-forward-mode", CentredForwardMode(), (3,)),
        fault="derivative",
        wrong="jvp takes the mean for a constant, vjp does not.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("composites/centred-mean-gain", CentredMeanGain(), (3,)),
        fault="batch",
        wrong="The gradient of the gain is a mean over the batch.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("composites/centred-by-first", CentredByFirst(), (3,), reference=slow_centred),
        fault="forward",
        wrong="The first sample is subtracted in place of the mean.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/centred-remembers", CentredRemembers(), (3,)),
        fault="state",
        wrong="The layer keeps the mean of the last batch.",
        killed_by="purity.state",
    ),
    Mutant(
        LayerCase("composites/centred-within", CentredWithin(), (3,)),
        fault="batch",
        wrong="Each sample is centred by itself, and mixes_samples is True.",
        killed_by="batch.mixing",
    ),
]
