"""Decisions, errors and probabilities are wrong."""

import numpy as np

from chainrule_losses import CrossEntropy, Logistic, SignedLogistic

from .base import BINARY, CLASSES, SIGN, mutant, sigmoid, softmax
from .honest import Softmax, YesOrNo


class DecidesForTheWorst(Softmax):
    """decide takes the smallest score."""

    def decide(self, scores):
        return scores.argmin(axis=1)


class DecidesFromOne(Softmax):
    """decide counts classes from 1."""

    def decide(self, scores):
        return scores.argmax(axis=1) + 1

    def error(self, scores, targets):
        return self.decide(scores) != self.checked(scores, targets) + 1


class DecidesAcrossBatch(Softmax):
    """decide takes the argmax along the batch."""

    def decide(self, scores):
        return scores.argmax(axis=0)

    def error(self, scores, targets):
        return super().decide(scores) != self.checked(scores, targets)


class DecidesZeroAndOne(SignedLogistic):
    """decide answers 0 and 1 where targets are -1 and 1."""

    def decide(self, scores):
        return (scores > 0).astype(int)


class DecidesAtHalf(Logistic):
    """decide compares scores, not probabilities, with 1/2."""

    def decide(self, scores):
        return (scores > 0.5).astype(int)


class ErrorInverted(Softmax):
    """error is true where the decision is right."""

    def error(self, scores, targets):
        return ~super().error(scores, targets)


class ErrorIsShare(YesOrNo):
    """error is the share of wrong decisions of a point, not whether any is wrong."""

    def error(self, scores, targets):
        return (self.decide(scores) != self.checked(scores, targets)).mean(axis=1)


class ErrorOfAll(YesOrNo):
    """error is true only where all decisions of a point are wrong."""

    def error(self, scores, targets):
        return (self.decide(scores) != self.checked(scores, targets)).all(axis=1)


class ErrorAsNumber(Softmax):
    """error is 0 and 1, no bool."""

    def error(self, scores, targets):
        return super().error(scores, targets).astype(int)


class ErrorOfOtherThreshold(YesOrNo):
    """error has another threshold than decide."""

    def error(self, scores, targets):
        return ((scores > 1) != self.checked(scores, targets)).any(axis=1)


class LogProbabilities(CrossEntropy):
    """probabilities are their logarithms."""

    def probabilities(self, scores):
        return np.log(softmax(scores))


class ProbabilitiesApart(CrossEntropy):
    """probabilities of classes do not sum to 1."""

    def probabilities(self, scores):
        return sigmoid(scores)


class ProbabilitiesAcrossBatch(CrossEntropy):
    """The softmax of probabilities runs along the batch."""

    def probabilities(self, scores):
        return softmax(scores.T).T


class ProbabilitiesOfNo(Logistic):
    """probabilities are those of 0."""

    def probabilities(self, scores):
        return sigmoid(-scores)


MUTANTS = [
    mutant(DecidesForTheWorst(), CLASSES, "forward", "loss.decide"),
    mutant(DecidesFromOne(), CLASSES, "forward", "loss.decide"),
    mutant(DecidesAcrossBatch(), CLASSES, "batch", "loss.points"),
    mutant(DecidesZeroAndOne(), SIGN, "forward", "loss.decide"),
    mutant(DecidesAtHalf(), BINARY | {"score_shape": (8,)}, "forward", "loss.probabilities"),
    mutant(ErrorInverted(), CLASSES, "forward", "loss.error"),
    mutant(ErrorIsShare(), BINARY, "forward", "loss.error"),
    mutant(ErrorOfAll(), BINARY, "forward", "loss.error"),
    mutant(ErrorAsNumber(), CLASSES, "arrays", "loss.error"),
    mutant(ErrorOfOtherThreshold(), BINARY | {"score_shape": (1,)}, "forward", "loss.error"),
    mutant(LogProbabilities(), CLASSES, "forward", "loss.probabilities"),
    mutant(ProbabilitiesApart(), CLASSES, "forward", "loss.probabilities"),
    mutant(ProbabilitiesAcrossBatch(), CLASSES, "batch", "loss.probabilities"),
    mutant(ProbabilitiesOfNo(), BINARY, "forward", "loss.probabilities"),
]
