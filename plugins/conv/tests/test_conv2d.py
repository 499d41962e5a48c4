from functools import partial

import numpy as np
import pytest

from chainrule import Network, SettingError, ShapeError, UnsupportedError, describe
from chainrule_conv import Conv2d, direct as direct_module
from chainrule_conv.direct import Direct, layout_of, way_back
from chainrule_conv.planes import Planes
from chainrule_conv.stretches import Stretches
from chainrule_conv.winograd import Winograd


def slow(layer, x, K, b):
    """Return y by loops over every number, the padded picture being read place by place."""
    B, H, W, C = x.shape
    top, _, left, _ = layer.padding
    (s, t), (d, e) = layer.stride, layer.dilation
    y = np.zeros((B, *layer.output_shape(x.shape[1:])))
    for n, u, v, f in np.ndindex(y.shape):
        for i, j in np.ndindex(layer.kernel):
            r, q = u * s + i * d - top, v * t + j * e - left
            if 0 <= r < H and 0 <= q < W:
                y[n, u, v, f] += sum(K[i, j, c, f] * x[n, r, q, c] for c in range(C))
        if b is not None:
            y[n, u, v, f] += b[f] if b.ndim == 1 else b[u, v, f]
    return y


def slow_gradients(layer, x, K, delta):
    """Return dx and dK by loops that hand each output's delta to what it was made of."""
    _, H, W, _ = x.shape
    top, _, left, _ = layer.padding
    (s, t), (d, e) = layer.stride, layer.dilation
    dx, dK = np.zeros_like(x), np.zeros_like(K)
    for n, u, v in np.ndindex(delta.shape[:3]):
        for i, j in np.ndindex(layer.kernel):
            r, q = u * s + i * d - top, v * t + j * e - left
            if 0 <= r < H and 0 <= q < W:
                dx[n, r, q] += K[i, j] @ delta[n, u, v]
                dK[i, j] += np.outer(x[n, r, q], delta[n, u, v])
    return dx, dK


def drawn(rng):
    """Return a layer and a picture's shape that it takes."""
    while True:
        pair = lambda low, high: tuple(int(n) for n in rng.integers(low, high, 2))  # noqa: E731 - it is local
        layer = Conv2d(
            int(rng.integers(1, 4)),
            pair(1, 5),
            stride=pair(1, 4),
            padding=tuple(int(n) for n in rng.integers(0, 4, 4)),
            dilation=pair(1, 3),
            bias=str(rng.choice(["tied", "untied", "none"])),
        )
        shape = (*pair(1, 8), int(rng.choice([1, 2, 4])))
        try:
            layer.output_shape(shape)
        except ShapeError:
            continue
        return layer, shape


def parameters(layer, shape, rng):
    return {name: rng.normal(size=own) for name, own in layer.parameter_shapes(shape).items()}


@pytest.mark.parametrize("part", range(5))
def test_five_hundred_drawn_configurations_equal_nested_loops(part):
    rng = np.random.default_rng(part)
    for _ in range(100):
        layer, shape = drawn(rng)
        x, params = rng.normal(size=(2, *shape)), parameters(layer, shape, rng)
        y, maps = layer.linearize(x, **params)
        np.testing.assert_allclose(y, slow(layer, x, params["K"], params.get("b")), rtol=0, atol=1e-10)
        delta = rng.normal(size=y.shape)
        out = {name: np.full(value.shape, np.nan) for name, value in params.items()}
        dx, dK = slow_gradients(layer, x, params["K"], delta)
        np.testing.assert_allclose(maps.vjp(delta, out), dx, rtol=0, atol=1e-10)
        np.testing.assert_allclose(out["K"], dK, rtol=0, atol=1e-10)
        tangent, moved = rng.normal(size=x.shape), parameters(layer, shape, rng)
        pushed = slow(layer, tangent, params["K"], None) + slow(layer, x, moved["K"], moved.get("b"))
        np.testing.assert_allclose(maps.jvp(tangent, moved), pushed, rtol=0, atol=1e-10)


def test_blocks_of_rows_and_of_samples_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    layer, shape = Conv2d(3, (3, 2), stride=(2, 1), padding=1), (9, 6, 2)
    x, params = rng.normal(size=(5, *shape)), parameters(layer, shape, rng)
    delta = rng.normal(size=(5, *layer.output_shape(shape)))
    dx, dK = slow_gradients(layer, x, params["K"], delta)
    for size in (1, 2000, 1 << 20):
        monkeypatch.setattr(direct_module, "BLOCK_BYTES", size)
        y, maps = layer.linearize(x, **params)
        np.testing.assert_allclose(y, slow(layer, x, params["K"], params["b"]), rtol=0, atol=1e-12)
        out = {name: np.empty_like(value) for name, value in params.items()}
        np.testing.assert_allclose(maps.vjp(delta, out), dx, rtol=0, atol=1e-12)
        np.testing.assert_allclose(out["K"], dK, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(
    "shape, padding", [((9, 10, 8), 0), ((13, 6, 3), (2, 1, 0, 3)), ((6, 6, 16), 9), ((8, 8, 1), 2)]
)
def test_winograd_equals_the_direct_method_in_float64(kernel, shape, padding):
    rng = np.random.default_rng(0)
    layer = Conv2d(7, kernel, padding=padding)
    walks, plane = layer.walks(shape), shape[:2]
    x, K = rng.normal(size=(2, *shape)).astype(np.float32), rng.normal(size=(kernel, kernel, shape[2], 7))
    delta = rng.normal(size=(2, *layer.output_shape(shape)))
    exact = Direct(walks, plane)
    fast = Winograd(walks, plane)
    y = exact.forward(x.astype(float), K)
    dK, dK_fast = np.empty(K.shape), np.empty(K.shape, np.float32)
    dx = exact.backward(x.astype(float), K, delta, dK, to_input=True)
    dx_fast = fast.backward(x, K.astype(np.float32), delta.astype(np.float32), dK_fast, to_input=True)
    for right, came in ((y, fast.forward(x, K.astype(np.float32))), (dx, dx_fast), (dK, dK_fast)):
        assert came.dtype == np.float32
        assert np.abs(came - right).max() <= 2e-5 * np.abs(right).max()


def test_the_method_follows_from_settings_shapes_and_dtype():
    single, double = np.dtype("f4"), np.dtype("f8")
    assert isinstance(Conv2d(64, 3, padding=1).convolution((56, 56, 64), single), Winograd)
    assert isinstance(Conv2d(64, 5, padding=2).convolution((14, 14, 32), single), Winograd)
    assert isinstance(Conv2d(64, 3, padding=1).convolution((56, 56, 64), double), Direct)
    assert isinstance(Conv2d(16, 5, padding=2).convolution((28, 28, 1), single), Direct)
    assert isinstance(Conv2d(64, 3, stride=2).convolution((56, 56, 64), single), Direct)
    assert isinstance(Conv2d(64, 3, method="direct").convolution((56, 56, 64), single), Direct)
    assert isinstance(Conv2d(4, 3, method="winograd").convolution((8, 8, 1), single), Winograd)


def test_forcing_winograd_where_it_is_not_is_refused():
    with pytest.raises(SettingError, match="method: expected 'auto' or 'direct' unless kernel is 3×3 or 5×5, stride 1"):
        Conv2d(4, 3, stride=2, method="winograd")
    network = Network([Conv2d(4, 3, method="winograd")], (8, 8, 1), dtype=np.float64)
    with pytest.raises(UnsupportedError, match="conv2d with method 'winograd' on float64; it is for float32"):
        network.predict(np.zeros((1, 8, 8, 1)))


def test_two_and_a_pair_of_twos_are_the_same_setting():
    assert Conv2d(3, 2, 1, 1) == Conv2d(3, (2, 2), (1, 1), (1, 1, 1, 1)) != Conv2d(3, 2)
    assert Conv2d(3, 2, padding="valid") == Conv2d(3, 2, padding=0)


def test_E3_an_affine_layer_on_a_picture_has_849_billion_parameters():
    from chainrule_affine import Affine, Flatten

    side = 640 * 480 * 3
    assert describe([Flatten(), Affine(side)], (480, 640, 3)).parameter_count == 849_347_481_600
    assert 640 * 480 * 640 * 480 + 640 * 480 == 94_372_147_200


def test_E4_V8_the_example_has_921825_parameters_and_228_with_a_tied_bias():
    picture = (480, 640, 3)
    assert describe([Conv2d(3, 5, padding=2, bias="untied")], picture).parameter_count == 921_825
    assert describe([Conv2d(3, 5, padding=2)], picture).parameter_count == 228


def backward(layer, x, K, delta):
    _, maps = layer.linearize(x, K=K)
    out = {"K": np.empty_like(K)}
    return maps.vjp(delta, out), out["K"]


def test_E7_the_second_index_is_v_plus_j():
    rng = np.random.default_rng(0)
    x, K = rng.normal(size=(1, 5, 4, 1)), rng.normal(size=(3, 3, 1, 1))
    y = Conv2d(1, 3, padding=1, bias="none").forward(x, K)[0, :, :, 0]
    padded = np.pad(x[0, :, :, 0], 3)

    def formula(second):
        y = np.zeros((5, 4))
        for u, v, i, j in np.ndindex(5, 4, 3, 3):
            y[u, v] += K[i, j, 0, 0] * padded[u + i + 2, v + second(i, j) + 2]
        return y

    np.testing.assert_allclose(y, formula(lambda i, j: j), atol=1e-12)
    assert np.abs(y - formula(lambda i, j: i)).max() > 1  # as printed


def test_E8_channels_are_summed_over_on_their_own_side():
    rng = np.random.default_rng(0)
    layer, x, K = Conv2d(3, 3, padding=1, bias="none"), rng.normal(size=(1, 4, 4, 2)), rng.normal(size=(3, 3, 2, 3))
    delta = rng.normal(size=(1, 4, 4, 3))
    dx, _ = backward(layer, x, K, delta)
    assert dx.shape == x.shape
    loops = np.zeros((4, 4, 2))
    for u, v, i, j, c, f in np.ndindex(4, 4, 3, 3, 2, 3):
        r, t = u + i - 1, v + j - 1
        if 0 <= r < 4 and 0 <= t < 4:
            loops[r, t, c] += K[i, j, c, f] * delta[0, u, v, f]
    np.testing.assert_allclose(dx[0], loops, atol=1e-12)


LAYOUTS = [Planes, *(partial(Stretches, width=width) for width in (1, 2, 3, 5))]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "stride, dilation, padding", [(1, 1, 0), ((2, 3), 1, 1), (1, (2, 1), (0, 2, 1, 0)), (2, 2, (1, 0, 2, 1))]
)
def test_every_layout_gives_the_same(monkeypatch, layout, stride, dilation, padding):
    rng = np.random.default_rng(0)
    layer, shape = Conv2d(5, (3, 2), stride, padding, dilation), (7, 9, 4)
    monkeypatch.setattr(direct_module, "layout_of", lambda walks, plane, *_, **__: layout(walks, plane))
    x, params = rng.normal(size=(3, *shape)), parameters(layer, shape, rng)
    delta = rng.normal(size=(3, *layer.output_shape(shape)))
    dx, dK = slow_gradients(layer, x, params["K"], delta)
    for back in (lambda walks, plane, *_: layout(walks, plane), way_back.__wrapped__):
        monkeypatch.setattr(direct_module, "way_back", back)
        y, maps = layer.linearize(x, **params)
        np.testing.assert_allclose(y, slow(layer, x, params["K"], params["b"]), rtol=0, atol=1e-12)
        out = {name: np.empty_like(value) for name, value in params.items()}
        np.testing.assert_allclose(maps.vjp(delta, out), dx, rtol=0, atol=1e-12)
        np.testing.assert_allclose(out["K"], dK, rtol=0, atol=1e-12)
        np.testing.assert_allclose(maps.per_sample(delta)["K"].sum(axis=0), dK, rtol=0, atol=1e-12)


def test_the_layout_follows_from_shapes():
    walks = Conv2d(1, 5, padding=2).walks((14, 14, 16))
    assert layout_of(walks, (14, 14), 16, 32) == Stretches(walks, (14, 14), 2)
    assert layout_of(walks, (14, 14), 64, 128) == Stretches(walks, (14, 14), 1)
    assert layout_of(walks, (14, 14), 1, 128) == Planes(walks, (14, 14))


def test_the_gradient_to_the_input_is_a_convolution_where_that_costs_less():
    def back(layer, channels):
        return way_back(layer.walks((14, 14, channels)), (14, 14), channels, layer.filters)

    assert isinstance(back(Conv2d(32, 5, padding=2), 16), Direct)
    assert not isinstance(back(Conv2d(32, 5, padding=2), 1), Direct)  # δ has more channels than x
    assert not isinstance(back(Conv2d(32, 5, 2, padding=2), 16), Direct)
    assert not isinstance(back(Conv2d(32, 5, padding=5), 16), Direct)  # a padded δ would have to be cut


@pytest.mark.parametrize("layout", LAYOUTS)
def test_E9_a_padding_of_one_is_one_row_on_each_side(layout):
    padded = layout(Conv2d(1, 3, padding=1).walks((2, 2, 1)), (2, 2)).pad(np.ones((1, 2, 2, 1))).reshape(4, -1)
    assert padded[:, :4].tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert not padded[:, 4:].any()  # what a stretch meets that hangs over


def test_E10_the_kernel_is_zero_outside_its_places():
    layer = Conv2d(1, (1, 3), padding=(0, 1), bias="none")
    dx, _ = backward(
        layer, np.zeros((1, 1, 4, 1)), np.array([10.0, 20, 30]).reshape(1, 3, 1, 1), np.eye(4)[:1].reshape(1, 1, 4, 1)
    )
    assert dx.ravel().tolist() == [20, 30, 0, 0]  # a lookup at -2 would wrap to 30


def inside(array, *place):
    """Return an entry, 0 outside: the text leaves out what is out of range."""
    return array[place] if all(0 <= at < n for at, n in zip(place, array.shape, strict=True)) else 0.0


@pytest.mark.parametrize(
    "K, n, delta, right, wrong", [([3], 2, [1], [3, 0], [3, 3]), ([1, 2, 3], 3, [1, 10], [2, 13, 20], [3, 15, 33])]
)
def test_E12_strides_insert_zeros(K, n, delta, right, wrong):
    K, delta, d = np.array(K, float), np.array(delta, float), len(K) // 2
    layer = Conv2d(1, (1, len(K)), (1, 2), (0, d), bias="none")
    dx, _ = backward(layer, np.zeros((1, 1, n, 1)), K.reshape(1, -1, 1, 1), delta.reshape(1, 1, -1, 1))
    assert dx.ravel().tolist() == right
    printed = [sum(K[i + d] * inside(delta, (u - i) // 2) for i in range(-d, d + 1)) for u in range(n)]
    blocks = np.kron(delta, np.ones(2))  # the text's second form
    by_blocks = [sum(K[i + d] * inside(blocks, u - i) for i in range(-d, d + 1)) for u in range(n)]
    assert printed == by_blocks == wrong


def test_E13_the_kernel_gradient_depends_on_the_output_channel():
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(1, 4, 4, 2)), rng.normal(size=(1, 2, 2, 2))
    _, dK = backward(Conv2d(2, 1, 2, bias="none"), x, np.ones((1, 1, 2, 2)), delta)
    seen, right, printed = x[0, ::2, ::2], np.zeros((2, 2)), np.zeros((2, 2))
    for u, v, k, c in np.ndindex(2, 2, 2, 2):
        right[k, c] += seen[u, v, k] * delta[0, u, v, c]
        printed[k, c] += seen[u, v, k] * delta[0, u, v, k]
    np.testing.assert_allclose(dK[0, 0], right, atol=1e-12)
    assert np.abs(dK[0, 0] - printed).max() > 0.1


def test_E14_only_what_the_stride_meets_enters_the_kernel_gradient():
    x, delta = np.array([[7.0, 5], [3, 2]]), np.ones((1, 1))
    _, dK = backward(
        Conv2d(1, 1, 2, bias="none"), x.reshape(1, 2, 2, 1), np.ones((1, 1, 1, 1)), delta.reshape(1, 1, 1, 1)
    )
    assert dK.item() == 7
    assert sum(x[i, j] * delta[i // 2, j // 2] for i, j in np.ndindex(2, 2)) == 17  # as printed


@pytest.mark.parametrize("p, right, wrong", [(0, [45], [1]), (2, [1, 3, 6, 5, 3], [45, 33, 18, 0, 0])])
def test_E15_padding_moves_the_picture_the_right_way(p, right, wrong):
    x, d = np.arange(1.0, 10).reshape(3, 3), 1
    y = Conv2d(1, 3, padding=p, bias="none").forward(x.reshape(1, 3, 3, 1), np.ones((3, 3, 1, 1)))
    assert y[0, 0, :, 0].tolist() == right

    def row(offset):
        places = np.ndindex(3, 3)
        places = [(i - d + offset, j - d + offset) for i, j in places]
        return [sum(inside(x, i, v + j) for i, j in places) for v in range(3 + 2 * p - 2 * d)]

    assert row(d - p) == right
    assert row(p - d) == wrong  # as printed


def test_E5_the_kernel_is_not_flipped():
    layer = Conv2d(1, (1, 2), padding=(0, 0, 0, 1), bias="none")
    x, K = np.array([1.0, 2, 3]).reshape(1, 1, 3, 1), np.array([1.0, 2]).reshape(1, 2, 1, 1)
    assert layer.forward(x, K).ravel().tolist() == [5, 8, 3]


def test_V9_the_jacobian_is_the_sparse_shared_matrix_of_the_affine_map():
    layer, K = Conv2d(1, (1, 3), padding=(0, 1), bias="none"), np.array([1.0, 2, 3]).reshape(1, 3, 1, 1)
    _, maps = layer.linearize(np.zeros((4, 1, 4, 1)), K=K)
    J = maps.vjp(np.eye(4).reshape(4, 1, 4, 1)).reshape(4, 4)
    assert J.tolist() == [[2, 3, 0, 0], [1, 2, 3, 0], [0, 1, 2, 3], [0, 0, 1, 2]]


def test_the_start_keeps_the_variance_of_a_relu():
    layer = Conv2d(64, 5)
    start = layer.initialize((9, 9, 16), np.random.default_rng(0))
    assert start["K"].std() == pytest.approx((2 / (5 * 5 * 16)) ** 0.5, rel=0.02)
    assert not start["b"].any()
