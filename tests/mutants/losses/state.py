"""State, aliasing and side effects."""

import warnings
from typing import Any

import numpy as np

from chainrule_losses import MulticlassHinge

from .base import CLASSES, REAL, SHARES, mutant, one_hot, softmax, total
from .honest import Divergence, Softmax, Squared


class SoftmaxThatShifts(Softmax):
    """The largest score is subtracted in place."""

    def value(self, scores, targets):
        scores -= scores.max(axis=1, keepdims=True)
        return super().value(scores, targets)


class DivergenceThatSmooths(Divergence):
    """Targets are smoothed in place, more at every call."""

    def value(self, scores, targets):
        targets *= 0.9
        targets += 0.1 / targets.shape[1]
        return super().value(scores, targets)


BUFFERS: dict[Any, Any] = {}


class SquaredIntoBuffer(Squared):
    """The gradient is a buffer that the next call overwrites."""

    def gradient(self, scores, targets):
        buffer = BUFFERS.setdefault((scores.shape, scores.dtype), np.empty_like(scores))
        return np.multiply(2, self.apart(scores, targets), out=buffer)


class SquaredInScratch(Squared):
    """All threads compute in one scratch array."""

    def value(self, scores, targets):
        scratch = BUFFERS.setdefault((scores.shape, scores.dtype, "scratch"), np.empty_like(scores))
        scratch[...] = self.apart(scores, targets)
        np.multiply(scratch, scratch, out=scratch)
        return total(scratch)


LAST: list[Any] = [None, None]


class SoftmaxThatRemembersScores(Softmax):
    """What is known of the last scores is kept by their identity."""

    def shifted(self, scores):
        if LAST[0] is not scores:
            LAST[:] = scores, super().shifted(scores)
        return LAST[1]


ONE_HOTS: dict[Any, Any] = {}


class SoftmaxOfRememberedTargets(Softmax):
    """One-hot targets are kept by the targets' identity."""

    def gradient(self, scores, targets):
        targets = self.checked(scores, targets)
        kept = ONE_HOTS.setdefault(id(targets), (targets, one_hot(targets, scores)))[1]
        return softmax(scores) - kept.astype(scores.dtype)


MARGINS: dict[Any, Any] = {}


class HingeOfRememberedMargin(MulticlassHinge):
    """A cache by shape forgets the margin."""

    def _excess(self, scores, targets):
        margin = MARGINS.setdefault((scores.shape, scores.dtype), self.margin)
        return MulticlassHinge(margin)._excess(scores, targets)


class SquaredThatRemembers(Squared):
    """The last value is kept on the object."""

    def value(self, scores, targets):
        object.__setattr__(self, "last", super().value(scores, targets))
        return self.last


class SquaredThatCounts(Squared):
    """Calls are counted on the class."""

    calls = 0

    def value(self, scores, targets):
        SquaredThatCounts.calls += 1
        return super().value(scores, targets)


class DecidesByChance(Softmax):
    """decide breaks ties by NumPy's global generator."""

    def decide(self, scores):
        return (scores + 1e-12 * np.random.random(scores.shape)).argmax(axis=1)  # noqa: NPY002 - what is wrong


class SquaredWithNoise(Squared):
    """A generator without a seed dithers the value."""

    def value(self, scores, targets):
        return super().value(scores, targets) * scores.dtype.type(1 + 1e-14 * np.random.default_rng().random())


class SoftmaxWithoutWarnings(Softmax):
    """np.seterr silences the whole program."""

    def value(self, scores, targets):
        np.seterr(all="ignore")
        return super().value(scores, targets)


class SoftmaxWithFilter(Softmax):
    """A filter for warnings is left behind."""

    def value(self, scores, targets):
        warnings.filterwarnings("ignore", message="overflow in the softmax")
        return super().value(scores, targets)


class SoftmaxThatPrints(Softmax):
    """error prints."""

    def error(self, scores, targets):
        wrong = super().error(scores, targets)
        print(f"accuracy {1 - wrong.mean():.2%}")
        return wrong


MUTANTS = [
    mutant(SoftmaxThatShifts(), CLASSES, "state", "purity.input"),
    mutant(DivergenceThatSmooths(), SHARES, "state", "purity.targets"),
    mutant(SquaredIntoBuffer(), REAL, "state", "purity.buffers"),
    mutant(SquaredInScratch(), REAL, "state", "purity.threads"),
    mutant(SoftmaxThatRemembersScores(), CLASSES, "state", "purity.stale"),
    mutant(SoftmaxOfRememberedTargets(), CLASSES | {"score_shape": (6,)}, "state", "purity.stale"),
    mutant(HingeOfRememberedMargin(2.0), CLASSES, "state", "purity.instances"),
    mutant(SquaredThatRemembers(), REAL, "state", "purity.state"),
    mutant(SquaredThatCounts(), REAL, "state", "purity.state"),
    mutant(DecidesByChance(), CLASSES, "randomness", "purity.surroundings"),
    mutant(SquaredWithNoise(), REAL, "randomness", "purity.repeat"),
    mutant(SoftmaxWithoutWarnings(), CLASSES, "state", "purity.surroundings"),
    mutant(SoftmaxWithFilter(), CLASSES, "state", "purity.surroundings"),
    mutant(SoftmaxThatPrints(), CLASSES, "state", "purity.surroundings"),
]
