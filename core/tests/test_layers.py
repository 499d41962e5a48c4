import numpy as np
import pytest

from chainrule import DefinitionError, Dense, Diagonal, Elementwise, Jacobian, Layer, Loss, UnsupportedError


class Square(Elementwise):
    def forward(self, x):
        return x * x

    def derivative(self, x, y):
        return 2 * x


def test_jacobian_and_linearize_default_to_each_other():
    class Twice(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, x):
            return 2 * x

        def linearize(self, x):
            return 2 * x, Jacobian(Diagonal(np.full_like(x, 2)))

    x = np.array([[1.0, -3.0]])
    np.testing.assert_array_equal(Twice().jacobian(x, 2 * x).vjp(x), 2 * x)
    y, jacobian = Square().linearize(x)
    np.testing.assert_array_equal(y, [[1, 9]])
    np.testing.assert_array_equal(jacobian.vjp(np.ones((1, 2))), [[2, -6]])


def test_a_layer_without_a_derivative_is_refused_when_it_is_made():
    with pytest.raises(DefinitionError, match=r"layer class Half has no derivative; define jacobian\(x, y, …\)"):

        class Half(Layer):
            def output_shape(self, input_shape):
                return input_shape

            def forward(self, x):
                return x / 2


def test_an_unfinished_base_class_may_leave_the_derivative_open():
    class Shaped(Layer):
        def output_shape(self, input_shape):
            return input_shape

    with pytest.raises(TypeError, match="abstract"):
        Shaped()


def test_a_loss_without_a_derivative_is_refused_when_it_is_made():
    with pytest.raises(DefinitionError, match="loss class Flat has no derivative; define gradient or linearize"):

        class Flat(Loss):
            def value(self, scores, targets):
                return scores[:, 0]


def test_a_loss_has_no_more_than_it_defines():
    class Sum(Loss):
        def value(self, scores, targets):
            return scores.sum(axis=1)

        def gradient(self, scores, targets):
            return np.ones_like(scores)

    scores = np.array([[1.0, 2.0]])
    values, gradient = Sum().linearize(scores, None)
    assert values == [3]
    np.testing.assert_array_equal(gradient, [[1, 1]])
    np.testing.assert_array_equal(Sum().decide(scores), scores)
    assert Sum().error(scores, None) is None
    with pytest.raises(UnsupportedError, match=r"is no likelihood: its scores are not probabilities"):
        Sum().probabilities(scores)
    with pytest.raises(NotImplementedError, match="has no second derivative; define hessian"):
        Sum().hessian(scores, None)


def test_a_layer_without_parameters_has_none_and_realizes_to_itself():
    layer = Square()
    assert layer.parameter_shapes((3,)) == {}
    assert layer.initialize((3,), np.random.default_rng(0)) == {}
    assert layer.realize(np.random.default_rng(0)) is layer


def test_parameter_shapes_and_initialize_refuse_what_output_shape_refuses():
    class Picky(Square):
        def output_shape(self, input_shape):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Picky().parameter_shapes((3,))
    with pytest.raises(ValueError, match="no"):
        Picky().initialize((3,), np.random.default_rng(0))


def test_a_dense_jacobian_is_enough():
    class Rotation(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, x):
            return x[:, ::-1].copy()

        def jacobian(self, x, y):
            return Jacobian(Dense(np.broadcast_to([[0.0, 1.0], [1.0, 0.0]], (len(x), 2, 2))))

    _, jacobian = Rotation().linearize(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(jacobian.vjp(np.array([[5.0, 6.0], [7.0, 8.0]])), [[6, 5], [8, 7]])
