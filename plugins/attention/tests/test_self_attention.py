"""What the suite's cases do not prove: starts, messages, long sequences, and how the layer stands in a network."""

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Chain, Dataset, Network, Recipe, Residual, SettingError, ShapeError, Shards, train
from chainrule_attention import SelfAttention
from chainrule_attention.dot_product import attention
from chainrule_losses import SquaredError


def drawn(layer, shape, B=2):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(B, *shape))
    return x, {name: rng.normal(size=s) for name, s in layer.parameter_shapes(shape).items()}


def test_the_start_is_pytorchs():
    values = SelfAttention(4).initialize((3, 300), np.random.default_rng(0))
    assert {name: array.shape for name, array in values.items()} == {
        "W_in": (900, 300),
        "b_in": (900,),
        "W_out": (300, 300),
        "b_out": (300,),
    }
    for name, limit in (("W_in", (6 / (300 + 900)) ** 0.5), ("W_out", 300**-0.5)):
        assert np.abs(values[name]).max() == pytest.approx(limit, rel=1e-3)
        assert values[name].var() == pytest.approx(limit**2 / 3, rel=0.02)
    assert not values["b_in"].any()
    assert not values["b_out"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 0}, "heads: expected a positive int, got 0"),
        ({"heads": 2.0}, r"heads: expected a positive int, got 2\.0"),
        ({"heads": None}, "heads: expected a positive int, got None"),
        ({"causal": 1}, "causal: expected True or False, got 1"),
        ({"causal": "yes"}, "causal: expected True or False, got 'yes'"),
        ({"units": 0}, "units: expected a positive int, got 0"),
        ({"units": "4"}, "units: expected a positive int, got '4'"),
        ({"mask": 1}, "mask: expected True or False, got 1"),
        ({"mask": "key"}, "mask: expected True or False, got 'key'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        SelfAttention(**settings)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((6,), r"self_attention input: expected \(T, n\), got \(6,\)"),
        ((2, 3, 6), r"self_attention input: expected \(T, n\), got \(2, 3, 6\)"),
        ((0, 6), r"self_attention input: expected \(T, n\), got \(0, 6\)"),
        (
            (5, 7),
            r"expected \(T, a multiple of 2\), got \(5, 7\); each of the heads takes an equal part of the features",
        ),
    ],
)
def test_wrong_shapes_are_refused(shape, message):
    layer = SelfAttention(2)
    for ask in (layer.output_shape, layer.parameter_shapes, lambda s: layer.initialize(s, np.random.default_rng(0))):
        with pytest.raises(ShapeError, match=message):
            ask(shape)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            SelfAttention(),
            [(4, 6), (4,)],
            r"self_attention inputs: expected a sequence \(T, n\) alone, got \(\(4, 6\), \(4,\)\); the setting mask",
        ),
        (
            SelfAttention(mask=True),
            [(4, 6)],
            r"self_attention inputs: expected a sequence \(T, n\) and a mask \(T,\), got \(\(4, 6\),\); leave out",
        ),
        (SelfAttention(mask=True), [(4, 6), (4,), (4,)], "self_attention inputs: expected a sequence .* and a mask"),
        (
            SelfAttention(mask=True),
            [(4, 6), (5,)],
            r"self_attention mask: expected \(4,\), got \(5,\); one for each position",
        ),
        (SelfAttention(mask=True), [(4, 6), (4, 1)], r"self_attention mask: expected \(4,\), got \(4, 1\)"),
        (SelfAttention(mask=True), [(6,), (6,)], r"self_attention input: expected \(T, n\), got \(6,\)"),
    ],
)
def test_a_mask_is_there_where_it_was_asked_for_one_for_each_position(layer, shapes, message):
    rng = np.random.default_rng(0)
    for ask in (layer.output_shape, layer.parameter_shapes, lambda *given: layer.initialize(*given, rng)):
        with pytest.raises(ShapeError, match=message):
            ask(*shapes)


def test_a_mask_that_masks_nothing_changes_nothing():
    x, params = drawn(SelfAttention(2), (4, 6))
    rng = np.random.default_rng(1)
    y, maps = SelfAttention(2).linearize(x, **params)
    masked, masked_maps = SelfAttention(2, mask=True).linearize(x, np.ones((2, 4), bool), **params)
    np.testing.assert_array_equal(masked, y)
    delta = rng.normal(size=y.shape)
    pulled, none = masked_maps.vjp(delta)
    assert none is None
    np.testing.assert_array_equal(pulled, maps.vjp(delta))
    start = SelfAttention(2, mask=True).initialize((4, 6), (4,), rng=np.random.default_rng(5))
    for name, value in SelfAttention(2).initialize((4, 6), rng=np.random.default_rng(5)).items():
        np.testing.assert_array_equal(start[name], value)


@pytest.mark.parametrize("causal", [False, True])
def test_a_sample_whose_positions_are_all_masked_gives_the_bias_and_has_no_gradient(causal):
    layer = SelfAttention(2, causal=causal, mask=True)
    x, params = drawn(SelfAttention(2), (4, 6), B=3)
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    y, maps = layer.linearize(x, mask, **params)
    np.testing.assert_array_equal(y[1], np.broadcast_to(params["b_out"], (4, 6)))
    pulled, _ = maps.vjp(np.ones_like(y))
    assert not pulled[1].any()
    assert pulled[0].any()
    for name, gradient in maps.per_sample(np.ones_like(y)).items():
        assert gradient[1].any() == (name == "b_out"), name


def test_a_masked_position_has_an_output_by_its_own_query():
    """And so its x has a gradient there, by its query alone; where nobody asks for that output it has none."""
    layer = SelfAttention(2, mask=True)
    x, params = drawn(SelfAttention(2), (4, 6), B=1)
    mask = np.array([[True, True, False, True]])
    y, maps = layer.linearize(x, mask, **params)
    other = x.copy()
    other[0, 2] += 1
    moved = layer.forward(other, mask, **params)
    np.testing.assert_array_equal(moved[:, [0, 1, 3]], y[:, [0, 1, 3]])
    assert (moved[:, 2] != y[:, 2]).all()
    delta = np.ones_like(y)
    assert maps.vjp(delta)[0][0, 2].any()
    delta[:, 2] = 0
    assert not maps.vjp(delta)[0][0, 2].any()


def test_a_recipe_gives_it_a_mask():
    nodes = [
        {"name": "a", "from": ["x", "mask"], "use": "self_attention", "heads": 2, "mask": True},
        {"name": "y", "from": ["x", "a"], "use": "add"},
    ]
    network = {"nodes": nodes, "inputs": ["x", "mask"], "dtype": "float64"}
    recipe = Recipe({"network": network})
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(3, 5, 4)), np.array([5, 2, 3])
    mask = np.arange(5) < lengths[:, np.newaxis]
    x[~mask] = 0
    padded = recipe.network(Dataset({"x": x, "mask": mask}, None))
    assert padded.chain.integer_input == (False, True)
    y = padded.predict({"x": x, "mask": mask})
    for i, length in enumerate(lengths):
        own = recipe.network(Dataset({"x": x[:, :length], "mask": mask[:, :length]}, None))
        own.theta = padded.theta
        alone = own.predict({"x": x[i : i + 1, :length], "mask": mask[i : i + 1, :length]})
        np.testing.assert_allclose(y[i : i + 1, :length], alone, rtol=1e-12)
    del nodes[0]["mask"]
    with pytest.raises(ShapeError, match=r"node 'a'.*self_attention inputs: expected a sequence .* alone"):
        recipe.network(Dataset({"x": x, "mask": mask}, None))


def test_two_heads_are_two_layers_of_half_the_features_side_by_side():
    n, d = 6, 3
    x, whole = drawn(SelfAttention(2), (4, n))
    expected = np.zeros_like(x)
    for head in range(2):
        part = slice(head * d, (head + 1) * d)
        rows = [row for first in (0, n, 2 * n) for row in range(first + head * d, first + (head + 1) * d)]
        q, k, v = np.split(x @ whole["W_in"][rows].T + whole["b_in"][rows], 3, axis=2)
        expected += attention(q, k, v)[0] @ whole["W_out"][:, part].T
    np.testing.assert_allclose(SelfAttention(2).forward(x, **whole), expected + whole["b_out"], atol=1e-13)


def test_the_bias_of_the_keys_has_no_gradient():
    """It adds the same number to all scores of a query."""
    layer = SelfAttention(2)
    x, params = drawn(layer, (5, 4))
    y, maps = layer.linearize(x, **params)
    gradient = maps.per_sample(np.ones_like(y))["b_in"]
    np.testing.assert_allclose(gradient[:, 4:8], 0, atol=1e-13)
    assert (np.abs(gradient[:, 8:]) > 1e-3).all()


@pytest.mark.parametrize("names", [("W_in",), ("b_in",), ("W_out",), ("b_out",), ("b_in", "b_out"), ("W_out", "b_out")])
def test_a_direction_of_some_parameters_alone_is_that_of_differences(names):
    layer = SelfAttention(2, units=3)
    x, params = drawn(layer, (3, 4))
    rng = np.random.default_rng(3)
    moves = {name: rng.normal(size=params[name].shape) for name in names}
    y, maps = layer.linearize(x, **params)
    above, below = (
        layer.forward(x, **{name: value + h * moves.get(name, 0.0) for name, value in params.items()})
        for h in (1e-5, -1e-5)
    )
    pushed = np.broadcast_to(maps.jvp(None, moves), y.shape)
    np.testing.assert_allclose(pushed, (above - below) / 2e-5, atol=1e-8)


def test_long_causal_sequences_depend_on_nothing_later():
    layer = SelfAttention(2, causal=True)
    x, params = drawn(layer, (150, 4))
    y, maps = layer.linearize(x, **params)
    for t in (1, 63, 64, 65, 128, 149):
        other = x.copy()
        other[:, t:] = 5
        np.testing.assert_allclose(layer.forward(other, **params)[:, :t], y[:, :t], rtol=0, atol=1e-12)
        delta = np.zeros_like(y)
        delta[:, :t] = 1
        assert not maps.vjp(delta)[:, t:].any()


def test_shards_give_the_gradient_of_the_whole():
    network = Network([SelfAttention(2, causal=True), SelfAttention(1)], (5, 4), seed=1)
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(2, 7, 5, 4))
    network.backprop(x, targets, SquaredError())
    whole = network.gradient.copy()
    with Shards(network, 2) as shards:
        shards.backprop(x, targets, SquaredError())
    np.testing.assert_allclose(network.gradient, whole, atol=1e-6)


def test_it_learns_to_fetch_what_a_mark_points_at():
    """y is the number that stands at the marked position, wherever that is: no map of single positions knows it."""
    rng = np.random.default_rng(0)
    x = np.zeros((256, 6, 4))
    x[:, :, 0] = rng.normal(size=(256, 6))
    marked = rng.integers(6, size=256)
    x[np.arange(256), marked, 1] = 1
    targets = np.repeat(x[np.arange(256), marked, 0], 6).reshape(256, 6, 1)
    network = Network([chainrule.layer("self_attention", units=1)], (6, 4), seed=0)
    history = train(network, x, targets, loss=SquaredError(), optimizer=SGD(0.03), batch_size=32, epochs=40)
    assert history[-1].e_in.loss < history[0].e_in.loss / 100


@pytest.mark.parametrize(
    "layers", [Chain(SelfAttention(2), SelfAttention(2, mask=True)), Residual(SelfAttention(2, mask=True))]
)
def test_where_nothing_gives_a_mask_it_is_missed(layers):
    with pytest.raises(
        ShapeError, match=r"expected a sequence \(T, n\) and a mask \(T,\), got .*; leave out the setting"
    ):
        Network(layers, (5, 4))
