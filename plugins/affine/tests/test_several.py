"""Layers of several inputs: each map against differences, in graphs and by name."""

import re

import numpy as np
import pytest

from chainrule import Graph, Network, ShapeError, layer, numerical_jacobian
from chainrule_affine import Add, Affine, Multiply, Tanh

LAYERS = [Add(), Multiply()]


def draw(count, shape=(3, 2, 4)):
    return list(np.random.default_rng(count).normal(size=(count, *shape)))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_they_add_and_multiply_number_by_number(count):
    x = draw(count)
    total, product = np.zeros((3, 2, 4)), np.ones((3, 2, 4))
    for one in x:
        for place, number in np.ndenumerate(one):
            total[place] += number
            product[place] *= number
    np.testing.assert_allclose(Add().forward(*x), total, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(Multiply().forward(*x), product, rtol=1e-15)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_map_is_that_of_differences(layer, count):
    x = draw(count, (2, 3))
    delta = np.random.default_rng(9).normal(size=(2, 3))
    _, maps = layer.linearize(*x)
    pulled = maps.vjp(delta)
    assert len(pulled) == count
    for i in range(count):
        numerical = numerical_jacobian(lambda at, i=i: layer.forward(*x[:i], at, *x[i + 1 :]), x[i])
        np.testing.assert_allclose(pulled[i], np.tensordot(delta, numerical, 2), rtol=0, atol=1e-8)
        moves = [v if j == i else None for j, v in enumerate(draw(count, (2, 3)))]
        np.testing.assert_allclose(maps.jvp(tuple(moves), {}), np.tensordot(numerical, moves[i], 2), rtol=0, atol=1e-8)
    moves = draw(count + 1, (2, 3))[:count]
    both = sum((p * v).sum() for p, v in zip(pulled, moves, strict=True))
    np.testing.assert_allclose((maps.jvp(tuple(moves), {}) * delta).sum(), both, rtol=1e-12)
    assert maps.per_sample(delta) == {}


def test_a_product_has_its_derivative_at_zero():
    x = [np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]]), np.array([[3.0, 5.0]])]
    _, maps = Multiply().linearize(*x)
    assert [p.tolist() for p in maps.vjp(np.ones((1, 2)))] == [[[6.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays_and_nothing_is_written_into(layer, dtype):
    x = [one.astype(dtype) for one in draw(3)]
    kept = [one.copy() for one in x]
    delta = np.ones_like(x[0])
    y, maps = layer.linearize(*x)
    found = [y, *maps.vjp(delta), maps.jvp(tuple(x), {})]
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    for one, before in zip([*x, delta], [*kept, np.ones_like(delta)], strict=True):
        np.testing.assert_array_equal(one, before)


@pytest.mark.parametrize("kind", ["add", "multiply"])
def test_a_graph_of_two_inputs_learns_through_them(kind):
    graph = Graph(("p", Affine(3), "a"), ("q", Affine(3), "b"), ("y", layer(kind), "p", "q", "p"), inputs=("a", "b"))
    network = Network(graph, {"a": 2, "b": 4}, dtype=np.float64)
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(5, 2)), "b": rng.normal(size=(5, 4))}
    scores, maps = network.linearize(x)
    delta = rng.normal(size=scores.shape)
    gradient = np.empty_like(network.theta)
    maps.vjp_params(delta, network.views(gradient))
    twin = network.astype(np.float64)

    def along(theta):
        twin.theta = theta
        return (twin.predict(x) * delta).sum()

    np.testing.assert_allclose(gradient, numerical_jacobian(along, network.theta), rtol=0, atol=1e-7)


def test_they_are_found_by_name():
    assert (layer("add"), layer("multiply")) == (Add(), Multiply())
    assert Add() != Multiply()


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_other_shapes_and_one_input_are_refused(layer):
    name = type(layer).__name__
    with pytest.raises(ShapeError, match=f"{name} inputs: expected two or more, got one; give it two: "):
        Network([layer], 3)
    message = f"{name} input 1: expected (3,), got (1,); all inputs have one shape: nothing is broadcast"
    with pytest.raises(ShapeError, match=re.escape(message)):
        layer.output_shape((3,), (1,))
    with pytest.raises(ShapeError, match=r"input 2: expected \(3,\), got \(3, 1\)"):
        layer.parameter_shapes((3,), (3,), (3, 1))
    with pytest.raises(ShapeError, match=r"node 'y', .*does not take input 'x' and the output of node 'h'"):
        Network(Graph(("h", Affine(2), "x"), ("y", layer, "x", "h")), 3)
    assert Graph(("h", Tanh(), "x"), ("y", layer, "x", "h")).output_shape((2, 3)) == (2, 3)
