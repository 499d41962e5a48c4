"""Kinks and ties."""

import numpy as np

from chainrule import real_targets, sign_targets
from chainrule_losses import MulticlassHinge

from .base import CLASSES, REAL, SIGN, mutant, rows
from .honest import Absolute, Distance, LargestMargin, SignHinge


class HingeUnevenAtKink(MulticlassHinge):
    """At the kink a class counts for |D| and not for e_j (E19b of the course)."""

    def linearize(self, scores, targets):
        excess = self._excess(scores, targets)
        gradient = (excess > 0).astype(scores.dtype)
        inside = scores + self.margin >= scores[rows(targets)][:, np.newaxis]
        gradient[rows(targets)] = 1 - inside.sum(axis=1)
        return np.maximum(excess, 0).sum(axis=1), gradient


class DistanceOfNothing(Distance):
    """The gradient is 0/0 where the prediction is perfect."""

    def gradient(self, scores, targets):
        d = scores - real_targets("distance", scores, targets)
        return d / np.sqrt((d * d).sum(axis=1, keepdims=True))


class SignHingeClosed(SignHinge):
    """At the kink the slope is -y, and -y/2 is declared."""

    def gradient(self, scores, targets):
        y = sign_targets("sign_hinge", scores, targets)
        return -y * (y * scores <= 1)


class LargestMarginOfAll(LargestMargin):
    """At a tie every largest class takes the whole gradient."""

    def gradient(self, scores, targets):
        at = rows(self.checked(scores, targets))
        raised = scores + 1
        raised[at] = scores[at]
        gradient = (raised == raised.max(axis=1, keepdims=True)).astype(scores.dtype)
        gradient[at] -= 1
        return gradient


class AbsoluteByDivision(Absolute):
    """The sign is d / |d|: NaN where a score meets its target."""

    def gradient(self, scores, targets):
        d = scores - real_targets("absolute_error", scores, targets)
        return d / np.abs(d)


MUTANTS = [
    mutant(HingeUnevenAtKink(), CLASSES, "kinks", "loss.hull"),
    mutant(DistanceOfNothing(), REAL, "kinks", "loss.hull"),
    mutant(
        SignHingeClosed(),
        SIGN,
        "kinks",
        "loss.kink_points",
        kink_points=[([1.0, 0.0, 2.0], [1, 1, 1], [-0.5, -1.0, 0.0])],
    ),
    mutant(LargestMarginOfAll(), CLASSES, "kinks", "loss.hull"),
    mutant(AbsoluteByDivision(), REAL, "kinks", "loss.hull"),
]
