from dataclasses import dataclass

import numpy as np
import pytest

from chainrule import Chain, DataError, Elementwise, Graph, Network, UnsupportedError
from chainrule_affine import Affine, AffineReLU, Flatten, Maxout, ReLU
from chainrule_conv import Conv2d
from chainrule_plots import draw_weights, outputs, render
from chainrule_plots.naming import show_layer
from chainrule_pooling import MaxPool2d


def tiles(figure):
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def test_kernels_are_tiles_by_filter_and_channel(texts):
    network = Network([Conv2d(5, (3, 2)), Flatten(), Affine(2)], (6, 6, 3))
    figure = draw_weights(network, title="mine: first-layer weights")
    K = network.parameters["0.K"]
    drawn = tiles(figure)
    assert len(drawn) == 15
    for f in range(5):
        for c in range(3):
            np.testing.assert_array_equal(drawn[3 * f + c], K[:, :, c, f])
    written = texts(figure)
    assert "mine: first-layer weights" in written
    assert "layer 0, Conv2d(filters=5, kernel=(3, 2)): 0.K 3×2×3×5" in written
    assert "shown: 5 filters of 3×2, 3 input channels of each from left to right" in written
    assert "weight (0 is grey)" in written


def test_tiles_do_not_overlap_and_read_like_text():
    figure = draw_weights(Network(Conv2d(5, (4, 3)), (6, 6, 3)))
    boxes = [image.get_extent() for image in figure.axes[0].images]
    for i, (left, right, bottom, top) in enumerate(boxes):
        np.testing.assert_allclose((bottom - top) / (right - left), 4 / 3)
        for other_left, _, other_bottom, other_top in boxes[i + 1 :]:
            assert other_left >= right or other_top >= bottom or other_bottom <= top
    corners = [(round(top, 6), left) for left, _, _, top in boxes]
    assert corners == sorted(corners)


def test_one_scale_serves_all_and_has_zero_in_its_middle():
    network = Network(Conv2d(4, 3), (6, 6, 2))
    figure = draw_weights(network)
    norms = {id(image.norm) for image in figure.axes[0].images}
    limit = float(np.abs(network.parameters["0.K"]).max())
    norm = figure.axes[0].images[0].norm
    assert len(norms) == 1
    assert (norm.vmin, norm.vmax) == (-limit, limit)
    assert len(figure.axes) == 2  # the tiles, and one colour bar


def test_rows_of_an_affine_layer_are_pictures_of_the_input(texts):
    network = Network([Flatten(), AffineReLU(6), Affine(2)], (4, 5, 1))
    figure = draw_weights(network)
    drawn = tiles(figure)
    assert len(drawn) == 6
    for unit, tile in enumerate(drawn):
        np.testing.assert_array_equal(tile, network.parameters["1.W"][unit].reshape(4, 5))
    assert "layer 1, AffineReLU(units=6): 1.W 6×20" in texts(figure)


def test_a_unit_lights_up_at_the_pixel_that_it_weighs():
    network = Network([Flatten(), Affine(1)], (4, 5, 2))
    network.theta[:] = 0
    x = np.zeros((1, 4, 5, 2), np.float32)
    x[0, 2, 3, 1] = 1
    network.parameters["1.W"][...] = x.reshape(1, -1)
    first, second = tiles(draw_weights(network))
    assert not first.any()
    assert np.argwhere(second).tolist() == [[2, 3]]


def test_each_piece_of_a_maxout_unit_is_a_filter():
    network = Network([Flatten(), Maxout(3, 2)], (4, 4, 1))
    drawn = tiles(draw_weights(network))
    np.testing.assert_array_equal(drawn[3], network.parameters["1.W"][1, 1].reshape(4, 4))
    assert len(drawn) == 6


@pytest.mark.parametrize(
    ("layers", "input_shape", "name"),
    [
        ([Affine(3)], 7, "0.W"),
        ([MaxPool2d(2), Flatten(), Affine(3)], (4, 4, 1), "2.W"),
        ([Chain(ReLU(), AffineReLU(4))], 5, "0.1.W"),
    ],
)
def test_what_is_no_picture_is_a_matrix(layers, input_shape, name, texts):
    network = Network(layers, input_shape)
    figure = draw_weights(network)
    (drawn,) = tiles(figure)
    np.testing.assert_array_equal(drawn, network.parameters[name])
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("input", "unit")
    assert f"shown: {drawn.shape[0]} units, {drawn.shape[1]} inputs" in texts(figure)
    assert f"{name} " in texts(figure)


def test_many_filters_are_cut_and_counted(texts):
    figure = draw_weights(Network(Conv2d(70, 3), (5, 5, 20)))
    assert len(tiles(figure)) == 64 * 16
    assert "shown: the first 64 of 70 filters of 3×3, the first 16 of 20 input channels of each" in texts(figure)


def test_a_large_matrix_is_cut_and_counted(texts):
    figure = draw_weights(Network(Affine(130), 1500))
    assert tiles(figure)[0].shape == (128, 1024)
    assert "shown: the first 128 of 130 units, the first 1,024 of 1,500 inputs" in texts(figure)
    assert render(figure, ".png")


def test_numbers_stand_above_their_filters():
    figure = draw_weights(Network(Conv2d(6, 3), (5, 5, 1)))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == list("012345")
    for text, image in zip(axes.texts, axes.images, strict=True):
        left, _, _, top = image.get_extent()
        assert text.get_position()[0] == left
        assert text.get_position()[1] < top


def test_a_network_without_weights_is_refused():
    with pytest.raises(DataError, match="weights: expected a layer with a parameter of two axes or more, got Network"):
        draw_weights(Network([ReLU()], 3))


@dataclass(frozen=True)
class Leaky(Elementwise):
    slope: float = 0.1

    def forward(self, x):
        return np.maximum(x, self.slope * x)

    def derivative(self, x, y):
        return np.where(x > 0, np.ones_like(x), np.full_like(x, self.slope))


class Plain(Elementwise):
    def forward(self, x):
        return x + 0

    def derivative(self, x, y):
        return np.ones_like(x)


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (Conv2d(16, 3, padding="same"), "Conv2d(filters=16, kernel=(3, 3), padding='same')"),
        (Conv2d(16, 3, stride=(2, 1)), "Conv2d(filters=16, kernel=(3, 3), stride=(2, 1))"),
        (MaxPool2d(2), "MaxPool2d(size=(2, 2))"),
        (MaxPool2d(2, stride=1), "MaxPool2d(size=(2, 2), stride=(1, 1))"),
        (AffineReLU(3), "AffineReLU(units=3)"),
        (Leaky(), "Leaky()"),
        (Leaky(0.2), "Leaky(slope=0.2)"),
        (Plain(), "Plain()"),
        (Chain(ReLU(), AffineReLU(4)), "Chain(ReLU(), AffineReLU(units=4, start='he'))"),
    ],
)
def test_a_layer_is_shown_without_its_defaults(layer, shown):
    assert show_layer(layer) == shown


def test_plots_follow_chains_tied_ones_too_and_say_so_of_graphs():
    graph = Network(Graph(("h", Affine(3), "x"), ("y", Affine(2), "h")), 4)
    for draw in (lambda: draw_weights(graph), lambda: outputs(graph, np.zeros(4))):
        with pytest.raises(UnsupportedError, match="a graph's layers do not come one after the other"):
            draw()
    tied = Network([Affine(3), Affine(4)], 4, ties={"1.W": "0.W.T"}, dtype=np.float64)
    sample = np.arange(4.0)
    np.testing.assert_array_equal(outputs(tied, sample)[-1], tied.predict(sample[np.newaxis])[0])
