"""Small networks beside the same arithmetic as straight-line NumPy that keeps its buffers, for peers.py.

What a training step takes over `numpy-kept` is what its layers, checks and driver cost.
"""

from __future__ import annotations

import numpy as np
from peers import BY_NAME, LR, WORKLOADS, Peer, Unsupported, Workload

WIDTHS = (128,) * 8
DEEP = Workload(
    "S1",
    "deep narrow MLP 64-8x128-10, b16",
    "train",
    16,
    (64,),
    (*[spec for units in WIDTHS for spec in (("affine", units), ("relu",))], ("affine", 10)),
    "softmax_ce",
    10,
)
if DEEP.name not in BY_NAME:
    WORKLOADS.append(DEEP)
    BY_NAME[DEEP.name] = DEEP


class NumpyKept(Peer):
    """An MLP by hand: one θ, one gradient, every array made once, every result written into its place."""

    name = "numpy-kept"

    def version(self):
        return np.__version__

    def build(self, w):
        if w.kind != "train" or {spec[0] for spec in w.layers} != {"affine", "relu"}:
            raise Unsupported
        x, targets = w.data()
        pairs = [own for own in w.params() if own is not None]
        theta = np.concatenate([array.reshape(-1) for pair in pairs for array in (pair[0].T, pair[1])])
        gradient, update = np.empty_like(theta), np.empty_like(theta)
        hidden, start, flowing = [], 0, x
        for W, b in pairs:
            n, units = W.shape
            at, end = start + n * units, start + (n + 1) * units
            W, dW = (vector[start:at].reshape(units, n) for vector in (theta, gradient))
            b, db = theta[at:end], gradient[at:end]
            y, mask, delta = (np.empty((w.batch, units), kind) for kind in (np.float32, bool, np.float32))
            hidden.append((flowing, y, W.T, b, np.zeros(units, np.float32), mask, W, dW, db, delta, delta.T))
            flowing, start = y, end
        ones, rows = np.ones(w.batch, np.float32), np.arange(w.batch)
        last = hidden.pop()
        forth = [layer[:6] for layer in hidden]
        back = [(x, mask, W, dW, db, delta, dT) for x, _, _, _, _, mask, W, dW, db, delta, dT in hidden[::-1]]
        into = [layer[5] for layer in back]
        x_last, scores, WT_last, b_last, _, _, W_last, dW_last, db_last, delta_last, dT_last = last
        loss = (logistic if w.loss == "logistic" else cross_entropy)(scores, targets, rows, delta_last)
        after = [*zip(back, [*into[1:], None], strict=True)]

        def step():
            for x, y, WT, b, zeros, mask in forth:
                np.dot(x, WT, out=y)
                np.add(y, b, out=y)
                np.maximum(y, zeros, out=y)
                np.greater(y, 0, out=mask)
            np.dot(x_last, WT_last, out=scores)
            np.add(scores, b_last, out=scores)
            value = loss()
            np.dot(dT_last, x_last, out=dW_last)
            np.dot(ones, delta_last, out=db_last)
            np.dot(delta_last, W_last, out=into[0])
            for (x, mask, W, dW, db, delta, dT), passed in after:
                np.multiply(delta, mask, out=delta)
                np.dot(dT, x, out=dW)
                np.dot(ones, delta, out=db)
                if passed is not None:
                    np.dot(delta, W, out=passed)
            np.multiply(gradient, LR, out=update)
            np.subtract(theta, update, out=theta)
            return value

        return step


def cross_entropy(scores, targets, rows, delta):
    """Return what computes the mean loss of the scores, and writes its gradient into δ."""
    B, m = scores.shape
    largest, total, ones = np.empty((B, 1), np.float32), np.empty(B, np.float32), np.ones(m, np.float32)

    def loss():
        np.maximum.reduce(scores, axis=1, keepdims=True, out=largest)
        np.subtract(scores, largest, out=scores)
        np.exp(scores, out=delta)
        np.dot(delta, ones, out=total)
        value = float(np.add.reduce(np.log(total) - scores[rows, targets]))
        np.divide(1.0, total, out=total)
        np.multiply(delta, total[:, None], out=delta)
        delta[rows, targets] -= 1.0
        np.multiply(delta, 1.0 / B, out=delta)
        return value / B

    return loss


def logistic(scores, targets, rows, delta):
    """Return the same of the logistic loss."""
    B, y = len(scores), targets[:, None].astype(np.float32)
    small, other = np.empty_like(scores), np.empty_like(scores)

    def loss():
        np.abs(scores, out=small)
        np.negative(small, out=small)
        np.exp(small, out=small)
        np.log1p(small, out=delta)
        np.maximum(scores, 0, out=other)
        np.add(delta, other, out=delta)
        np.multiply(scores, y, out=other)
        np.subtract(delta, other, out=delta)
        value = float(np.add.reduce(delta, axis=None))
        np.minimum(scores, 0, out=delta)
        np.exp(delta, out=delta)
        np.add(small, 1, out=small)
        np.divide(delta, small, out=delta)
        np.subtract(delta, y, out=delta)
        np.multiply(delta, 1.0 / B, out=delta)
        return value / B

    return loss
