"""The course's formulas, sections 2 to 4, by their ids in its inventory; plug-ins' own tests have the rest.

The judge is a numerical difference, a slow loop, or a number worked out by hand.
"""

import math

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Chain, ChainruleWarning, Concat, Network, Residual, describe, numerical_jacobian
from chainrule_affine import ELU, Affine, AffineReLU, Flatten, Maxout, ReLU, Tanh
from chainrule_losses import CrossEntropy, Logistic, SquaredError

RNG = np.random.default_rng(11)
X, CLASSES = RNG.normal(size=(6, 3)), np.array([0, 1, 3, 2, 1, 0])
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)


def tanh_network(**settings):
    return Network([Affine(5), Tanh(), Affine(4)], 3, dtype=np.float64, **settings)


def mean_loss(network, theta, x=X, targets=CLASSES):
    """Return 1/N Σ l of a network with another θ, point by point."""
    twin = network.astype(np.float64)
    twin.theta[...] = theta
    loss = CrossEntropy()
    return sum(loss.value(twin.predict(p[None]), t[None])[0] for p, t in zip(x, targets, strict=True)) / len(x)


# 2a  The frame


def test_A1_a_network_maps_features_to_scores_and_decides_apart():
    network = tanh_network()
    assert network.predict(X).shape == (6, 4)
    assert network.decide(X, CrossEntropy()).shape == (6,)


def test_A2_A7_theta_picks_the_hypothesis():
    network = tanh_network()
    before = network.predict(X)
    network.theta += 0.1
    assert (network.predict(X) != before).all()


def test_A3_a_loss_is_one_number_a_point():
    assert CrossEntropy().value(tanh_network().predict(X), CLASSES).shape == (6,)


def test_A4_a_loss_without_targets_learns_unsupervised():
    class Spread(chainrule.Loss):
        def value(self, scores, targets):
            return (scores * scores).sum(axis=1)

        def gradient(self, scores, targets):
            return 2 * scores

    network = tanh_network()
    history = chainrule.train(network, X, None, loss=Spread(), optimizer=SGD(0.1), batch_size=2, epochs=20)
    assert history[-1].e_in.loss < 0.1 * history[0].e_in.loss


def test_A5_A6_the_mean_loss_is_over_the_points_given():
    network = tanh_network()
    for x, y in ((X, CLASSES), (X[:2], CLASSES[:2])):
        expected = mean_loss(network, network.theta, x, y)
        assert chainrule.evaluate(
            network, x, y, CrossEntropy(), batch_size=4 if len(x) > 2 else 1
        ).loss == pytest.approx(expected, rel=1e-12)


def test_A8_a_network_predicts_and_updates():
    network = tanh_network()
    before = chainrule.evaluate(network, X, CLASSES, CrossEntropy()).loss
    network.backprop(X, CLASSES, CrossEntropy())
    network.theta -= 0.1 * network.gradient
    assert chainrule.evaluate(network, X, CLASSES, CrossEntropy()).loss < before


# 2b, 2c  Calculus


def test_C1_the_derivative_of_a_parabola_is_zero_at_its_lowest_point():
    a, b = 3.0, 1.0
    slope = numerical_jacobian(lambda x: x * x + a * x + b, -a / 2)
    assert slope == pytest.approx(0, abs=1e-9)


def test_C2_every_partial_derivative_is_zero_at_a_minimum():
    network = Network([Affine(1)], 2, dtype=np.float64)
    x, y = np.array([[1, 0], [0, 1], [1, 1.0]]), np.array([[2], [3], [5.0]])
    W, *_ = np.linalg.lstsq(np.c_[x, np.ones(3)], y, rcond=None)
    network.theta[...] = W[:, 0]
    np.testing.assert_allclose(chainrule.gradient(network, x, y, SquaredError()), 0, atol=1e-12)


def test_C3_the_own_derivative_takes_one_pass_where_differences_take_two_for_each_parameter():
    calls = []

    class Counting(Tanh):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    network = Network([Affine(5), Counting(), Affine(4)], 3, dtype=np.float64)
    chainrule.gradient(network, X, CLASSES, CrossEntropy())
    assert len(calls) == 1

    def objective(theta):
        network.theta[...] = theta
        return network.predict(X[:1]).sum()

    calls.clear()
    numerical_jacobian(objective, network.theta.copy())
    assert len(calls) == 2 * network.theta.size


def test_C4_C10_the_jacobian_of_a_chain_is_the_product_of_its_jacobians():
    network = Network([Tanh(), Affine(4), ELU(0.5)], 3, dtype=np.float64)
    whole = chainrule.jacobian(network, X).input
    for j, x in enumerate(X):
        product = np.eye(3)
        for i, layer in enumerate(network.layers):
            own = {n.split(".")[1]: v for n, v in network.parameters.items() if n.startswith(f"{i}.")}
            product = numerical_jacobian(lambda v: layer.forward(v[None], **own)[0], x) @ product
            x = layer.forward(x[None], **own)[0]
        np.testing.assert_allclose(whole[j], product, atol=1e-8)


def test_C5_C7_the_gradient_of_a_number_is_a_row_and_a_derivative_raises_the_order_by_one():
    A = RNG.normal(size=(2, 3))
    assert numerical_jacobian(lambda v: v.sum(), np.ones(3)).shape == (3,)
    np.testing.assert_allclose(numerical_jacobian(lambda v: A @ v, np.ones(3)), A, atol=1e-9)  # C6
    assert numerical_jacobian(lambda W: W @ np.ones(3), A).shape == (2, 2, 3)


def test_C8_the_hessian_is_the_jacobian_of_the_gradient():
    network = tanh_network()
    hessian = chainrule.hessian(network, X, CLASSES, CrossEntropy())
    h, size = 1e-3, network.theta.size
    for k, m in RNG.integers(0, size, (25, 2)):
        e, f = np.eye(size)[[k, m]] * h
        second = sum(s * t * mean_loss(network, network.theta + s * e + t * f) for s in (1, -1) for t in (1, -1)) / (
            4 * h * h
        )
        assert hessian[k, m] == pytest.approx(second, abs=1e-6)


# 3  Backpropagation


def test_B1_B3_forward_applies_layer_after_layer():
    network = tanh_network()
    W1, b1, W2, b2 = network.parameters.values()
    for x, s in zip(X, network.predict(X), strict=True):
        z = [math.tanh(sum(W1[k, j] * x[j] for j in range(3)) + b1[k]) for k in range(5)]
        expected = [sum(W2[k, j] * z[j] for j in range(5)) + b2[k] for k in range(4)]
        np.testing.assert_allclose(s, expected, rtol=1e-12)


def test_B2_a_composite_behaves_as_one_layer():
    flat = tanh_network()
    nested = Network([Chain(Affine(5), Tanh()), Chain(Chain(Affine(4)))], 3, dtype=np.float64)
    assert list(nested.parameters) == ["0.0.W", "0.0.b", "1.0.0.W", "1.0.0.b"]
    nested.theta[...] = flat.theta
    np.testing.assert_array_equal(nested.predict(X), flat.predict(X))
    assert nested.backprop(X, CLASSES, CrossEntropy()) == flat.backprop(X, CLASSES, CrossEntropy())
    np.testing.assert_array_equal(nested.gradient, flat.gradient)


@pytest.mark.parametrize(
    "layers",
    [
        [Affine(5), Tanh(), Affine(4)],
        [AffineReLU(6), Residual(Chain(Affine(6), Tanh())), Affine(4)],
        [Concat(Affine(2), Chain(Tanh(), Affine(3)), ELU()), Maxout(4, 2)],
        [Residual(Concat(Affine(1), Affine(2))), Affine(4)],
    ],
    ids=repr,
)
def test_B4_B6_B11_B12_backpropagation_gives_the_numerical_gradient(layers):
    network = Network(layers, 3, dtype=np.float64)
    network.theta += RNG.normal(0, 0.1, network.theta.shape)
    numerical = numerical_jacobian(lambda theta: mean_loss(network, theta), network.theta)
    assert network.backprop(X, CLASSES, CrossEntropy()) == pytest.approx(mean_loss(network, network.theta), rel=1e-13)
    np.testing.assert_allclose(network.gradient, numerical, atol=1e-9)
    to_input = numerical_jacobian(lambda x: mean_loss(network, network.theta, x), X)
    np.testing.assert_allclose(chainrule.input_gradient(network, X, CLASSES, CrossEntropy()), to_input, atol=1e-9)


def test_B5_the_driver_is_a_product_of_dense_matrices():
    network = tanh_network()
    delta = CrossEntropy().gradient(network.predict(X), CLASSES) / len(X)
    activations = [X]
    for i, layer in enumerate(network.layers):
        own = {n.split(".")[1]: v for n, v in network.parameters.items() if n.startswith(f"{i}.")}
        activations.append(layer.forward(activations[-1], **own))
    for i in (2, 1, 0):
        own = {n.split(".")[1]: v for n, v in network.parameters.items() if n.startswith(f"{i}.")}
        layer, x = network.layers[i], activations[i]
        delta = np.stack(
            [
                d @ numerical_jacobian(lambda v: layer.forward(v[None], **own)[0], s)
                for d, s in zip(delta, x, strict=True)
            ]
        )
    np.testing.assert_allclose(delta, chainrule.input_gradient(network, X, CLASSES, CrossEntropy()), atol=1e-9)


def test_B7_E21_every_delta_is_computed_before_any_weight_moves():
    network = Network([Affine(1), Affine(1)], 1, dtype=np.float64)
    network.theta[...] = [2, 0, 3, 0]  # W1, b1, W2, b2: the inventory's example, erratum E21
    chainrule.train(network, [[1.0]], [[0.0]], loss=SquaredError(), optimizer=SGD(0.1), batch_size=1, epochs=1)
    assert network.parameters["0.W"][0, 0] == pytest.approx(2 - 0.1 * 36)
    assert network.parameters["1.W"][0, 0] == pytest.approx(3 - 0.1 * 24)


@pytest.mark.parametrize(("batch_size", "steps"), [("all", 1), (1, 6), (4, 2)])
def test_B9_the_three_regimes(batch_size, steps):
    sizes = []

    class Sizes:
        def chainrule_batch_ended(self, record):
            sizes.append(record.size)

    chainrule.train(
        tanh_network(),
        X,
        CLASSES,
        loss=CrossEntropy(),
        optimizer=SGD(0.1),
        batch_size=batch_size,
        epochs=1,
        hooks=[Sizes()],
    )
    assert len(sizes) == steps
    assert sum(sizes) == 6
    assert sizes == {"all": [6], 1: [1] * 6, 4: [4, 2]}[batch_size]


def test_B10_E17_the_objective_is_divided_by_the_batch_once():
    network = tanh_network()
    whole = chainrule.gradient(network, X, CLASSES, CrossEntropy())
    single = [chainrule.gradient(network, X[j : j + 1], CLASSES[j : j + 1], CrossEntropy()) for j in range(6)]
    np.testing.assert_allclose(whole, np.mean(single, axis=0), atol=1e-15)


def test_B11_E22_a_layer_that_mixes_samples_is_differentiated_as_a_whole():
    class Centre(chainrule.Layer):
        mixes_samples = True

        def output_shape(self, input_shape):
            return input_shape

        def forward(self, x):
            return x - x.mean(axis=0)

        def jacobian(self, x, y):
            return Centred()

    class Centred(chainrule.BatchJacobian):
        def vjp(self, delta, out=None):
            return delta - delta.mean(axis=0)

        def jvp(self, tangent, params):
            return tangent - tangent.mean(axis=0)

    dense = chainrule.jacobian(Centre(), X[:3]).input
    np.testing.assert_allclose(dense, numerical_jacobian(Centre().forward, X[:3]), atol=1e-9)
    np.testing.assert_allclose(dense[0, 0, 1, 0], -1 / 3)
    network = Network([Affine(2), Centre()], 3)
    with pytest.raises(chainrule.UnsupportedError, match=r"layer 1, .*Centre.*, has no per-sample gradients"):
        chainrule.per_sample(network, X, CLASSES % 2, CrossEntropy())
    with pytest.raises(chainrule.UnsupportedError, match=r"layer 1, .*Centre.*, has no per-sample gradients"):
        chainrule.gauss_newton_diagonal(network, X, CLASSES % 2, CrossEntropy())


# 4  Affine and ReLU; the formulas of the layers themselves are in the tests of chainrule-affine


def test_F1_F2_the_jacobian_of_W_is_a_kronecker_product_row_major():
    x, W, b = RNG.normal(size=(1, 3)), RNG.normal(size=(2, 3)), np.zeros(2)
    dense = chainrule.jacobian(Affine(2), x, W=W, b=b)
    np.testing.assert_allclose(dense.input[0], W)
    np.testing.assert_allclose(dense.parameters["W"].reshape(2, 6), np.kron(np.eye(2), x))
    np.testing.assert_allclose(dense.parameters["b"][0], np.eye(2))


def test_F4_E6_affine_relu_has_its_shift():
    one = np.ones((1, 1))
    assert AffineReLU(1).forward(one, one, np.array([-2.0])) == 0
    assert AffineReLU(1).forward(one, one, np.array([2.0])) == 3


def test_F13_xor_by_hand():
    W, b = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0.0, -1.0])
    hidden = AffineReLU(2).forward(XOR, W, b)
    np.testing.assert_array_equal(hidden @ [1, -2], [0, 1, 1, 0])


def test_F13_E24_affine_after_affine_is_affine_and_a_narrow_middle_loses_rank():
    network = Network([Affine(1), Affine(2)], 2, dtype=np.float64)
    J = chainrule.jacobian(network, XOR).input
    np.testing.assert_allclose(J, np.broadcast_to(J[0], J.shape))
    assert np.linalg.matrix_rank(J[0]) == 1


def test_F13_the_best_line_predicts_one_half():
    network = Network([Affine(8), Affine(1)], 2, dtype=np.float64, seed=1)
    y = np.array([[0], [1], [1], [0.0]])
    chainrule.train(network, XOR, y, loss=SquaredError(), optimizer=SGD(0.05), batch_size="all", epochs=3000)
    np.testing.assert_allclose(network.predict(XOR), 0.5, atol=1e-3)
    assert SquaredError().value(network.predict(XOR), y).sum() == pytest.approx(1.0, abs=1e-3)


def xor_error(*hidden):
    network = Network([*hidden, Affine(1)], 2, seed=0)
    data = chainrule.dataset("xor", split="none")
    chainrule.train(network, data.x, data.y[:, None], loss=Logistic(), optimizer=SGD(0.5), batch_size="all", epochs=500)
    return chainrule.evaluate(network, data.x, data.y[:, None], Logistic()).error


def test_F13_a_network_with_a_nonlinearity_learns_xor():
    assert xor_error(AffineReLU(8)) == 0
    assert xor_error(Affine(8), Tanh()) == 0


def test_F13_a_network_without_one_does_not():
    with pytest.warns(ChainruleWarning, match=r"50\.00%, no better than .* the network has learned nothing"):
        assert xor_error(Affine(8)) >= 0.25


def test_a_layer_with_nothing_but_a_dense_jacobian_trains_xor():
    class Plain(chainrule.Layer):
        """tanh(W x + b), its derivatives numerical."""

        def output_shape(self, input_shape):
            return (6,)

        def parameter_shapes(self, input_shape):
            return {"W": (6, *input_shape), "b": (6,)}

        def initialize(self, input_shape, rng):
            return {"W": rng.normal(size=(6, *input_shape)), "b": np.zeros(6)}

        def forward(self, x, W, b):
            return np.tanh(x @ W.T + b)

        def jacobian(self, x, y, W, b):
            def each(function, at):
                return np.stack([numerical_jacobian(lambda v: function(s, v), at(s)) for s in x])

            return chainrule.Jacobian(
                chainrule.Dense(each(lambda s, v: np.tanh(v @ W.T + b), lambda s: s)),
                W=chainrule.DenseParameter(each(lambda s, v: np.tanh(s @ v.T + b), lambda s: W)),
                b=chainrule.DenseParameter(each(lambda s, v: np.tanh(s @ W.T + v), lambda s: b)),
            )

    network = Network([Plain(), Affine(1)], 2, dtype=np.float64)
    y = np.array([[0], [1], [1], [0]])
    chainrule.train(network, XOR, y, loss=Logistic(), optimizer=SGD(1.0), batch_size="all", epochs=300)
    assert (network.decide(XOR, Logistic()) == y).all()


# Section 1.8, V1 and E3: the numbers


def test_V1_E3_an_affine_map_of_pictures_has_849_billion_parameters():
    pictures = describe([Flatten(), Affine(640 * 480 * 3)], (480, 640, 3))
    assert pictures.parameter_count == 849_347_481_600
    assert "849,347,481,600" in str(pictures)
    assert describe([Affine(640 * 480)], 640 * 480).parameter_count == 94_372_147_200


def test_relu_conducts_where_it_is_active():  # F5
    delta = np.array([[5.0, 7.0, -2.0]])
    _, jacobian = ReLU().linearize(np.array([[1.0, -1.0, 0.0]]))
    np.testing.assert_array_equal(jacobian.vjp(delta), [[5, 0, 0]])
