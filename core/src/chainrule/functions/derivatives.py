"""Everything that is made of the same Jacobian maps: dense, forward, per sample, curvature; and numerical judges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..admission import as_array, real_array
from ..arrays import Array
from ..errors import ShapeError, SizeError, UnsupportedError
from ..rows import check_lengths, indexable, rows_of
from .backprop import Composition
from .graph import Composed
from .jacobians import BatchJacobian
from .layers import Layer
from .losses import Loss, total_weight
from .network import Network
from .wiring import as_list, one_or_all

if TYPE_CHECKING:
    import numpy.typing as npt

GIB = 1 << 30
CHUNK = 1 << 26
"""Bytes of per-sample gradients that are held at once where only a sum of theirs is wanted."""
STEP = np.finfo(np.float64).eps ** (1 / 3)
"""Of central differences: it balances the error of the formula, O(h²), with that of rounding, O(eps / h)."""


class DenseJacobian(NamedTuple):
    """J_X, None where the input has no derivative, and J_name for each parameter."""

    input: Array | None
    parameters: dict[str, Array]


def gradient(network: Network, x: Any, targets: Any, loss: Loss) -> Array:
    """Return ∂Obj/∂θ, Obj the mean loss, as a fresh vector like θ."""
    jacobian, deltas = _deltas(network, x, targets, loss)
    result = np.full_like(network.theta, np.nan)
    jacobian.backward(deltas, network.slots(result), to_input=False)
    return result


def input_gradient(network: Network, x: Any, targets: Any, loss: Loss) -> Any:
    """Return ∂Obj/∂x, Obj the mean loss, shape of x; of several inputs, by name, None for those of integers.

    Raises:   UnsupportedError for one integer input.
    """
    jacobian, deltas = _deltas(network, x, targets, loss)
    return network.ends.inputs.named(jacobian.backward(deltas, None, to_input=True))


def per_sample(network: Network, x: Any, targets: Any, loss: Loss, *, limit: int = GIB) -> Array:
    """Return each sample's share of the gradient, shape (B, size of θ).

    Formula:  row j is ∂l(Net(x_j), y_j)/∂θ / Σ_i w_i, with w_i = 1 for most losses; the rows sum to `gradient`.
    Raises:   SizeError over `limit` bytes; UnsupportedError naming a layer that cannot, or that mixes samples.
    """
    _check_samples_apart(network.predicting())
    jacobian, deltas = _deltas(network, x, targets, loss)
    shape = (len(deltas[0]), network.theta.size)
    _check_size("per-sample gradients", math.prod(shape) * network.dtype.itemsize, limit)
    result = np.full(shape, np.nan, network.dtype)
    for name, array in jacobian.per_sample(one_or_all(deltas)).items():
        result[:, network.slices[name]] = array.reshape(len(array), -1)
    return result


def jvp(network: Network, x: Any, x_tangent: Any = None, theta_tangent: Array | None = None) -> Any:
    """Return the derivative of the scores in a direction of x, of θ, or both: J_X·v + J_θ·v_θ, (B, *output_shape).

    Raises:   ShapeError when a direction has not the shape of what it perturbs.
    """
    inputs, scores = network.admit_batch(x), network.ends.scores
    moved = _at_rest(network, inputs)
    if x_tangent is not None:
        tangents = zip(network.ends.inputs.listed(x_tangent), inputs, strict=True)
        moved = [None if v is None else _direction("x_tangent", v, a, network.dtype) for v, a in tangents]
    w = np.zeros_like(network.theta)
    if theta_tangent is not None:
        w = _direction("theta_tangent", theta_tangent, network.theta, network.dtype)
    _, jacobian = network.linearize(x)
    pushed = as_list(jacobian.jvp(one_or_all(moved), network.views(w)), len(scores.names))
    return scores.named([np.asarray(v, network.dtype) for v in pushed])


def jacobian(function: Layer | Network, x: Any, /, *, limit: int = GIB, **params: Array) -> DenseJacobian:
    """Return the dense Jacobians of a layer at x and its parameters, or of a network, made of their maps.

    Shapes:   J_X (B, *out, *in), J_name (B, *out, *param); where samples mix, J_X is (B, *out, B, *in).
    Raises:   SizeError over `limit` bytes; UnsupportedError for several inputs or outputs.
    """
    if isinstance(function, Network):
        network_ends = (function.chain.wiring.integers, function.chain.wiring.outputs)
        if any(len(several) > 1 for several in network_ends):
            raise UnsupportedError("a dense Jacobian of several inputs or outputs", hint="use products: jvp, vjp")
        layer: Layer = function.predicting()
        x, params = function.admit(x), dict(function.parameters)
    else:
        layer, x = function, as_array("x", x)
        params = {name: as_array(name, value) for name, value in params.items()}
    y, maps = layer.linearize(x, **params)
    mixes = layer.mixes_samples
    columns = () if layer.integer_input else x.shape if mixes else x.shape[1:]
    entries = math.prod(columns) * (not layer.integer_input) + sum(array.size for array in params.values())
    _check_size(f"the dense Jacobian of {function!r}", y.size * entries * y.dtype.itemsize, limit)
    into = None if layer.integer_input else np.empty((*y.shape, *columns), y.dtype)
    # What a map leaves unwritten is NaN, and seen.
    of = {name: np.full((*y.shape, *array.shape), np.nan, y.dtype) for name, array in params.items()}
    if mixes or not _has_per_sample(maps, y, params):
        _pull_back_entries(maps, y, into, of, mixes)
    else:
        _pull_back_outputs(maps, y, into, of)
    return DenseJacobian(into, of)


def _has_per_sample(maps: BatchJacobian, y: Array, params: dict[str, Array]) -> bool:
    try:
        return not params or bool(maps.per_sample(np.zeros_like(y)))
    except UnsupportedError:
        return False


def _pull_back_outputs(maps: BatchJacobian, y: Array, into: Array | None, of: dict[str, Array]) -> None:
    """Fill with one basis cotangent per output, for all samples at once."""
    for k in np.ndindex(y.shape[1:]):
        at = (slice(None), *k)
        delta = np.zeros_like(y)
        delta[at] = 1
        if into is not None:
            into[at] = maps.vjp(delta)
        if of:
            for name, rows in maps.per_sample(delta).items():
                of[name][at] = rows


def _pull_back_entries(maps: BatchJacobian, y: Array, into: Array | None, of: dict[str, Array], mixes: bool) -> None:
    """Fill with one basis cotangent per output and sample: for maps that mix samples, or cannot tell them apart."""
    for at in np.ndindex(y.shape):
        delta = np.zeros_like(y)
        delta[at] = 1
        out = {name: array[(*at, ...)] for name, array in of.items()}
        if into is None:
            maps.vjp_params(delta, out)
        else:
            pulled = maps.vjp(delta, out)
            into[at] = pulled if mixes else pulled[at[0]]


def hessian(network: Network, x: Any, targets: Any, loss: Loss, *, limit: int = GIB) -> Array:
    """Return ∂²Obj/∂θ∂θ, the Jacobian of the gradient, in float64.

    Formula:  H[k, m] = ∂²Obj/∂θ_k∂θ_m, Obj the mean loss
    Shapes:   result (n, n), n the size of θ.

    The gradient is exact; its Jacobian is taken by central differences, good to about nine digits. Across a kink (a
    ReLU at 0) there is no second derivative, and the differences mean nothing.

    Raises:   SizeError over `limit` bytes.
    Source:   course, section 2, "Hessian".
    """
    size = network.theta.size
    _check_size(f"the Hessian of {size:,} parameters", size * size * 8, limit)
    return numerical_jacobian(_gradient_at(network, x, targets, loss), network.theta, limit=limit)


def hessian_vector(network: Network, x: Any, targets: Any, loss: Loss, vector: Array) -> Array:
    """Return (∂²Obj/∂θ∂θ)·v, in float64: a central difference of the exact gradient along v.

    Formula:  (g(θ + h v) - g(θ - h v)) / 2h, with h = eps^(1/3) (1 + |θ|) / |v|
    Raises:   ShapeError.
    """
    vector = _direction("vector", vector, network.theta, np.float64)
    gradient_at = _gradient_at(network, x, targets, loss)
    length = float(np.linalg.norm(vector))
    if length == 0:
        return np.zeros(network.theta.size)
    theta = network.theta.astype(np.float64)
    h = STEP * (1 + float(np.linalg.norm(theta))) / length
    return (gradient_at(theta + h * vector) - gradient_at(theta - h * vector)) / (2 * h)


def gauss_newton_vector(
    network: Network,
    x: Any,
    targets: Any,
    loss: Loss,
    vector: Array,
    *,
    limit: int = GIB,
    layers: Composed | None = None,
) -> Array:
    """Return G·v of the Gauss-Newton matrix, the positive part of the Hessian that layers' first derivatives give.

    Formula:  G = 1/Σ_j w_j Σ_j J_jᵀ H_j J_j, with J_j = ∂Net(x_j)/∂θ, H_j the loss's Hessian and w_j its weights, 1 for
              most losses; no matrix is formed.

    `layers` may be those of one training step, `network.realized(rng)`, in place of those that predict.
    Raises:   ShapeError; SizeError over `limit` bytes; UnsupportedError for a loss without a Hessian.
    Source:   Schraudolph (2002), Fast curvature matrix-vector products, section 3.
    """
    vector = _direction("vector", vector, network.theta, network.dtype)
    scores, jacobian = network.linearize(x, layers=layers)
    B, m = len(scores), math.prod(scores.shape[1:])
    _check_size("the loss's Hessian", B * m * m * scores.dtype.itemsize, limit)
    at_rest = _at_rest(network, network.admit_batch(x))
    pushed = jacobian.jvp(one_or_all(at_rest), network.views(vector))
    curvature = loss.hessian(scores, targets).reshape(B, m, m)
    weight = total_weight(loss, targets, B) or 1.0
    delta = (curvature @ pushed.reshape(B, m, 1)).reshape(scores.shape) * (1.0 / weight)
    result = np.full_like(network.theta, np.nan)
    jacobian.vjp_params(delta, network.views(result))
    return result


def gauss_newton_diagonal(
    network: Network, x: Any, targets: Any, loss: Loss, *, limit: int = GIB, layers: Composed | None = None
) -> Array:
    """Return the diagonal of the Gauss-Newton matrix, exactly, as a fresh vector like θ.

    Formula:  d[k] = 1/Σ_j w_j Σ_j Σ_c λ_jc (v_jc J_j)[k]², with λ_jc and v_jc the eigenvalues and eigenvectors of the
              loss's Hessian H_j, so that d is the diagonal of the G of `gauss_newton_vector`

    It takes as many backward passes as a sample has scores, and so many samples at a time that their gradients fit in
    64 MiB, or else one.

    Raises:   DataError when there are not as many targets as samples; SizeError when one sample needs over `limit`
              bytes; UnsupportedError as `per_sample`, and for a loss without a Hessian.
    Source:   LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, section 7.4, whose recursion leaves out what is
              off the diagonal, layer by layer.
    """
    layers = layers or network.predicting()
    _check_samples_apart(layers)
    x, targets = rows_of("x", network.admit(x)), None if targets is None else indexable(targets, "targets")
    check_lengths(x, targets, "the batch")
    m = math.prod(network.output_shape)
    needed = 2 * network.theta.nbytes + 3 * 8 * m * m  # gradients and their squares; H, λ and v
    _check_size("the Gauss-Newton diagonal of one sample", needed, limit)
    result, part = np.zeros_like(network.theta), np.full_like(network.theta, np.nan)
    size = max(1, min(CHUNK, limit) // needed)
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        scores, jacobian = network.linearize(x[rows], layers=layers)
        H = loss.hessian(scores, None if targets is None else targets[rows]).reshape(len(scores), m, m)
        values, vectors = np.linalg.eigh(H.astype(np.float64))
        for c in range(m):
            weights = values[:, c].astype(network.dtype)
            delta = vectors[:, :, c].astype(network.dtype).reshape(scores.shape)
            for name, slopes in jacobian.per_sample(delta).items():
                part[network.slices[name]] = weights @ np.square(slopes).reshape(len(scores), -1)
            result += part
    result /= total_weight(loss, targets, len(x)) or 1.0
    return result


def numerical_jacobian(function: Callable[[Array], Any], at: Any, *, limit: int = GIB) -> Array:
    """Return the Jacobian of any function by central differences in float64; of a scalar one, its gradient.

    Formula:  ∂f/∂x_k ≈ (f(x + h e_k) - f(x - h e_k)) / 2h, with h = eps^(1/3) max(1, |x_k|)
    Shapes:   at (*in); result (*out, *in).
    Raises:   SizeError over `limit` bytes, known once `function` has been called twice.
    """
    at = np.array(real_array("at", at), np.float64)
    columns = []
    for k in range(at.size):
        h = STEP * max(1.0, abs(float(at.flat[k])))
        ends = []
        for sign in (1, -1):
            moved = at.copy()
            moved.flat[k] += sign * h
            value = real_array("the function's value", function(moved))
            ends.append((np.array(value, np.float64), moved.flat[k]))
        (above, right), (below, left) = ends
        columns.append((above - below) / (right - left))
        if k == 0:
            _check_size("the numerical Jacobian", above.size * at.size * 8, limit)
    if not columns:
        return np.zeros((*np.shape(function(at)), *at.shape))
    return np.stack(columns, axis=-1).reshape((*np.shape(columns[0]), *at.shape))


def _check_samples_apart(layers: Composed) -> None:
    """Refuse a layer that mixes samples. Raises:   UnsupportedError."""
    for i, layer in enumerate(layers.members):
        if layer.mixes_samples:
            where = f"{layers.wiring.where(i, layer)}, has no per-sample gradients"
            raise UnsupportedError(where, hint="its outputs depend on the whole batch")


def _deltas(network: Network, x: Any, targets: Any, loss: Loss) -> tuple[Composition, list[Array]]:
    """Return the network's Jacobian, and ∂Obj/∂S of each output."""
    scores, jacobian = network.linearize(x)
    weight = total_weight(loss, targets, jacobian.shapes[0][0]) or 1.0
    return jacobian, [d * (1.0 / weight) for d in network.ends.scores.listed(loss.gradient(scores, targets))]


def _at_rest(network: Network, inputs: list[Array]) -> list[Array | None]:
    """Return a direction in which no input moves."""
    integers = network.chain.wiring.integers
    return [None if integer else np.zeros_like(x) for x, integer in zip(inputs, integers, strict=True)]


def _gradient_at(network: Network, x: Any, targets: Any, loss: Loss) -> Callable[[Array], Array]:
    twin = network.astype(np.float64)

    def gradient_at(theta: Array) -> Array:
        twin.theta[...] = theta
        return gradient(twin, x, targets, loss)

    return gradient_at


def _direction(name: str, given: Any, like: Array, dtype: npt.DTypeLike) -> Array:
    came = real_array(name, given)
    if came.shape != like.shape:
        raise ShapeError(name, expected=like.shape, got=came.shape)
    return np.asarray(came, dtype)


def _check_size(what: str, needed: int, limit: int) -> None:
    if needed > limit:
        raise SizeError(what, bytes_needed=needed, limit=limit, hint="raise limit=, or use products: jvp, vjp")
