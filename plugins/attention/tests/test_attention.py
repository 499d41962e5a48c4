"""Attention as a layer of several inputs, and the block of a transformer as a composition."""

import numpy as np
import pytest

import chainrule
from chainrule import EachPosition, Graph, Network, Residual, SettingError, ShapeError
from chainrule_attention import Attention, SelfAttention

RNG = np.random.default_rng(0)


def test_a_query_that_sees_no_key_gives_0_and_no_gradient():
    q, k, v = (RNG.normal(size=shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 2)))
    mask = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    y, jacobian = Attention().linearize(q, k, v, mask)
    assert (y[1] == 0).all()
    dq, dk, dv, none = jacobian.vjp(RNG.normal(size=y.shape))
    assert none is None
    assert (dq[1] == 0).all()
    assert (dk[1] == 0).all()
    assert (dv[1] == 0).all()
    assert (dk[0, [2, 3]] == 0).all()
    assert (dv[0, [2, 3]] == 0).all()
    k[0, 2] = v[0, 2] = np.nan
    np.testing.assert_array_equal(Attention().forward(q, k, v, mask.astype(bool)), y)


def test_a_mask_is_an_input_of_a_network():
    nodes = [("y", Attention(), "q", "k", "k", "mask")]
    graph = Graph(*nodes, inputs=("q", "k", "mask"))
    network = Network(graph, {"q": (3, 4), "k": (5, 4), "mask": (5,)}, dtype=np.float64)
    assert graph.integer_input == (False, False, True)
    x = {"q": RNG.normal(size=(2, 3, 4)), "k": RNG.normal(size=(2, 5, 4)), "mask": np.array([[1, 1, 1, 0, 0]] * 2)}
    short = {**x, "k": x["k"][:, :3], "mask": x["mask"][:, :3]}
    other = Network(graph, {"q": (3, 4), "k": (3, 4), "mask": (3,)}, dtype=np.float64)
    np.testing.assert_allclose(network.predict(x), other.predict(short), rtol=1e-14)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (5, 4)), r"attention inputs: expected queries \(T, d\), keys \(T, d\) and values"),
        (((3, 4), (5, 4), (5,)), "attention inputs: expected queries"),
        (((3, 4), (5, 3), (5, 2)), r"attention keys: expected \(5, 4\), got \(5, 3\); one for each value, as long as"),
        (((3, 4), (6, 4), (5, 2)), r"attention keys: expected \(5, 4\), got \(6, 4\)"),
        (((3, 4), (5, 4), (5, 2), (4,)), r"attention mask: expected \(5,\), got \(4,\); one for each key"),
        (((0, 4), (5, 4), (5, 2)), "attention inputs"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ShapeError, match=message):
        Attention().output_shape(*shapes)


@pytest.mark.parametrize("wrong", [0, "yes", None])
def test_causal_is_true_or_false(wrong):
    with pytest.raises(SettingError, match="causal: expected True or False"):
        Attention(causal=wrong)


def test_a_transformer_block_is_its_layers():
    attend, net = chainrule.layer("transformer_block", units=4, heads=2, causal=True, hidden=6).layers
    assert isinstance(attend, Residual)
    assert attend.inner.layers[1] == SelfAttention(2, causal=True)
    assert [type(layer) for layer in net.inner.layers[1::2]] == [EachPosition, EachPosition]
    network = Network([attend, net], (5, 4), dtype=np.float64)
    x = RNG.normal(size=(3, 5, 4))
    numerical = chainrule.numerical_jacobian(network.predict, x[:1])
    maps = chainrule.jacobian(network, x[:1]).input
    np.testing.assert_allclose(maps[0], numerical[0][:, :, 0], atol=1e-8)
    later = x.copy()
    later[:, 3:] += 1
    np.testing.assert_array_equal(network.predict(later)[:, :3], network.predict(x)[:, :3])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"units": 0}, "units"),
        ({"units": 4, "heads": 1.5}, "heads"),
        ({"units": 4, "causal": 1}, "causal"),
        ({"units": 4, "hidden": -1}, "hidden"),
    ],
)
def test_settings_of_a_block_are_checked(settings, name):
    with pytest.raises(SettingError, match=f"^{name}: expected"):
        chainrule.layer("transformer_block", **settings)
