"""A network owns one θ, keeps its door, and names the layer that does not fit."""

import copy
import pickle
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule
from chainrule import (
    Array,
    Chain,
    Concat,
    DataError,
    DefinitionError,
    Layer,
    Network,
    Residual,
    SettingError,
    ShapeError,
    SizeError,
    UnsupportedError,
    describe,
)
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, ReLU, Tanh
from chainrule_losses import CrossEntropy, SquaredError

RNG = np.random.default_rng(5)


class Embedding(Layer):
    """Rows of a table, picked by indices."""

    integer_input = True

    def output_shape(self, input_shape):
        return (*input_shape, 3)

    def parameter_shapes(self, input_shape):
        return {"T": (7, 3)}

    def initialize(self, input_shape, rng):
        return {"T": rng.normal(size=(7, 3))}

    def forward(self, x, T):
        return T[x]

    def jacobian(self, x, y, T):
        return chainrule.Jacobian(None, T=Rows(x, T.shape))


class Rows:
    def __init__(self, x, shape):
        self.x, self.shape = x, shape

    def vjp(self, delta: Array, out: Array) -> None:
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        parts = np.zeros((len(delta), *self.shape), delta.dtype)
        for part, x, d in zip(parts, self.x, delta, strict=True):
            np.add.at(part, x, d)
        return parts


def test_the_parameters_are_views_of_one_contiguous_vector():
    network = Network([Affine(3), ReLU(), Affine(2)], 4)
    assert list(network.parameters) == ["0.W", "0.b", "2.W", "2.b"]
    assert network.theta.size == 3 * 4 + 3 + 2 * 3 + 2
    assert network.theta.flags.c_contiguous
    network.theta[...] = np.arange(network.theta.size)
    assert network.parameters["0.b"].tolist() == [12, 13, 14]
    assert network.parameters["2.W"].tolist() == [[15, 16, 17], [18, 19, 20]]
    assert network.theta[network.slices["2.b"]].tolist() == [21, 22]
    assert network.views(network.gradient)["0.W"].base is network.gradient or np.shares_memory(
        network.views(network.gradient)["0.W"], network.gradient
    )


def test_the_seed_draws_the_start():
    make = lambda seed: Network([Affine(3)], 4, seed=seed).theta  # noqa: E731 - two networks side by side
    np.testing.assert_array_equal(make(1), make(1))
    assert (make(1) != make(2)).any()


def test_float64_and_float32_start_alike():
    narrow, wide = Network([Affine(3)], 4), Network([Affine(3)], 4, dtype=np.float64)
    np.testing.assert_array_equal(narrow.theta, wide.theta.astype(np.float32))
    np.testing.assert_array_equal(wide.astype(np.float32).theta, narrow.theta)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.float16, bool])
def test_real_input_is_cast(dtype):
    scores = Network([Affine(3)], 2).predict(np.ones((5, 2), dtype))
    assert scores.dtype == np.float32
    assert scores.shape == (5, 3)


@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        (np.ones((5, 3)), ShapeError, r"network input: expected \(B, 2\), got \(5, 3\)$"),
        (
            np.ones(2),
            ShapeError,
            r"expected \(B, 2\), got \(2,\); one sample is a batch of one: x\[None\], shape \(1, 2\)",
        ),
        (np.float32(1), ShapeError, r"expected \(B, 2\), got \(\)"),
        (
            np.ones((5, 2), complex),
            DataError,
            r"network input: expected real numbers, got complex128; take x.real, x.imag or abs\(x\)",
        ),
        (np.array([["a", "b"]]), DataError, "expected real numbers, got <U1"),
        (np.array([[None, 1]]), DataError, "expected real numbers, got object"),
    ],
)
def test_other_input_is_refused(x, kind, message):
    network = Network([Affine(3)], 2)
    for ask in (network.predict, network.linearize):
        with pytest.raises(kind, match=message):
            ask(x)


def test_integers_reach_a_layer_that_takes_them():
    network = Network([Embedding(), Flatten(), Affine(2)], 4)
    x = RNG.integers(0, 7, (5, 4))
    assert network.predict(x).shape == (5, 2)
    with pytest.raises(DataError, match=r"layer 0, .*Embedding.*: expected integers, got float64; it takes indices"):
        network.predict(x.astype(float))


def test_a_network_on_integers_has_the_numerical_gradient_and_no_derivative_to_its_input():
    network = Network([Embedding(), Flatten(), Affine(2)], 4, dtype=np.float64)
    x, t = RNG.integers(0, 7, (5, 4)), RNG.integers(0, 2, 5)

    def objective(theta):
        twin = network.astype(np.float64)
        twin.theta[...] = theta
        return chainrule.evaluate(twin, x, t, CrossEntropy()).loss

    gradient = chainrule.gradient(network, x, t, CrossEntropy())
    np.testing.assert_allclose(gradient, chainrule.numerical_jacobian(objective, network.theta), atol=1e-9)
    np.testing.assert_allclose(chainrule.per_sample(network, x, t, CrossEntropy()).sum(axis=0), gradient, atol=1e-14)
    assert chainrule.jacobian(network, x).input is None
    direction = RNG.normal(size=network.theta.shape)
    expected = chainrule.jacobian(network, x).parameters
    pushed = sum(np.tensordot(expected[n], v, v.ndim) for n, v in network.views(direction).items())
    np.testing.assert_allclose(chainrule.jvp(network, x, theta_tangent=direction), pushed, atol=1e-12)
    with pytest.raises(UnsupportedError, match=r"layer 0, .*Embedding.*: the input has no derivative"):
        chainrule.input_gradient(network, x, t, CrossEntropy())


def test_an_empty_batch_has_an_empty_result_and_no_gradient():
    network = Network([Flatten(), Affine(3)], (2, 2))
    scores = network.predict(np.ones((0, 2, 2)))
    assert (scores.shape, scores.dtype) == ((0, 3), np.float32)
    with pytest.raises(DataError, match="network input: expected at least one sample, got an empty batch"):
        network.backprop(np.ones((0, 2, 2)), np.ones((0, 3)), SquaredError())


def test_a_prediction_shares_memory_with_nothing():
    network = Network([Flatten()], (2, 2))
    x = np.ones((3, 2, 2), np.float32)
    assert not np.shares_memory(network.predict(x), x)


def test_backprop_changes_neither_theta_nor_its_arguments():
    network = Network([AffineReLU(5), Affine(3)], 4)
    x, t = RNG.normal(size=(6, 4)).astype(np.float32), RNG.normal(size=(6, 3)).astype(np.float32)
    before = network.theta.copy(), x.copy(), t.copy()
    x.flags.writeable = t.flags.writeable = False
    network.gradient[...] = np.nan
    network.backprop(x, t, SquaredError())
    assert np.isfinite(network.gradient).all()
    np.testing.assert_array_equal(network.theta, before[0])


def test_a_network_without_parameters_works():
    network = Network([Tanh()], 2)
    assert network.backprop(np.ones((1, 2)), np.ones((1, 2)), SquaredError()) > 0
    assert network.theta.size == 0


def test_stochastic_layers_act_in_training_alone():
    network = Network([Dropout(0.5), Affine(1)], 100)
    x, t = np.ones((4, 100)), np.zeros((4, 1))
    still = network.backprop(x, t, SquaredError())
    assert still == network.backprop(x, t, SquaredError())
    noisy = [network.backprop(x, t, SquaredError(), np.random.default_rng(s)) for s in (0, 0, 1)]
    assert noisy[0] == noisy[1] != noisy[2]
    assert noisy[0] != still


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        (
            [Flatten(), Affine(3), Flatten(), Residual(Affine(2))],
            (2, 2),
            r"layer 3, Residual\(.*\), does not take the output of layer 2, Flatten\(\): residual: the output of "
            r"Affine\(.*\): expected \(3,\), got \(2,\)",
        ),
        (
            [Tanh(), Affine(3)],
            (2, 2),
            r"layer 1, Affine\(units=3, .*\), does not take the output of layer 0, Tanh\(\): Affine input: "
            r"expected \(n,\), got \(2, 2\); put flatten before it",
        ),
        ([Affine(3)], (4, 5), r"layer 0, Affine\(.*\), does not take the input: Affine input"),
        ([Concat(Tanh(), Flatten())], (2, 3), r"output of layer 1, Flatten\(\): input 1: expected \(2, n\), got"),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit_are_both_named(layers, shape, message):
    for make in (Network, describe):
        with pytest.raises(ShapeError, match=message):
            make(layers, shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network([], 3), r"layers: expected at least one layer, got \(\)"),
        (lambda: Network([Affine], 3), r"layers\[0\]: expected a Layer, got <class .*; write Affine\(…\)"),
        (lambda: Network([Tanh(), "relu"], 3), r"layers\[1\]: expected a Layer, got 'relu'"),
        (lambda: Network(5, 3), "layers: expected a list of layers, got 5"),
        (lambda: Network([Tanh()], 0), "input_shape: expected a shape of positive ints, .*, got 0"),
        (lambda: Network([Tanh()], (3, "a")), "input_shape: expected a shape of positive ints"),
        (lambda: Network([Tanh()], 3, seed=-1), "seed: expected an int of at least 0, got -1"),
        (lambda: Network([Tanh()], 3, dtype="int32"), "dtype: expected float32 or float64, got 'int32'"),
        (lambda: Network([Tanh()], 3, dtype="text"), "dtype: expected float32 or float64, got 'text'"),
        (lambda: Residual("relu"), "inner: expected a Layer, got 'relu'"),
        (lambda: Residual(Embedding()), "inner: expected a layer with a real input"),
        (lambda: Chain(), "layers: expected at least one layer"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_network_of_any_size_is_described_without_being_allocated():
    tracemalloc.start()
    try:
        table = str(describe([Flatten(), Affine(640 * 480 * 3)], (480, 640, 3)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "849,347,481,600" in table
    assert "3,397,389,926,400" in table  # bytes in float32
    assert peak < 1 << 20


def test_a_network_that_fits_no_memory_is_refused():
    message = (
        r"a network of 4,611,686,020,574,871,552 parameters.* bytes; chainrule.describe\(layers, input_shape\) counts"
    )
    with pytest.raises(SizeError, match=message):
        Network([Affine(2**31)], 2**31)


def test_counts_do_not_overflow():
    assert describe([Affine(2**40)], 2**40).parameter_count == 2**80 + 2**40


def test_the_summary_is_the_description():
    network = Network([Flatten(), Affine(3)], (2, 2))
    assert network.summary() == describe([Flatten(), Affine(3)], (2, 2))
    assert [row.output_shape for row in network.summary().rows] == [(4,), (3,)]
    assert (network.summary().parameter_count, network.summary().bytes) == (15, 60)
    assert str(network.summary()).splitlines()[-1].split() == ["total", "15", "60"]


class Broken(Tanh):
    """A layer whose forward or vjp has another shape than it should."""

    def __init__(self, forward=False, vjp=False):
        object.__setattr__(self, "wrong", (forward, vjp))

    def forward(self, x):
        return x[:, :1] if self.wrong[0] else x

    def jacobian(self, x, y):
        return chainrule.Jacobian(chainrule.Reshape((1, x.shape[1]) if self.wrong[1] else x.shape[1:], x.shape[1:]))


def test_a_forward_that_breaks_its_word_is_named():
    network = Network([Affine(3), Broken(forward=True), Affine(2)], 4)
    message = (
        r"the output of layer 1, Broken\(\): expected \(5, 3\), got \(5, 1\); that is what its output_shape declares"
    )
    with pytest.raises(ShapeError, match=message):
        Network([Affine(3), Broken(forward=True)], 4).predict(np.ones((5, 4)))
    with pytest.raises((ShapeError, ValueError)):
        network.linearize(np.ones((5, 4)))
    with pytest.raises(ShapeError, match=message):
        Network([Affine(3), Broken(forward=True)], 4).linearize(np.ones((5, 4)))


def test_a_delta_of_another_shape_names_the_layer():
    network = Network([Affine(3), Broken(vjp=True), Affine(2)], 4)
    message = r"the delta that layer 1, Broken\(\), passes on: expected \(5, 3\), got \(5, 1, 3\); its vjp returns"
    with pytest.raises(ShapeError, match=message):
        network.backprop(np.ones((5, 4)), np.ones((5, 2)), SquaredError())


def test_a_loss_gradient_of_another_shape_is_told():
    class Short(chainrule.Loss):
        def value(self, scores, targets):
            return scores.sum(axis=1)

        def gradient(self, scores, targets):
            return np.ones(len(scores), scores.dtype)

    class Long(Short):
        def value(self, scores, targets):
            return scores

    network = Network([Affine(2)], 4)
    with pytest.raises(
        ShapeError, match=r"the gradient of the loss: expected \(5, 2\), got \(5,\); it has the shape of"
    ):
        network.backprop(np.ones((5, 4)), None, Short())
    with pytest.raises(
        ShapeError, match=r"the value of .*Long.*: expected \(5,\), got \(5, 2\); one number per sample"
    ):
        network.backprop(np.ones((5, 4)), None, Long())


def test_a_start_of_another_shape_is_told():
    class Odd(Affine):
        def initialize(self, input_shape, rng):
            return {"W": np.zeros((1, 1)), "b": np.zeros(self.units)}

    with pytest.raises(ShapeError, match=r"layer 0, .*Odd.* start values: expected .*\(3, 4\).*got .*\(1, 1\)"):
        Network([Odd(3)], 4)


def test_compositions_are_equal_by_their_members_and_say_what_they_are():
    assert Chain(Affine(2), Tanh()) == Chain(Affine(2), Tanh()) != Chain(Tanh(), Affine(2))
    assert Chain(Tanh()) != Concat(Tanh())
    assert hash(Chain(Tanh())) == hash(Chain(Tanh()))
    assert repr(Concat(Tanh(), ReLU())) == "Concat(Tanh(), ReLU())"
    assert Residual(Dropout(0.5)).stochastic
    assert Chain(Tanh(), Concat(Dropout(0.5), Tanh())).stochastic
    realized = Residual(Chain(Dropout(0.5), Tanh())).realize(np.random.default_rng(0))
    assert not realized.stochastic
    assert Chain(Embedding()).integer_input


def test_assigning_theta_copies_into_it():
    network = Network([Affine(2)], 3)
    network.theta = np.arange(8)
    assert network.parameters["0.b"].tolist() == [6, 7]
    network.theta += 1
    assert network.parameters["0.W"][0, 0] == 1
    network.gradient = np.ones(8)
    with pytest.raises(ShapeError, match=r"theta: expected \(8,\), got \(7,\)"):
        network.theta = np.zeros(7)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_parameters_of_its_own(copied):
    network = Network([Affine(2), Dropout(0.5)], 3, seed=4)
    network.theta += 1
    twin = copied(network)
    np.testing.assert_array_equal(twin.theta, network.theta)
    twin.theta += 1
    assert (twin.parameters["0.W"] == network.parameters["0.W"] + 1).all()


class Forgetful(Affine):
    """An affine layer that forgets its b."""

    def jacobian(self, x, y, W, b):
        return chainrule.Jacobian(chainrule.Matrix(W), W=chainrule.Outer(x))


def test_a_parameter_without_a_gradient_is_told_at_the_first_step():
    network = Network([Tanh(), Forgetful(2)], 3)
    message = r"layer 1, Forgetful\(.*\), leaves the gradient of 'b' unwritten; its Jacobian needs a map of that name"
    with pytest.raises(DefinitionError, match=message):
        network.backprop(np.ones((4, 3)), np.ones((4, 2)), SquaredError())
    assert np.isnan(chainrule.gradient(network, np.ones((4, 3)), np.ones((4, 2)), SquaredError())[-2:]).all()
    W, b = network.parameters["1.W"], network.parameters["1.b"]
    assert np.isnan(chainrule.jacobian(network.layers[1], np.ones((4, 3)), W=W, b=b).parameters["b"]).all()


def test_what_a_layer_raises_names_it():
    class Loud(Tanh):
        def forward(self, x):
            raise KeyError("alpha")

    with pytest.raises(KeyError) as caught:
        Network([Affine(2), Loud()], 3).linearize(np.ones((4, 3)))
    assert re.fullmatch(r"in layer 1, .*Loud\(\)", caught.value.__notes__[0])


@pytest.mark.parametrize("make", [Residual, lambda layer: Concat(layer, Tanh())])
def test_a_wrong_delta_inside_a_composition_is_told(make):
    class Narrow(Tanh):
        def jacobian(self, x, y):
            return chainrule.Jacobian(Thin())

    class Thin:
        def vjp(self, delta):
            return delta[:, :1]

    network = Network([Affine(3), make(Narrow())], 2)
    targets = np.ones((4, *network.output_shape))
    with pytest.raises(ShapeError, match=r"the delta that .* passes on: expected \(4, 3\), got \(4, 1\)"):
        network.backprop(np.ones((4, 2)), targets, SquaredError())


class OneHot(Layer):
    """Integers as unit vectors; it has neither a parameter nor a derivative."""

    integer_input = True

    def output_shape(self, input_shape):
        return (*input_shape, 4)

    def forward(self, x):
        return np.eye(4)[x]

    def jacobian(self, x, y):
        return chainrule.Jacobian(None)


def test_a_network_that_starts_with_indices_and_no_parameter_has_all_its_products():
    network = Network([OneHot(), Flatten(), Affine(3)], 2, dtype=np.float64)
    x, t = RNG.integers(0, 4, (5, 2)), RNG.integers(0, 3, 5)
    v = RNG.normal(size=network.theta.shape)
    dense = chainrule.jacobian(network, x).parameters
    expected = sum(np.tensordot(dense[name], part, part.ndim) for name, part in network.views(v).items())
    np.testing.assert_allclose(chainrule.jvp(network, x, theta_tangent=v.tolist()), expected, atol=1e-12)
    hessian = chainrule.hessian(network, x, t, CrossEntropy())  # affine and cross-entropy: Gauss-Newton is the Hessian
    product = chainrule.gauss_newton_vector(network, x, t, CrossEntropy(), v)
    np.testing.assert_allclose(product, hessian @ v, atol=1e-7)


def test_a_concat_of_integer_layers_pushes_what_moves():
    network = Network([Concat(Embedding(), Embedding()), Flatten()], 2, dtype=np.float64)
    x = RNG.integers(0, 7, (5, 2))
    _, jacobian = network.linearize(x)
    v = RNG.normal(size=(7, 3))
    pushed = jacobian.jvp(None, {"0.0.T": v})
    expected = np.concatenate([v[x], np.zeros((5, 2, 3))], axis=2).reshape(5, -1)
    np.testing.assert_allclose(pushed, expected)
    assert not jacobian.jvp(None, {}).any()


def test_a_direction_of_a_shift_alone_has_the_shape_of_the_output():
    _, jacobian = Network([Affine(2)], 3).linearize(np.ones((4, 3)))
    assert jacobian.jvp(None, {"0.b": np.ones(2)}).shape == (4, 2)


def test_layers_that_take_integers_stand_where_integers_come():
    with pytest.raises(SettingError, match=r"layers\[1\]: expected a layer with a real input, .*; .* comes first"):
        Chain(Flatten(), Embedding())
    with pytest.raises(SettingError, match="layers: expected layers that all take integers, or none of them"):
        Concat(Embedding(), Affine(2))


def test_a_layer_without_parameters_needs_no_per_sample_gradients():
    class Bare(chainrule.BatchJacobian):
        def vjp(self, delta, out=None):
            return delta

        def jvp(self, tangent, params):
            return tangent

    class Same(Tanh):
        def forward(self, x):
            return x

        def jacobian(self, x, y):
            return Bare()

    network = Network([Affine(2), Same()], 3)
    x, y = np.ones((4, 3)), np.ones((4, 2))
    parts = chainrule.per_sample(network, x, y, SquaredError())
    np.testing.assert_allclose(parts.sum(axis=0), chainrule.gradient(network, x, y, SquaredError()), rtol=1e-6)


def test_a_ragged_list_is_told():
    with pytest.raises(DataError, match=r"network input: .*inhomogeneous.*; give every row the same length"):
        Network([Affine(2)], 3).predict([[1, 2, 3], [1, 2]])


@pytest.mark.parametrize("output", [lambda x: x[:1], lambda x: x.tolist()], ids=["another batch", "no array"])
def test_an_output_that_is_no_batch_of_samples_names_the_layer(output):
    class Odd(Tanh):
        def linearize(self, x):
            return output(x), chainrule.Jacobian(chainrule.Diagonal(x))

    network = Network([Affine(2), Odd(), Affine(2)], 3)
    with pytest.raises(ShapeError, match=r"output of layer 1, .*Odd\(\): expected \(4, 2\), got"):
        network.linearize(np.ones((4, 3)))


def of_size(B):
    x = np.linspace(-1, 1, 4 * B, dtype=np.float32).reshape(B, 4)
    return x, np.arange(B) % 3


def gradient_of(network, B):
    loss = network.backprop(*of_size(B), CrossEntropy())
    return loss, network.gradient.tobytes()


def test_batches_of_many_sizes_have_the_bits_that_a_new_network_has():
    network, sizes = Network([AffineReLU(5), Affine(3)], 4), [7, 1, 7, 2, 3, 4, 5, 6, 8, 9, 10, 1, 7]
    for B in sizes:
        assert gradient_of(network, B) == gradient_of(Network([AffineReLU(5), Affine(3)], 4), B)
        assert network.predict(of_size(B)[0]).shape == (B, 3)


def test_threads_may_sweep_batches_of_many_sizes_at_once():
    network, loss = Network([AffineReLU(5), Affine(3)], 4), CrossEntropy()

    def gradient_in_a_thread(B):
        own = np.full_like(network.gradient, np.nan)
        x, targets = of_size(B)
        network.backprop_shard([x], targets, loss, B, network.realized(None), network.slots(own))
        return own.tobytes()

    sizes = [*range(1, 40)] * 5
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(gradient_in_a_thread, sizes)) == [gradient_of(network, B)[1] for B in sizes]


def test_a_copy_of_a_network_that_was_trained_has_the_same_bits():
    network = Network([AffineReLU(5), Affine(3)], 4)
    first = gradient_of(network, 6)
    for copied in (copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert gradient_of(copied, 6) == first
        copied.theta = 2 * copied.theta
        assert gradient_of(copied, 6) != first == gradient_of(network, 6)
