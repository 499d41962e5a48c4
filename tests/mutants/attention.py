"""Wrong attention: where the scores are scaled, what a mask takes out, whose δ is whose."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Layer, ShapeError
from chainrule.conformance import LayerCase

from . import Mutant

MUTANTS = []
HONEST = []
MASKED = [(2, 4), (3, 4), (3, 2), (3,)]
SQUARE = [(3, 2), (3, 2), (3, 2), (3,)]
MASK = {3: (1, 2)}


def mutant(name, layer, fault, killed_by, shapes=MASKED, **traits):
    case = LayerCase(f"attention/{name}", layer, shapes, **traits)
    MUTANTS.append(Mutant(case, fault, type(layer).__doc__, killed_by))


def honest(name, layer, shapes, **traits):
    HONEST.append(LayerCase(f"honest/attention/{name}", layer, shapes, **traits))


def softmax(scores, keep):
    """Return weights over the last axis: 0 where keep is False, and everywhere where it is nowhere True."""
    scores = np.where(keep, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(top == -np.inf, 0, top))
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total)


@dataclass(frozen=True)
class Attention(Layer):
    """y = softmax(q kᵀ / √d) v over the keys whose mask is not 0."""

    integer_input = (False, False, False, True)

    def output_shape(self, q, k, v, mask):
        expected = [(*q[:1], "d"), (*v[:1], *q[1:]), ("T", "m"), v[:1]]
        if len(q) != 2 or len(k) != 2 or len(v) != 2 or k != (v[0], q[1]) or mask != v[:1]:
            raise ShapeError("queries, keys, values and mask", expected=expected, got=[q, k, v, mask])
        return (q[0], v[1])

    def forward(self, q, k, v, mask):
        return self.weights(q, k, mask) @ v

    def scale(self, q):
        return 1 / q.shape[-1] ** 0.5

    def keep(self, mask):
        return (mask != 0)[:, None, :]

    def weights(self, q, k, mask):
        return softmax(q @ k.swapaxes(1, 2) * self.scale(q), self.keep(mask))

    def linearize(self, q, k, v, mask):
        p = self.weights(q, k, mask)
        return p @ v, self.maps(q, k, v, p, mask)

    def maps(self, q, k, v, p, mask):
        return Maps(q, k, v, p, self.scale(q))


class Maps(BatchJacobian):
    def __init__(self, q, k, v, p, scale):
        self.q, self.k, self.v, self.p, self.scale = q, k, v, p, scale

    def scores(self, dp):
        return self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True))

    def vjp(self, delta, out=None):
        ds = self.scores(delta @ self.v.swapaxes(1, 2)) * self.scale
        return ds @ self.k, ds.swapaxes(1, 2) @ self.q, self.p.swapaxes(1, 2) @ delta, None

    def jvp(self, tangents, params):
        q, k, v, _ = tangents
        moved = np.zeros_like(self.p)
        if q is not None:
            moved = moved + q @ self.k.swapaxes(1, 2)
        if k is not None:
            moved = moved + self.q @ k.swapaxes(1, 2)
        y = self.scores(moved * self.scale) @ self.v
        return y if v is None else y + self.p @ v


def slow(q, k, v, mask):
    y = np.zeros((q.shape[0], v.shape[1])) if q.ndim == 2 else None
    if y is None:
        return np.stack([slow(*one) for one in zip(q, k, v, mask, strict=True)])
    for i in range(len(q)):
        kept = [j for j in range(len(k)) if mask[j] != 0]
        shares = [np.exp(sum(q[i] * k[j]) / len(q[i]) ** 0.5) for j in kept]
        for share, j in zip(shares, kept, strict=True):
            y[i] += share / sum(shares) * v[j]
    return y


honest("masked", Attention(), MASKED, reference=slow, masks=MASK)
honest("one-length", Attention(), SQUARE, reference=slow, masks=MASK)
honest("one-key", Attention(), [(2, 3), (1, 3), (1, 1), (1,)], masks=MASK)


class ScaledForward(Attention):
    """The scores are divided by √d forward, and their gradient is not."""

    def maps(self, q, k, v, p, mask):
        return Maps(q, k, v, p, 1)


mutant("scaled-forward-alone", ScaledForward(), "derivative", "gradient.input")


class KeysUnscaled(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return q, k / self.scale, v, None


class ScaledForQueries(Attention):
    """1/√d is in the δ of the queries, and not in that of the keys."""

    def maps(self, q, k, v, p, mask):
        return KeysUnscaled(q, k, v, p, self.scale(q))


mutant("scaled-for-queries-alone", ScaledForQueries(), "derivative", "gradient.input")


class UnscaledJvp(Maps):
    def jvp(self, tangents, params):
        return Maps(self.q, self.k, self.v, self.p, 1).jvp(tangents, params)


class ScaledBackward(Attention):
    """1/√d is in vjp, and not in jvp."""

    def maps(self, q, k, v, p, mask):
        return UnscaledJvp(q, k, v, p, self.scale(q))


mutant("scaled-backward-alone", ScaledBackward(), "derivative", "gradient.adjoint")


class ScaledByKeys(Attention):
    """The scores are divided by the root of how many keys there are."""

    def weights(self, q, k, mask):
        return softmax(q @ k.swapaxes(1, 2) * self.scale(k), self.keep(mask))

    def scale(self, q):
        return 1 / q.shape[1] ** 0.5

    def maps(self, q, k, v, p, mask):
        return Maps(q, k, v, p, self.scale(k))


mutant("scaled-by-length", ScaledByKeys(), "forward", "forward.reference", reference=slow)


class AfterSoftmax(Attention):
    """The mask is applied after the softmax: what it takes out still counts in the sum below."""

    def weights(self, q, k, mask):
        return softmax(q @ k.swapaxes(1, 2) * self.scale(q), True) * self.keep(mask)

    def maps(self, q, k, v, p, mask):
        every = softmax(q @ k.swapaxes(1, 2) * self.scale(q), True)
        return MaskedAfter(q, k, v, p, self.scale(q), every, self.keep(mask))


class MaskedAfter(Maps):
    def __init__(self, q, k, v, p, scale, every, keep):
        super().__init__(q, k, v, p, scale)
        self.every, self.keep = every, keep

    def vjp(self, delta, out=None):
        dp = delta @ self.v.swapaxes(1, 2) * self.keep
        ds = self.every * (dp - (dp * self.every).sum(axis=-1, keepdims=True)) * self.scale
        return ds @ self.k, ds.swapaxes(1, 2) @ self.q, self.p.swapaxes(1, 2) @ delta, None

    def scores(self, dp):
        return self.every * (dp - (dp * self.every).sum(axis=-1, keepdims=True)) * self.keep


mutant("mask-after-softmax", AfterSoftmax(), "forward", "masks.apart", masks=MASK)


class ZeroScores(Attention):
    """Masked scores are 0, not -∞: e⁰ is 1."""

    def weights(self, q, k, mask):
        return softmax(q @ k.swapaxes(1, 2) * self.scale(q) * self.keep(mask), True)

    def maps(self, q, k, v, p, mask):
        return ZeroedScores(q, k, v, p, self.scale(q), self.keep(mask))


class ZeroedScores(Maps):
    def __init__(self, q, k, v, p, scale, keep):
        super().__init__(q, k, v, p, scale)
        self.keep = keep

    def vjp(self, delta, out=None):
        ds = self.scores(delta @ self.v.swapaxes(1, 2)) * self.scale * self.keep
        return ds @ self.k, ds.swapaxes(1, 2) @ self.q, self.p.swapaxes(1, 2) @ delta, None

    def jvp(self, tangents, params):
        q, k, v, _ = tangents
        moved = 0 if q is None else q @ self.k.swapaxes(1, 2)
        moved = moved + (0 if k is None else self.q @ k.swapaxes(1, 2))
        y = self.scores(moved * self.scale * self.keep) @ self.v if q is not None or k is not None else 0
        return y if v is None else y + self.p @ v


mutant("masked-scores-are-zero", ZeroScores(), "forward", "masks.apart", masks=MASK)


class LittleScores(Attention):
    """Masked scores are lowered by 10, which leaves them a share."""

    def weights(self, q, k, mask):
        lowered = q @ k.swapaxes(1, 2) * self.scale(q) - 10 * (1 - self.keep(mask).astype(q.dtype))
        return softmax(lowered, True)


mutant("masked-scores-are-lowered", LittleScores(), "forward", "masks.apart", masks=MASK)


class Lowest(Attention):
    """Masked scores are -1e9: where all are masked, all have the same weight."""

    def weights(self, q, k, mask):
        return softmax(np.where(self.keep(mask), q @ k.swapaxes(1, 2) * self.scale(q), -1e9), True)


mutant("all-masked-is-the-mean", Lowest(), "forward", "masks.all", masks=MASK)


class NothingLeft(Attention):
    """Where all keys are masked it is 0/0."""

    def weights(self, q, k, mask):
        scores = np.where(self.keep(mask), q @ k.swapaxes(1, 2) * self.scale(q), -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return weights / weights.sum(axis=-1, keepdims=True)


mutant("all-masked-is-nan", NothingLeft(), "extremes", "masks.all", masks=MASK)


class MaskTurned(Attention):
    """The mask keeps what it should take out."""

    def keep(self, mask):
        return (mask == 0)[:, None, :]


mutant("mask-turned-round", MaskTurned(), "forward", "masks.apart", masks=MASK)


class ForwardMasked(Maps):
    def __init__(self, q, k, v, p, scale, every):
        super().__init__(q, k, v, p, scale)
        self.every = every

    def scores(self, dp):
        return self.every * (dp - (dp * self.every).sum(axis=-1, keepdims=True))


class UnmaskedBackward(Attention):
    """Backward the mask is forgotten."""

    def maps(self, q, k, v, p, mask):
        return ForwardMasked(q, k, v, p, self.scale(q), softmax(q @ k.swapaxes(1, 2) * self.scale(q), True))


mutant("mask-forgotten-backward", UnmaskedBackward(), "derivative", "gradient.input")


class LastKept(Attention):
    """The last key is never masked."""

    def keep(self, mask):
        kept = mask != 0
        return (kept | (np.arange(mask.shape[1]) == mask.shape[1] - 1))[:, None, :]


mutant("last-key-is-never-masked", LastKept(), "forward", "masks.apart", masks=MASK)


class FirstMask(Attention):
    """The mask of the first sample is everyone's."""

    def keep(self, mask):
        return (mask[:1] != 0)[:, None, :]


mutant("mask-of-the-first-sample", FirstMask(), "batch", "inputs.samples")


class MaskedQueries(Attention):
    """The mask of keys takes out queries, where there are as many."""

    def weights(self, q, k, mask):
        p = softmax(q @ k.swapaxes(1, 2) * self.scale(q), True)
        return p * (mask != 0)[:, :, None] if mask.shape[1] == q.shape[1] else p


mutant("mask-of-queries", MaskedQueries(), "forward", "masks.apart", SQUARE, masks=MASK)


class MaskTwice(Attention):
    """A key is kept if twice its mask is 2: of bools, True and True is True."""

    def keep(self, mask):
        return ((mask + mask) == 2)[:, None, :]


mutant("mask-twice", MaskTwice(), "arrays", "inputs.whole_numbers")


class LogMask(Attention):
    """The logarithm of the mask is added to the scores, in float64."""

    def weights(self, q, k, mask):
        with np.errstate(divide="ignore"):
            return softmax(q @ k.swapaxes(1, 2) * self.scale(q) + np.log(mask)[:, None, :], self.keep(mask))


mutant("log-of-the-mask", LogMask(), "arrays", "arrays.float32")


class CountsDown(Attention):
    """The mask is set to 0 and 1 in place."""

    def linearize(self, q, k, v, mask):
        found = super().linearize(q, k, v, mask)
        mask *= -1
        return found


mutant("mask-in-place", CountsDown(), "state", "inputs.untouched")


class Literal(Attention):
    """The softmax is the quotient of exponentials, the largest score is not subtracted."""

    def weights(self, q, k, mask):
        weights = np.exp(q @ k.swapaxes(1, 2) * self.scale(q)) * self.keep(mask)
        return weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-30)


mutant("largest-not-subtracted", Literal(), "extremes", "numerics.extremes")


class LargestOfAll(Attention):
    """The largest score of the whole batch is subtracted, not of each query: of others it leaves 0/0."""

    def weights(self, q, k, mask):
        scores = np.where(self.keep(mask), q @ k.swapaxes(1, 2) * self.scale(q), -np.inf)
        weights = np.exp(scores - scores.max(initial=0))
        return weights / weights.sum(axis=-1, keepdims=True)


mutant("largest-of-the-batch", LargestOfAll(), "extremes", "numerics.extremes", domain=[None] * 3 + [(1, 2)])


class DiagonalAlone(Maps):
    def scores(self, dp):
        return self.p * dp


class SoftmaxDiagonal(Attention):
    """The derivative of the softmax has its diagonal alone."""

    def maps(self, q, k, v, p, mask):
        return DiagonalAlone(q, k, v, p, self.scale(q))


mutant("softmax-diagonal", SoftmaxDiagonal(), "derivative", "gradient.input")


class OverQueries(Maps):
    def scores(self, dp):
        return self.p * (dp - (dp * self.p).sum(axis=-2, keepdims=True))


class SumOverQueries(Attention):
    """Backward the sum of the softmax goes over the queries."""

    def maps(self, q, k, v, p, mask):
        return OverQueries(q, k, v, p, self.scale(q))


mutant("softmax-over-queries", SumOverQueries(), "derivative", "gradient.input")


class WeightsConstant(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return np.zeros_like(q), np.zeros_like(k), v, None


class ValuesAlone(Attention):
    """The weights are taken for constants: the values alone have a δ."""

    def maps(self, q, k, v, p, mask):
        return WeightsConstant(q, k, v, p, self.scale(q))


mutant("weights-are-constants", ValuesAlone(), "derivative", "gradient.input")


class Swapped(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return q, v, k, None


class KeysForValues(Attention):
    """The δ of keys and values change places."""

    def maps(self, q, k, v, p, mask):
        return Swapped(q, k, v, p, self.scale(q))


mutant("deltas-change-places", KeysForValues(), "derivative", "gradient.input", SQUARE)


class Listed(Maps):
    def vjp(self, delta, out=None):
        return list(super().vjp(delta, out))


class ListOfDeltas(Attention):
    """vjp returns a list."""

    def maps(self, q, k, v, p, mask):
        return Listed(q, k, v, p, self.scale(q))


mutant("deltas-in-a-list", ListOfDeltas(), "errors", "gradient.runs")


class Zeroed(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return q, k, v, np.zeros(v.shape[:-1], v.dtype)


class MaskHasDelta(Attention):
    """The mask has a δ of zeros, where None belongs."""

    def maps(self, q, k, v, p, mask):
        return Zeroed(q, k, v, p, self.scale(q))


mutant("mask-has-a-delta", MaskHasDelta(), "errors", "gradient.runs")


class AllMove(Maps):
    def jvp(self, tangents, params):
        q, k, v, _ = tangents
        moved = (q @ self.k.swapaxes(1, 2) + self.q @ k.swapaxes(1, 2)) * self.scale
        return self.scores(moved) @ self.v + self.p @ v


class EveryInputMoves(Attention):
    """jvp takes it that every input moves, and fails on None."""

    def maps(self, q, k, v, p, mask):
        return AllMove(q, k, v, p, self.scale(q))


mutant("every-input-moves", EveryInputMoves(), "derivative", "inputs.still")


class FirstMoves(Maps):
    def jvp(self, tangents, params):
        if tangents[0] is None:
            return np.zeros((*self.q.shape[:2], self.v.shape[2]), self.q.dtype)
        return super().jvp(tangents, params)


class QueriesMustMove(Attention):
    """Where the queries stand still, jvp says that nothing moves."""

    def maps(self, q, k, v, p, mask):
        return FirstMoves(q, k, v, p, self.scale(q))


mutant("queries-must-move", QueriesMustMove(), "derivative", "inputs.still")


class OneArray(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return (q + k, np.zeros_like(k), v, None) if self.q is self.k else (q, k, v, None)


class SelfInOne(Attention):
    """Where queries and keys are one array, the δ of both is given to the queries."""

    def maps(self, q, k, v, p, mask):
        return OneArray(q, k, v, p, self.scale(q))


mutant("one-array-one-delta", SelfInOne(), "state", "inputs.one_array", SQUARE)

BUFFERS = {}


class Buffered(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        buffer = BUFFERS.setdefault((k.shape, k.dtype), np.empty_like(k))
        buffer[...] = k
        return q, buffer, v, None


class DeltaInABuffer(Attention):
    """The δ of the keys lies in a buffer that the next call overwrites."""

    def maps(self, q, k, v, p, mask):
        return Buffered(q, k, v, p, self.scale(q))


mutant("delta-in-a-buffer", DeltaInABuffer(), "state", "inputs.untouched")


class WithOut(Maps):
    def vjp(self, delta, out=None):
        q, k, v, _ = super().vjp(delta, out)
        return (q, k, v, None) if out is None else (q, k, None, None)


class NoValuesInTheDriver(Attention):
    """With `out` the δ of the values is left out."""

    def maps(self, q, k, v, p, mask):
        return WithOut(q, k, v, p, self.scale(q))


mutant("delta-left-out", NoValuesInTheDriver(), "derivative", "gradient.runs")


class OneFlag(Attention):
    """integer_input has one answer less than there are inputs."""

    integer_input = (False, False, True)


# Causal self-attention of one input.


@dataclass(frozen=True)
class Causal(Layer):
    """y[t] is a mean of x[0], …, x[t], weighted by x[t] · x[s]."""

    def output_shape(self, shape):
        if len(shape) != 2:
            raise ShapeError("a sample", expected=("T", "n"), got=shape)
        return shape

    def keep(self, T):
        return np.tri(T, dtype=bool)

    def weights(self, x):
        return softmax(x @ x.swapaxes(1, 2) / x.shape[-1] ** 0.5, self.keep(x.shape[1]))

    def forward(self, x):
        return self.weights(x) @ x

    def linearize(self, x):
        p = self.weights(x)
        return p @ x, self.maps(x, p)

    def maps(self, x, p):
        return Together(x, p)


class Together(BatchJacobian):
    def __init__(self, x, p):
        self.inner = Maps(x, x, x, p, 1 / x.shape[-1] ** 0.5)

    def vjp(self, delta, out=None):
        q, k, v, _ = self.inner.vjp(delta)
        return q + k + v

    def jvp(self, tangent, params):
        return self.inner.jvp((tangent, tangent, tangent, None), {})


honest("causal", Causal(), (4, 3), causal=True)
honest("causal/long", Causal(), (9, 2), causal=True)


class SeesOneMore(Causal):
    """A position sees the next one, too."""

    def keep(self, T):
        return np.tri(T, k=1, dtype=bool)


mutant("sees-the-next", SeesOneMore(), "forward", "sequences.causal", (4, 3), causal=True)


class SeesLater(Causal):
    """The triangle of the mask lies on the wrong side."""

    def keep(self, T):
        return np.tri(T, dtype=bool).T


mutant("triangle-turned", SeesLater(), "forward", "sequences.causal", (4, 3), causal=True)


class BlockWise(Causal):
    """The mask has blocks of four: within one, positions see each other."""

    def keep(self, T):
        block = np.arange(T) // 4
        return block[:, None] >= block


mutant("sees-its-block", BlockWise(), "forward", "sequences.causal", (6, 2), causal=True)


class Leaks(Causal):
    """Later scores are lowered, not taken out."""

    def weights(self, x):
        lowered = np.where(self.keep(x.shape[1]), 0, 12).astype(x.dtype)
        return softmax(x @ x.swapaxes(1, 2) / x.shape[-1] ** 0.5 - lowered, True)


mutant("later-scores-are-lowered", Leaks(), "forward", "sequences.causal", (4, 3), causal=True)


class CausalAfter(Causal):
    """The triangle is applied after the softmax."""

    def weights(self, x):
        return softmax(x @ x.swapaxes(1, 2) / x.shape[-1] ** 0.5, True) * self.keep(x.shape[1])

    def maps(self, x, p):
        found, keep = Together(x, p), self.keep(x.shape[1])
        every = softmax(x @ x.swapaxes(1, 2) / x.shape[-1] ** 0.5, True)
        found.inner = MaskedAfter(x, x, x, p, 1 / x.shape[-1] ** 0.5, every, keep)
        return found


mutant("triangle-after-softmax", CausalAfter(), "forward", "sequences.causal", (4, 3), causal=True)


class NotAlone(Causal):
    """A sequence of one position is refused."""

    def output_shape(self, shape):
        if len(shape) != 2 or shape[0] < 2:
            raise ShapeError("a sample", expected=("T > 1", "n"), got=shape)
        return shape


mutant("one-position-refused", NotAlone(), "errors", "sequences.parts", (4, 3), causal=True)


class ByLength(Causal):
    """The scores are divided by the root of the length: a beginning is not the beginning of the whole."""

    def weights(self, x):
        return softmax(x @ x.swapaxes(1, 2) / x.shape[1] ** 0.5, self.keep(x.shape[1]))

    def maps(self, x, p):
        found = Together(x, p)
        found.inner.scale = 1 / x.shape[1] ** 0.5
        return found


mutant("scaled-by-its-length", ByLength(), "forward", "sequences.parts", (4, 3), causal=True)


class KeysForgotten(Together):
    def vjp(self, delta, out=None):
        q, _, v, _ = self.inner.vjp(delta)
        return q + v


class TwoOfThree(Causal):
    """x is query, key and value; its δ as a key is forgotten."""

    def maps(self, x, p):
        return KeysForgotten(x, p)


mutant("delta-as-key-forgotten", TwoOfThree(), "derivative", "gradient.input", (4, 3))

mutant("one-answer-less", OneFlag(), "errors", "lifecycle.flags")
