"""Every derivative of a network against differences, closed forms and each other."""

import numpy as np
import pytest

import chainrule
from chainrule import (
    Chain,
    Concat,
    DataError,
    Loss,
    Network,
    Residual,
    ShapeError,
    SizeError,
    UnsupportedError,
    numerical_jacobian,
)
from chainrule_affine import Affine, AffineReLU, Flatten, Maxout, Tanh
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SquaredError
from chainrule_pooling import MeanPool2d

RNG = np.random.default_rng(4)
X, T = RNG.normal(size=(5, 3)), RNG.integers(0, 4, 5)
LAYERS = [Concat(Affine(3), Tanh()), Residual(Chain(Affine(6), Tanh())), Maxout(5, 2), AffineReLU(6), Affine(4)]

LOSSES_WITH_A_HESSIAN = [
    (CrossEntropy(), T),
    (SquaredError(), RNG.normal(size=(5, 4))),
    (Logistic(), RNG.random((5, 4))),
]


@pytest.fixture
def network():
    net = Network(LAYERS, 3, dtype=np.float64)
    net.theta += RNG.normal(0, 0.2, net.theta.shape)
    return net


def scores_at(network, theta, x=X):
    twin = network.astype(np.float64)
    twin.theta[...] = theta
    return twin.predict(x)


def test_the_dense_jacobian_of_a_network_is_the_numerical_one(network):
    dense = chainrule.jacobian(network, X)
    for j in range(5):
        numerical = numerical_jacobian(lambda x: network.predict(x[None])[0], X[j])
        np.testing.assert_allclose(dense.input[j], numerical, atol=1e-8)
    whole = np.concatenate([dense.parameters[n].reshape(5, 4, -1) for n in network.parameters], axis=2)
    np.testing.assert_allclose(whole, numerical_jacobian(lambda t: scores_at(network, t), network.theta), atol=1e-8)


def test_jvp_and_vjp_of_a_network_are_transposes(network):
    _, jacobian = network.linearize(X)
    delta, v, w = RNG.normal(size=(5, 4)), RNG.normal(size=X.shape), RNG.normal(size=network.theta.shape)
    out = np.full(network.theta.shape, np.nan)
    left = np.vdot(delta, chainrule.jvp(network, X, v, w))
    right = np.vdot(jacobian.vjp(delta, network.views(out)), v) + np.vdot(out, w)
    assert abs(left - right) < 1e-10


def test_a_jvp_is_the_slope_along_its_direction(network):
    v, w, h = RNG.normal(size=X.shape), RNG.normal(size=network.theta.shape), 1e-6
    along_x = (network.predict(X + h * v) - network.predict(X - h * v)) / (2 * h)
    np.testing.assert_allclose(chainrule.jvp(network, X, x_tangent=v), along_x, atol=1e-7)
    along_theta = (scores_at(network, network.theta + h * w) - scores_at(network, network.theta - h * w)) / (2 * h)
    np.testing.assert_allclose(chainrule.jvp(network, X, theta_tangent=w), along_theta, atol=1e-7)


def test_per_sample_gradients_are_each_samples_own_in_the_order_of_theta(network):
    parts = chainrule.per_sample(network, X, T, CrossEntropy())
    for j in range(5):
        own = chainrule.gradient(network, X[j : j + 1], T[j : j + 1], CrossEntropy()) / 5
        np.testing.assert_allclose(parts[j], own, atol=1e-14)
    np.testing.assert_allclose(parts.sum(axis=0), chainrule.gradient(network, X, T, CrossEntropy()), atol=1e-14)


def test_the_hessian_of_affine_and_squared_error_has_its_closed_form():
    net, y = Network([Affine(2)], 3, dtype=np.float64), RNG.normal(size=(5, 2))
    hessian = chainrule.hessian(net, X, y, SquaredError())
    ones = np.c_[X, np.ones(5)]
    gram = 2 * ones.T @ ones / 5
    expected = np.zeros((8, 8))  # θ = W[0], W[1], b
    for k in range(2):
        rows = [3 * k, 3 * k + 1, 3 * k + 2, 6 + k]
        expected[np.ix_(rows, rows)] = gram
    np.testing.assert_allclose(hessian, expected, atol=1e-8)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-8)


def test_the_hessian_of_softmax_regression_has_its_closed_form():
    net = Network([Affine(4)], 3, dtype=np.float64, seed=3)
    p = np.exp(net.predict(X))
    p /= p.sum(axis=1, keepdims=True)
    ones = np.c_[X, np.ones(5)]
    expected = sum(
        np.kron(np.diag(q) - np.outer(q, q), np.outer(x, x)) for q, x in zip(p, ones, strict=True)
    ) / 5  # fmt: skip
    order = [4 * k + j for k in range(4) for j in range(3)] + [4 * k + 3 for k in range(4)]
    np.testing.assert_allclose(chainrule.hessian(net, X, T, CrossEntropy()), expected[np.ix_(order, order)], atol=1e-8)


def test_the_hessian_is_symmetric_and_its_products_are_its_columns():
    net = Network([Affine(4), Tanh(), Affine(4)], 3, dtype=np.float64)
    hessian, v = chainrule.hessian(net, X, T, CrossEntropy()), RNG.normal(size=net.theta.shape)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-8)
    np.testing.assert_allclose(chainrule.hessian_vector(net, X, T, CrossEntropy(), v), hessian @ v, atol=1e-7)
    assert not chainrule.hessian_vector(net, X, T, CrossEntropy(), np.zeros_like(v)).any()


@pytest.mark.parametrize(("loss", "targets"), LOSSES_WITH_A_HESSIAN)
def test_the_gauss_newton_matrix_is_the_products_of_dense_jacobians(network, loss, targets):
    dense = chainrule.jacobian(network, X)
    J = np.concatenate([dense.parameters[n].reshape(5, 4, -1) for n in network.parameters], axis=2)
    H = [
        numerical_jacobian(lambda s: loss.gradient(s[None], targets[j : j + 1])[0], network.predict(X)[j])
        for j in range(5)
    ]
    G = sum(J[j].T @ H[j] @ J[j] for j in range(5)) / 5
    v = RNG.normal(size=network.theta.shape)
    np.testing.assert_allclose(chainrule.gauss_newton_vector(network, X, targets, loss, v), G @ v, atol=1e-7)


def diagonal_by_samples(net, x, targets, loss):
    """diag(G) by loops over samples and parameters, from the dense Jacobian and the loss's Hessian."""
    dense, scores = chainrule.jacobian(net, x), net.predict(x)
    m = scores[0].size
    J = np.concatenate([dense.parameters[n].reshape(len(x), m, -1) for n in net.parameters], axis=2)
    H = loss.hessian(scores, targets).reshape(len(x), m, m)
    return np.array([
        sum(J[j, :, k] @ H[j] @ J[j, :, k] for j in range(len(x))) / len(x) for k in range(net.theta.size)
    ])  # fmt: skip


@pytest.mark.parametrize(("loss", "targets"), LOSSES_WITH_A_HESSIAN)
def test_the_gauss_newton_diagonal_is_that_of_the_dense_matrix(network, loss, targets):
    found = chainrule.gauss_newton_diagonal(network, X, targets, loss)
    np.testing.assert_allclose(found, diagonal_by_samples(network, X, targets, loss), rtol=1e-12, atol=1e-14)
    products = [
        unit @ chainrule.gauss_newton_vector(network, X, targets, loss, unit) for unit in np.eye(network.theta.size)
    ]
    np.testing.assert_allclose(found, products, rtol=1e-12, atol=1e-14)


def test_the_gauss_newton_diagonal_of_a_network_of_pictures():
    net = Network([Conv2d(3, 2), MeanPool2d(2), Tanh(), Flatten(), Affine(2)], (5, 5, 2), dtype=np.float64, seed=1)
    x, t = RNG.normal(size=(3, 5, 5, 2)), RNG.integers(0, 2, 3)
    expected = diagonal_by_samples(net, x, t, CrossEntropy())
    found = chainrule.gauss_newton_diagonal(net, x, t, CrossEntropy())
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


class Saddle(Loss):
    """l = 2 s_0 s_1, whose Hessian is indefinite, and has no eigenvector along an axis."""

    def value(self, scores, targets):
        return 2 * scores[:, 0] * scores[:, 1]

    def gradient(self, scores, targets):
        return 2 * scores[:, ::-1]

    def hessian(self, scores, targets):
        return np.tile([[0.0, 2.0], [2.0, 0.0]], (len(scores), 1, 1))


def test_negative_curvature_counts_with_its_sign():
    net = Network([Affine(3), Tanh(), Affine(2)], 3, dtype=np.float64, seed=5)
    found = chainrule.gauss_newton_diagonal(net, X, None, Saddle())
    expected = diagonal_by_samples(net, X, None, Saddle())
    assert expected.min() < -0.01 < 0.01 < expected.max()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("chunk", [1, 3, 4])
def test_the_diagonal_is_the_same_however_many_samples_fit_at_once(network, monkeypatch, chunk):
    whole = chainrule.gauss_newton_diagonal(network, X, T, CrossEntropy())
    one = 2 * 8 * network.theta.size + 3 * 8 * 16
    monkeypatch.setattr(chainrule.derivatives, "CHUNK", chunk * one)
    seen, linearize = [], network.linearize
    monkeypatch.setattr(network, "linearize", lambda x, **layers: seen.append(len(x)) or linearize(x, **layers))
    np.testing.assert_allclose(chainrule.gauss_newton_diagonal(network, X, T, CrossEntropy()), whole, rtol=1e-13)
    assert seen == [chunk] * (5 // chunk) + [5 % chunk] * (5 % chunk > 0)


def test_the_diagonal_of_float32_is_that_of_float64_rounded():
    net = Network([Affine(6), Tanh(), Affine(4)], 3, seed=2)
    found = chainrule.gauss_newton_diagonal(net, X.astype(np.float32), T, CrossEntropy())
    exact = chainrule.gauss_newton_diagonal(net.astype(np.float64), X, T, CrossEntropy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-7)


def test_a_diagonal_needs_a_target_for_each_sample(network):
    with pytest.raises(DataError, match=r"^the batch: expected 5 targets, one for each sample, got 6"):
        chainrule.gauss_newton_diagonal(network, X, [*T, 0], CrossEntropy())
    with pytest.raises(DataError, match=r"^the batch: expected at least one sample"):
        chainrule.gauss_newton_diagonal(network, X[:0], T[:0], CrossEntropy())


def test_for_one_affine_layer_gauss_newton_is_the_hessian():
    net, v = Network([Affine(4)], 3, dtype=np.float64), RNG.normal(size=16)
    product = chainrule.gauss_newton_vector(net, X, T, CrossEntropy(), v)
    np.testing.assert_allclose(product, chainrule.hessian(net, X, T, CrossEntropy()) @ v, atol=1e-8)


def test_derivatives_leave_the_network_as_it_was(network):
    theta, gradient = network.theta.copy(), network.gradient.copy()
    chainrule.hessian_vector(network, X, T, CrossEntropy(), np.ones_like(theta))
    chainrule.per_sample(network, X, T, CrossEntropy())
    chainrule.jvp(network, X)
    chainrule.gauss_newton_vector(network, X, T, CrossEntropy(), np.ones_like(theta))
    chainrule.gauss_newton_diagonal(network, X, T, CrossEntropy())
    np.testing.assert_array_equal(network.theta, theta)
    np.testing.assert_array_equal(network.gradient, gradient)


def test_a_dense_result_over_the_limit_is_refused_with_its_bytes(network):
    size = network.theta.size
    for ask, needed in (
        (lambda: chainrule.hessian(network, X, T, CrossEntropy(), limit=1000), 8 * size * size),
        (lambda: chainrule.per_sample(network, X, T, CrossEntropy(), limit=1000), 8 * 5 * size),
        (lambda: chainrule.jacobian(network, X, limit=1000), 8 * 20 * (3 + size)),
        (lambda: numerical_jacobian(lambda v: v, np.zeros(100), limit=1000), 8 * 100 * 100),
        (lambda: chainrule.gauss_newton_vector(network, X, T, CrossEntropy(), network.theta, limit=8), 8 * 5 * 16),
        (
            lambda: chainrule.gauss_newton_diagonal(network, X, T, CrossEntropy(), limit=1000),
            2 * 8 * size + 3 * 8 * 16,
        ),
    ):
        with pytest.raises(SizeError, match=rf"expected at most .* bytes, got about {needed:,} bytes; raise limit="):
            ask()


def test_a_direction_of_another_shape_is_refused(network):
    with pytest.raises(ShapeError, match=r"x_tangent: expected \(5, 3\), got \(5, 2\)"):
        chainrule.jvp(network, X, x_tangent=np.ones((5, 2)))
    for product in (chainrule.hessian_vector, chainrule.gauss_newton_vector):
        with pytest.raises(ShapeError, match=rf"vector: expected \({network.theta.size},\), got \(3,\)"):
            product(network, X, T, CrossEntropy(), np.ones(3))


def test_a_loss_without_a_hessian_has_no_gauss_newton_matrix(network):
    with pytest.raises(UnsupportedError, match=r"MulticlassHinge\(.*\) has no second derivative"):
        chainrule.gauss_newton_vector(network, X, T, MulticlassHinge(), network.theta)
    with pytest.raises(UnsupportedError, match=r"MulticlassHinge\(.*\) has no second derivative"):
        chainrule.gauss_newton_diagonal(network, X, T, MulticlassHinge())


def test_numerical_jacobians_know_polynomials():
    np.testing.assert_allclose(numerical_jacobian(lambda x: x**2, np.array([3.0, -1])), [[6, 0], [0, -2]], atol=1e-8)
    assert numerical_jacobian(lambda x: x[0] * x[1], [2.0, 5.0]) == pytest.approx([5, 2])
    assert numerical_jacobian(lambda x: 1.0, np.zeros(0)).shape == (0,)
