"""Time and memory."""

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ROW, SHAPE, ReLU, Softplus, Tanh


class WrittenOut(Diagonal):
    """The diagonal matrix of each sample, written out."""

    def vjp(self, delta):
        flat = delta.reshape(len(delta), -1)
        matrices = np.zeros((len(flat), flat.shape[1], flat.shape[1]), delta.dtype)
        np.einsum("bii->bi", matrices)[...] = self.d.reshape(len(delta), -1)
        return np.einsum("bi,bij->bj", flat, matrices).reshape(delta.shape)


class SoftplusWrittenOut(Softplus):
    def jacobian(self, x, y):
        return Jacobian(WrittenOut(self.derivative(x, y)))


class ReLUByPairs(ReLU):
    """It asks of all pairs of samples which is which."""

    def forward(self, x):
        places = np.arange(len(x))
        same = places[:, None] == places[None, :]
        return np.maximum(x, 0)[same.argmax(axis=1)]


class TanhDescribesByRunning(Tanh):
    def output_shape(self, input_shape):
        return np.tanh(np.zeros((1, *input_shape))).shape[1:]


MUTANTS = [
    Mutant(
        LayerCase("elementwise/softplus-written-out", SoftplusWrittenOut(), SHAPE),
        fault="resources",
        wrong="vjp builds the dense matrix of each sample.",
        killed_by="resources.vjp",
    ),
    Mutant(
        LayerCase("elementwise/relu-by-pairs", ReLUByPairs(), ROW),
        fault="resources",
        wrong="It makes an array of B × B.",
        killed_by="resources.batch",
    ),
    Mutant(
        LayerCase("elementwise/tanh-describes-by-running", TanhDescribesByRunning(), SHAPE),
        fault="resources",
        wrong="output_shape runs the layer.",
        killed_by="forward.describes",
    ),
]
