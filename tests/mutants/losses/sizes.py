"""Close to a target: losses that turn from one formula into another at a small distance."""

from dataclasses import dataclass

import numpy as np

from chainrule import Loss, positive_real, real_targets
from chainrule.conformance import LossCase

from .. import Mutant
from .base import pointwise

HONEST = []
MUTANTS = []


@dataclass(frozen=True)
class Huber(Loss):
    """l = Σ_k h(s_k - y_k), h(d) = d²/2 within the edge and edge (|d| - edge/2) beyond."""

    edge: float = 0.1

    def __post_init__(self):
        positive_real("edge", self.edge)

    def value(self, scores, targets):
        d = np.abs(scores - real_targets("huber", scores, targets))
        terms = np.where(d < self.edge, d * d / 2, self.edge * (d - self.edge / 2))
        return terms.reshape(len(terms), -1).sum(axis=1)

    def gradient(self, scores, targets):
        return np.clip(scores - real_targets("huber", scores, targets), -self.edge, self.edge)


class HuberBySign(Huber):
    """The gradient is that of the lines, within the edge, too."""

    def gradient(self, scores, targets):
        return self.edge * np.sign(scores - real_targets("huber", scores, targets))


class HuberHalfSquare(Huber):
    """Within a tenth of the edge value and gradient are half the right ones."""

    def value(self, scores, targets):
        d = np.abs(scores - real_targets("huber", scores, targets))
        terms = np.where(d < self.edge, d * d / 2, self.edge * (d - self.edge / 2))
        terms = np.where(d < self.edge / 10, terms / 2, terms)
        return terms.reshape(len(terms), -1).sum(axis=1)

    def gradient(self, scores, targets):
        d = scores - real_targets("huber", scores, targets)
        return np.where(np.abs(d) < self.edge / 10, d / 2, np.clip(d, -self.edge, self.edge))


def slow_huber(s, y):
    apart = [abs(a - b) for a, b in zip(s, y, strict=True)]
    return sum(d * d / 2 if d < 0.1 else 0.1 * (d - 0.05) for d in apart)


TRAITS = {"score_shape": (3,), "targets": "real", "reference": pointwise(slow_huber), "non_negative": True}
HONEST.append(LossCase("loss/huber-0.1", Huber(), **TRAITS))
FINE = {"score_shape": (3,), "targets": "real", "non_negative": True}


def wrong_loss(name, loss, traits, fault):
    MUTANTS.append(Mutant(LossCase(name, loss, **traits), fault, type(loss).__doc__, "loss.magnitudes"))


HONEST.append(LossCase("loss/huber-0.01", Huber(0.01), **FINE))
wrong_loss("loss/huber-by-sign", HuberBySign(0.01), FINE, "derivative")
wrong_loss("loss/huber-half-square", HuberHalfSquare(), TRAITS, "forward")


def somewhere(rng, B):
    return rng.uniform(1.0, 9.0, (B, 3))


OWN_TARGETS = {"score_shape": (3,), "targets": somewhere, "non_negative": True}
HONEST.append(LossCase("loss/huber-of-its-own-targets", Huber(0.01), **OWN_TARGETS))
wrong_loss("loss/huber-by-sign-of-its-own-targets", HuberBySign(0.01), OWN_TARGETS, "derivative")
