"""What the losses are made of, and how a wrong one becomes a mutant."""

import re

import numpy as np

from chainrule.conformance import LossCase

from .. import Mutant


def total(terms):
    return terms.sum(axis=tuple(range(1, terms.ndim)))


def sigmoid(s):
    return np.exp(np.minimum(s, 0)) / (1 + np.exp(-np.abs(s)))


def softplus(s):
    return np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s)))


def softmax(s):
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def one_hot(targets, like):
    return np.eye(like.shape[1], dtype=like.dtype)[targets]


def rows(targets):
    return np.arange(len(targets)), targets


def pointwise(slow):
    """Make a reference of a function of one point's scores, a list, and its target."""

    def reference(scores, targets):
        targets = [None] * len(scores) if targets is None else targets.tolist()
        return np.array([slow(s, t) for s, t in zip(scores.tolist(), targets, strict=True)])

    return reference


def slow_squared(s, y):
    return sum((a - b) ** 2 for a, b in zip(np.ravel(s), np.ravel(y), strict=True))


def slow_cross_entropy(s, y):
    return float(np.logaddexp.reduce(s)) - s[y]


def slow_logistic(s, y):
    return sum(float(np.logaddexp(0, -a if b == 1 else a)) for a, b in zip(s, y, strict=True))


def slow_hinge(margin):
    return lambda s, y: sum(max(s[i] - s[y] + margin, 0) for i in range(len(s)) if i != y)


CLASSES = {"score_shape": (4,), "targets": "class"}


REAL = {"score_shape": (3,), "targets": "real"}


BINARY = {"score_shape": (3,), "targets": "binary"}


SIGN = {"score_shape": (3,), "targets": "sign"}


SHARES = {"score_shape": (4,), "targets": "distribution"}


def mutant(loss, traits, fault, killed_by, **more):
    """Return a mutant with the name of its class; the docstring says what is wrong."""
    name = re.sub("(?<!^)(?=[A-Z])", "-", type(loss).__name__).lower()
    return Mutant(LossCase(f"loss/{name}", loss, **(traits | more)), fault, type(loss).__doc__, killed_by)
