"""Embedding."""

import numpy as np

from chainrule import Jacobian, UnsupportedError
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Embedding, Rows


class EmbeddingOverwrites(Embedding):
    """An index that comes twice counts once."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Overwriting(x, table.shape))


class Overwriting(Rows):
    def vjp(self, delta, out):
        out[...] = 0
        out[self.x] += delta


class EmbeddingLeavesRest(Embedding):
    """The rows of absent indices are not written."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Sparse(x, table.shape))


class Sparse(Rows):
    def vjp(self, delta, out):
        out[self.x] = 0
        np.add.at(out, self.x, delta)


class EmbeddingOfZeros(Embedding):
    """vjp returns zeros for the indices, as if they had a derivative."""

    def jacobian(self, x, y, table):
        return ZeroInput(None, table=Rows(x, table.shape))


class ZeroInput(Jacobian):
    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return np.zeros(delta.shape[:-1], delta.dtype)


class EmbeddingByOneHot(Embedding):
    """One-hot vectors are float64, whatever the table is."""

    def forward(self, x, table):
        return np.eye(self.entries)[x] @ table


class EmbeddingOfLongs(Embedding):
    """Flat positions are computed in the dtype of the indices, and overflow in a byte."""

    def forward(self, x, table):
        places = x[..., None] * self.width + np.arange(self.width, dtype=x.dtype)
        return table.reshape(-1)[places]


class EmbeddingScatters(Embedding):
    """per_sample gives every sample what belongs to the batch."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=SumPerSample(x, table.shape))


class SumPerSample(Rows):
    def per_sample(self, delta):
        total = np.zeros(self.shape, delta.dtype)
        self.vjp(delta, total)
        return np.stack([total] * len(delta))


class EmbeddingNormsTable(Embedding):
    """Rows that are too long are shortened in the table itself."""

    def forward(self, x, table):
        sizes = np.sqrt((table * table).sum(axis=1, keepdims=True))
        np.divide(table, sizes, out=table, where=sizes > 0.5)
        return table[x]


class EmbeddingRefusesForward(Embedding):
    """Forward mode wants a direction of the indices, too."""

    def jacobian(self, x, y, table):
        return WantsTangent(None, table=Rows(x, table.shape))


class WantsTangent(Jacobian):
    def jvp(self, tangent, params):
        if tangent is None:
            raise UnsupportedError("jvp of indices")
        return super().jvp(None, params)


MUTANTS = [
    Mutant(
        LayerCase("affine/embedding-overwrites", EmbeddingOverwrites(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="An index that comes twice in a batch counts once.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/embedding-leaves-rest", EmbeddingLeavesRest(40), (4,), domain=(0, 40)),
        fault="state",
        wrong="The rows of absent indices keep what was in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/embedding-of-zeros", EmbeddingOfZeros(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="vjp returns zeros for indices, which have no derivative.",
        killed_by="arrays.integers",
    ),
    Mutant(
        LayerCase("affine/embedding-by-one-hot", EmbeddingByOneHot(), (4,), domain=(0, 6)),
        fault="arrays",
        wrong="One-hot vectors make float64 of a float32 table.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("affine/embedding-of-bytes", EmbeddingOfLongs(200, 2), (4,), domain=(0, 200)),
        fault="arrays",
        wrong="Positions are computed in the dtype of the indices, and overflow in a byte.",
        killed_by="arrays.integers",
    ),
    Mutant(
        LayerCase("affine/embedding-scatters", EmbeddingScatters(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="per_sample gives every sample the sum.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("affine/embedding-norms-table", EmbeddingNormsTable(), (4,), domain=(0, 6)),
        fault="state",
        wrong="Long rows are shortened in the table itself.",
        killed_by="purity.parameters",
    ),
    Mutant(
        LayerCase("affine/embedding-refuses-forward", EmbeddingRefusesForward(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="jvp wants a tangent of the indices.",
        killed_by="gradient.adjoint",
    ),
]
