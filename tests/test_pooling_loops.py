"""Pooling beside a loop over a picture that is padded outright, of windows that a slice cuts off where it ends."""

import numpy as np
import pytest

import chainrule_numba
import chainrule_pooling


def begins(n, size, stride, before, after, ceil):
    """Return where windows begin on the padded axis."""
    found = [0]
    while True:
        begin = found[-1] + stride
        fits = begin + size <= before + n + after
        hangs_over = ceil and found[-1] + size < before + n + after and begin < before + n
        if not (fits or hangs_over):
            return found
        found.append(begin)


def slow_pool(layer, x, delta, tangent):
    """Return the value, δ·J and J·v of one channel of one picture."""
    top, bottom, left, right = layer.padding
    sides = (top, bottom), (left, right)
    fill = -np.inf if "Max" in type(layer).__name__ else 0.0
    padded, moved = np.pad(x, sides, constant_values=fill), np.pad(tangent, sides)
    real = np.pad(np.ones(x.shape), sides)
    dx = np.zeros(padded.shape)
    rows, columns = (
        begins(n, k, s, *side, layer.ceil)
        for n, k, s, side in zip(x.shape, layer.size, layer.stride, sides, strict=True)
    )
    y, moves = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)))
    for u, begin_u in enumerate(rows):
        for v, begin_v in enumerate(columns):
            window = slice(begin_u, begin_u + layer.size[0]), slice(begin_v, begin_v + layer.size[1])
            weights = np.zeros(padded[window].shape)
            if fill == 0.0:
                weights[...] = 1 / (weights.size if layer.count_padding else real[window].sum())
                y[u, v] = (weights * padded[window]).sum()
            else:
                weights.flat[padded[window].argmax()] = 1
                y[u, v] = padded[window].max()
            moves[u, v] = (weights * moved[window]).sum()
            dx[window] += delta[u, v] * weights
    return y, dx[top : top + x.shape[0], left : left + x.shape[1]], moves


def drawn(rng, kind):
    """Return a layer and a size of picture that fits it."""
    size = tuple(int(k) for k in rng.integers(1, 5, 2))
    settings = {
        "size": size,
        "stride": tuple(int(s) for s in rng.integers(1, 5, 2)),
        "padding": tuple(int(rng.integers(k)) for k in (size[0], size[0], size[1], size[1])),
        "ceil": bool(rng.integers(2)),
    }
    if "Mean" in kind.__name__:
        settings["count_padding"] = bool(rng.integers(2))
    layer = kind(**settings)
    top, bottom, left, right = layer.padding
    least = max(size[0] - top - bottom, 1), max(size[1] - left - right, 1)
    return layer, tuple(n + int(rng.integers(5)) for n in least)


@pytest.mark.parametrize("name", ["MeanPool2d", "MaxPool2d"])
@pytest.mark.parametrize("module", [chainrule_pooling, chainrule_numba], ids=lambda module: module.__name__)
def test_500_drawn_windows_are_those_of_a_loop(module, name):
    rng, cut_off = np.random.default_rng(5), 0
    for _ in range(500):
        layer, (H, W) = drawn(rng, getattr(module, name))
        x, tangent = rng.normal(size=(2, 2, H, W, 2))
        y, maps = layer.linearize(x)
        delta = rng.normal(size=y.shape)
        dx, moves = maps.vjp(delta), maps.jvp(tangent, {})
        np.testing.assert_array_equal(layer.forward(x), y)
        alone = np.concatenate([layer.linearize(x[j : j + 1])[1].vjp(delta[j : j + 1]) for j in range(2)])
        np.testing.assert_array_equal(alone, dx)
        for at in np.ndindex(2, 2):
            j, c = at
            expected = slow_pool(layer, x[j, :, :, c], delta[j, :, :, c], tangent[j, :, :, c])
            for ours, theirs in zip((y, dx, moves), expected, strict=True):
                np.testing.assert_allclose(ours[j, :, :, c], theirs, rtol=1e-12, atol=1e-13, err_msg=repr(layer))
        top, bottom, _, _ = layer.padding
        cut_off += (y.shape[1] - 1) * layer.stride[0] + layer.size[0] > H + top + bottom
    assert cut_off > 25  # windows that hang over


@pytest.mark.parametrize("module", [chainrule_pooling, chainrule_numba], ids=lambda module: module.__name__)
def test_a_window_that_hangs_over_counts_what_is_inside_the_padded_picture(module):
    x = np.arange(1.0, 6).reshape(1, 5, 1, 1)
    layer = module.MeanPool2d((2, 1), (2, 1), ceil=True, count_padding=True)
    assert layer.forward(x).ravel().tolist() == [1.5, 3.5, 5]
    padded = module.MeanPool2d((3, 1), (2, 1), (0, 1, 0, 0), ceil=True, count_padding=True)
    assert padded.forward(x[:, :3] * 3).ravel().tolist() == [6, 4.5]  # 9 and one place of padding: two places of three
