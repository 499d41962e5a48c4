"""Each linear map against a dense matrix that an independent loop builds, and against its own transpose."""

import numpy as np
import pytest

from chainrule import (
    BatchJacobian,
    Dense,
    DenseParameter,
    Diagonal,
    Jacobian,
    Matrix,
    Outer,
    Reshape,
    Reshaped,
    Scale,
    Selection,
    Shift,
    UnsupportedError,
)

B = 3


def numbers(*shape):
    return np.random.default_rng(sum(shape) + len(shape)).normal(size=shape)


INPUT_MAPS = {  # name → (map, *in, *out, y as a function of x by a plain loop)
    "dense": (Dense(J := numbers(B, 2, 3, 4)), (4,), (2, 3), lambda x: np.einsum("boij,bj->boi", J, x)),
    "matrix": (
        Matrix(W := numbers(2, 4)),
        (4,),
        (2,),
        lambda x: np.array([[sum(W[k, j] * v[j] for j in range(4)) for k in range(2)] for v in x]),
    ),
    "matrix over the last axis": (
        Matrix(W),
        (3, 4),
        (3, 2),
        lambda x: np.array([[[sum(W[k, j] * r[j] for j in range(4)) for k in range(2)] for r in v] for v in x]),
    ),
    "diagonal": (Diagonal(d := numbers(B, 2, 3)), (2, 3), (2, 3), lambda x: d * x),
    "mask": (Diagonal(m := numbers(B, 5) > 0), (5,), (5,), lambda x: np.where(m, x, 0)),
    "selection": (
        Selection(np.array([[[0, 5]], [[3, 3]], [[1, 0]]]), (2, 3)),
        (2, 3),
        (1, 2),
        lambda x: np.array([[[x[0, 0, 0], x[0, 1, 2]]], [[x[1, 1, 0], x[1, 1, 0]]], [[x[2, 0, 1], x[2, 0, 0]]]]),
    ),
    "selection for all samples alike": (
        Selection(np.array([[2, 0, 2]]), (3,)),
        (3,),
        (3,),
        lambda x: np.stack([x[:, 2], x[:, 0], x[:, 2]], axis=1),
    ),
    "reshape": (Reshape((2, 3), (6,)), (2, 3), (6,), lambda x: np.array([[*v[0], *v[1]] for v in x])),
}  # fmt: skip

PARAMETER_MAPS = {  # name → (map, *param, *out, y as a function of the parameter)
    "dense": (DenseParameter(P := numbers(B, 2, 4, 3)), (4, 3), (2,), lambda W: np.einsum("boij,ij->bo", P, W)),
    "outer": (
        Outer(x := numbers(B, 4)),
        (2, 4),
        (2,),
        lambda W: np.array([[sum(W[k, j] * v[j] for j in range(4)) for k in range(2)] for v in x]),
    ),
    "outer over the last axis": (
        Outer(z := numbers(B, 3, 4)),
        (2, 4),
        (3, 2),
        lambda W: np.array([[[sum(W[k, j] * r[j] for j in range(4)) for k in range(2)] for r in v] for v in z]),
    ),
    "shift": (Shift((2,)), (2,), (2,), lambda b: np.array([b] * B)),
    "shift of each position": (Shift((2,)), (2,), (3, 2), lambda b: np.array([[b] * 3] * B)),
    "shift of two axes": (Shift((3, 2)), (3, 2), (3, 2), lambda b: np.array([b] * B)),
    "scale": (Scale(s := numbers(B, 2), (2,)), (2,), (2,), lambda a: np.array([[a[0] * v[0], a[1] * v[1]] for v in s])),
    "scale of each position": (
        Scale(c := numbers(B, 3, 2), (2,)),
        (2,),
        (3, 2),
        lambda a: np.array([[[a[0] * r[0], a[1] * r[1]] for r in v] for v in c]),
    ),
    "reshaped": (
        Reshaped(Outer(x), (2, 4), (2, 1, 4)),
        (2, 1, 4),
        (2,),
        lambda W: np.array([[sum(W[k, 0, j] * v[j] for j in range(4)) for k in range(2)] for v in x]),
    ),
}


def pushed(map_, tangent, shape):
    return np.broadcast_to(map_.jvp(tangent), (B, *shape))


@pytest.mark.parametrize(("map_", "inputs", "outputs", "loop"), INPUT_MAPS.values(), ids=INPUT_MAPS)
def test_an_input_map_pushes_a_tangent_as_the_loop_does(map_, inputs, outputs, loop):
    tangent = numbers(B, *inputs)
    np.testing.assert_allclose(map_.jvp(tangent), loop(tangent), rtol=1e-12, atol=1e-12)
    assert map_.jvp(tangent).shape == (B, *outputs)


@pytest.mark.parametrize(("map_", "inputs", "outputs", "loop"), INPUT_MAPS.values(), ids=INPUT_MAPS)
def test_an_input_map_is_the_transpose_of_itself(map_, inputs, outputs, loop):
    delta, tangent = numbers(B, *outputs), numbers(B, *inputs)
    pulled = map_.vjp(delta)
    assert pulled.shape == tangent.shape
    assert abs(np.vdot(delta, loop(tangent)) - np.vdot(pulled, tangent)) < 1e-10


@pytest.mark.parametrize(("map_", "shape", "outputs", "loop"), PARAMETER_MAPS.values(), ids=PARAMETER_MAPS)
def test_a_parameter_map_pushes_a_tangent_as_the_loop_does(map_, shape, outputs, loop):
    tangent = numbers(*shape)
    np.testing.assert_allclose(pushed(map_, tangent, outputs), loop(tangent), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("map_", "shape", "outputs", "loop"), PARAMETER_MAPS.values(), ids=PARAMETER_MAPS)
def test_a_parameter_map_overwrites_with_its_transpose(map_, shape, outputs, loop):
    delta, tangent = numbers(B, *outputs), numbers(*shape)
    out = np.full(shape, np.nan)
    assert map_.vjp(delta, out) is None
    assert abs(np.vdot(delta, loop(tangent)) - np.vdot(out, tangent)) < 1e-10


@pytest.mark.parametrize(("map_", "shape", "outputs", "loop"), PARAMETER_MAPS.values(), ids=PARAMETER_MAPS)
def test_per_sample_parts_are_each_samples_own_and_sum_to_the_whole(map_, shape, outputs, loop):
    delta, tangent = numbers(B, *outputs), numbers(*shape)
    parts = map_.per_sample(delta)
    assert parts.shape == (B, *shape)
    for j in range(B):
        assert abs(np.vdot(delta[j], loop(tangent)[j]) - np.vdot(parts[j], tangent)) < 1e-10
    out = np.empty(shape)
    map_.vjp(delta, out)
    np.testing.assert_allclose(parts.sum(axis=0), out, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_keep_the_dtype(dtype):
    delta, x = numbers(B, 2).astype(dtype), numbers(B, 4).astype(dtype)
    out = {"W": np.empty((2, 4), dtype), "b": np.empty(2, dtype)}
    jacobian = Jacobian(Matrix(numbers(2, 4).astype(dtype)), after=Diagonal(delta > 0), W=Outer(x), b=Shift((2,)))
    assert jacobian.vjp(delta, out).dtype == dtype
    assert {array.dtype for array in jacobian.per_sample(delta).values()} == {np.dtype(dtype)}


def test_a_gradient_of_another_dtype_is_cast_into_the_vector():
    out = np.empty((2, 4), np.float32)
    Outer(numbers(B, 4)).vjp(numbers(B, 2), out)
    np.testing.assert_allclose(out, numbers(B, 2).T @ numbers(B, 4), rtol=1e-6)


class Counted:
    def __init__(self):
        self.calls = 0

    def vjp(self, delta):
        self.calls += 1
        return 2 * delta

    jvp = vjp


def test_what_the_maps_share_is_pulled_back_once():
    shared = Counted()
    jacobian = Jacobian(Matrix(np.eye(2)), after=shared, W=Outer(numbers(B, 2)), b=Shift((2,)))
    out = {"W": np.empty((2, 2)), "b": np.empty(2)}
    np.testing.assert_allclose(jacobian.vjp(np.ones((B, 2)), out), np.full((B, 2), 2.0))
    np.testing.assert_allclose(out["b"], [2 * B, 2 * B])
    assert shared.calls == 1


def test_a_direction_that_is_missing_is_zero():
    jacobian = Jacobian(Matrix(np.eye(2)), W=Outer(numbers(B, 2)), b=Shift((2,)))
    v, shift = numbers(B, 2), np.array([5.0, -7.0])
    np.testing.assert_allclose(jacobian.jvp(v, {"b": shift}), v + shift)
    np.testing.assert_allclose(jacobian.jvp(v, {}), v)


def test_the_derivative_to_integers_is_refused():
    jacobian = Jacobian(None, W=Shift((2,)))
    out = {"W": np.empty(2)}
    with pytest.raises(UnsupportedError, match="the input has no derivative; it holds indices"):
        jacobian.vjp(np.ones((B, 2)), out)
    with pytest.raises(UnsupportedError, match="no derivative"):
        jacobian.jvp(np.ones((B, 2)), {})
    jacobian.vjp_params(np.ones((B, 2)), out)
    np.testing.assert_allclose(out["W"], [B, B])
    np.testing.assert_allclose(jacobian.jvp(None, {"W": np.array([1.0, 2.0])}), [1, 2])


def test_a_jvp_in_no_direction_is_refused():
    with pytest.raises(UnsupportedError, match="without any direction; give a tangent"):
        Jacobian(None, W=Shift((2,))).jvp(None, {})


def test_a_jacobian_class_without_per_sample_says_so():
    class Bare(BatchJacobian):
        def vjp(self, delta, out=None):
            return delta

        def jvp(self, tangent, params):
            return tangent

    with pytest.raises(UnsupportedError, match="Bare has no per-sample gradients; define per_sample"):
        Bare().per_sample(np.ones((B, 2)))
