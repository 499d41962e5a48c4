"""Maxout."""

import numpy as np

from chainrule import BatchJacobian, Dense, DenseParameter, Jacobian, Matrix, Outer, Reshaped, Selection
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Maxout, slow_maxout


class MaxoutWithoutOffset(Maxout):
    """Every unit's winner is looked up among the pieces of the first unit."""

    def maps(self, x, W, winner):
        rows, flat = self.units * self.pieces, W.reshape(self.units * self.pieces, -1)
        chosen = Selection(winner, (rows,))
        return Jacobian(Matrix(flat), after=chosen, W=Reshaped(Outer(x), flat.shape, W.shape))


class MaxoutOfSizes(Maxout):
    """The largest in size wins, forward and backward."""

    def jacobian(self, x, y, W):
        return self.maps(x, W, np.abs(self.every(x, W)).argmax(axis=2))

    def forward(self, x, W):
        pieces = self.every(x, W)
        return np.take_along_axis(pieces, np.abs(pieces).argmax(axis=2)[..., None], axis=2)[..., 0]


class MaxoutToAll(Maxout):
    """At a tie every piece that wins gets the whole gradient."""

    def jacobian(self, x, y, W):
        wins = self.every(x, W) == y[:, :, None]
        J = np.einsum("but,utn->bun", wins, W)
        into = np.zeros((len(x), self.units, *W.shape), x.dtype)
        for u in range(self.units):
            into[:, u, u] = wins[:, u, :, None] * x[:, None, :]
        return Jacobian(Dense(J), W=DenseParameter(into))


class MaxoutLastMinute(Maxout):
    """The winners are looked up when the gradient is asked for, in what forward left on the layer."""

    def forward(self, x, W):
        pieces = self.every(x, W)
        object.__setattr__(self, "winner", pieces.argmax(axis=2))
        return pieces.max(axis=2)

    def jacobian(self, x, y, W):
        return Late(self, x, W)


class Late(BatchJacobian):
    def __init__(self, layer, x, W):
        self.layer, self.x, self.W = layer, x, W

    def maps(self):
        winner = np.resize(self.layer.winner, (len(self.x), self.layer.units))
        return self.layer.maps(self.x, self.W, winner)

    def vjp(self, delta, out=None):
        return self.maps().vjp(delta, out)

    def vjp_params(self, delta, out):
        self.maps().vjp_params(delta, out)

    def jvp(self, tangent, params):
        return self.maps().jvp(tangent, params)


MUTANTS = [
    Mutant(
        LayerCase("affine/maxout-without-offset", MaxoutWithoutOffset(), (3,)),
        fault="derivative",
        wrong="All winners are looked up among the first unit's pieces.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/maxout-of-sizes", MaxoutOfSizes(), (3,), reference=slow_maxout),
        fault="forward",
        wrong="The piece that is largest in size wins, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/maxout-to-all", MaxoutToAll(), (3,)),
        fault="kinks",
        wrong="At a tie every winning piece gets the whole gradient.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("affine/maxout-last-minute", MaxoutLastMinute(), (3,)),
        fault="state",
        wrong="The winners are read from the layer, where a later batch has left its own.",
        killed_by="purity.interleaved",
    ),
]
