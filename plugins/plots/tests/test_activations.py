import numpy as np
import pytest

from chainrule import DataError, Network, ShapeError
from chainrule_affine import Affine, Dropout, Flatten, ReLU
from chainrule_conv import Conv2d
from chainrule_norm import BatchNorm
from chainrule_plots import draw_activations, outputs, render


@pytest.fixture
def network():
    return Network([Conv2d(3, 3), ReLU(), Flatten(), Dropout(0.5), Affine(4)], (5, 6, 2), dtype=np.float64)


def panels(figure):
    """The axes of the stages, without colour bars."""
    return [axes for axes in figure.axes if axes.images or axes.patches]


def test_outputs_are_what_prefixes_of_the_network_predict(network, rng):
    sample = rng.normal(size=(5, 6, 2))
    found = outputs(network, sample)
    np.testing.assert_array_equal(found[0], sample)
    for i in range(1, len(network.layers) + 1):
        prefix = Network(network.layers[:i], (5, 6, 2), dtype=np.float64)
        prefix.theta = network.theta[: prefix.theta.size]
        np.testing.assert_array_equal(found[i], prefix.predict(sample[np.newaxis])[0])


def test_outputs_are_by_what_layers_remember(rng):
    network = Network([BatchNorm(), Affine(4)], 3, dtype=np.float64)
    network.statistics = [1, 2, 3, 4, 5, 6]
    sample = rng.normal(size=3)
    found = outputs(network, sample)
    np.testing.assert_allclose(found[1], (sample - [1, 2, 3]) / np.sqrt([4, 5, 6]), rtol=1e-4)
    np.testing.assert_array_equal(found[2], network.predict(sample[np.newaxis])[0])


def test_maps_and_bars_are_the_outputs(network, rng, texts):
    sample = rng.normal(size=(5, 6, 2))
    found = outputs(network, sample)
    figure = draw_activations(network, sample, title="mine: activations, row 3", classes=["a", "b", "c", "d"])
    drawn = [axes for axes in figure.axes if axes.images or len(axes.containers)]
    maps = [axes for axes in drawn if len(axes.images) == found[0 if axes is drawn[0] else 1].shape[-1]]
    assert len(maps) == 3
    for axes, array in zip(maps, found[:3], strict=True):
        for c, image in enumerate(axes.images):
            np.testing.assert_array_equal(image.get_array(), array[:, :, c])
    bars = [axes for axes in drawn if axes.containers]
    for axes, array in zip(bars, found[3:], strict=True):
        np.testing.assert_array_equal([bar.get_height() for bar in axes.containers[0]], array)
    assert [text.get_text() for text in bars[-1].get_xticklabels()] == ["a", "b", "c", "d"]
    written = texts(figure)
    for line in (
        "mine: activations, row 3",
        "one sample through 5 layers",
        "input: 5×6×2, 2 maps",
        "layer 0, Conv2d(filters=3, kernel=(3, 3)): 3×4×3, 3 maps",
        "layer 1, ReLU(): 3×4×3, 3 maps",
        "layer 2, Flatten(): 36 numbers",
        "layer 3, Dropout(rate=0.5): 36 numbers",
        "layer 4, Affine(units=4): 4 numbers",
        "blue < 0 (grey) < yellow",
    ):
        assert line in written


def test_negative_maps_have_zero_in_the_middle_and_others_their_range(network):
    figure = draw_activations(network, np.ones((5, 6, 2)))
    found = outputs(network, np.ones((5, 6, 2)))
    assert found[1].min() < 0
    signed, unsigned = ([axes for axes in figure.axes if len(axes.images) == 3][i].images[0].norm for i in (0, 1))
    assert signed.vmin == -signed.vmax == -np.abs(found[1]).max()
    assert (unsigned.vmin, unsigned.vmax) == (found[2].min(), found[2].max())


def test_vectors_and_other_shapes_are_bars(texts):
    figure = draw_activations(Network([ReLU()], (2, 3)), [[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    heights = [[bar.get_height() for bar in axes.containers[0]] for axes in figure.axes]
    assert heights == [[1, -2, 3, 4, 5, -6], [1, 0, 3, 4, 5, 0]]
    assert "input: 2×3, 6 numbers" in texts(figure)
    assert "grey" not in texts(figure)


def test_many_maps_and_numbers_are_cut_and_counted(texts):
    figure = draw_activations(Network([Conv2d(70, 3), Flatten()], (8, 8, 1)), np.ones((8, 8, 1)))
    assert "layer 0, Conv2d(filters=70, kernel=(3, 3)): 6×6×70, the first 64 of 70 maps" in texts(figure)
    assert "layer 1, Flatten(): the first 1,024 of 2,520 numbers" in texts(figure)
    assert max(len(axes.images) for axes in figure.axes) == 64


def test_of_a_deep_network_layers_are_left_out_and_that_is_said(texts):
    figure = draw_activations(Network([ReLU()] * 100, 2), [1.0, 2.0])
    written = texts(figure)
    shown = [i for i in range(100) if f"layer {i}, " in written]
    assert shown == [*range(38), 99]
    assert "one sample through 100 layers; layers 38 to 98 are left out" in written
    assert render(figure, ".png")


def test_captions_do_not_overlap_what_is_drawn(network):
    figure = draw_activations(network, np.ones((5, 6, 2)), classes=["a rather long name"] * 4)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    captions = [text.get_window_extent() for text in figure.texts]
    assert len(captions) == 9
    for caption in captions:
        assert not any(caption.overlaps(box) for box in boxes)
        assert figure.bbox.x0 <= caption.x0
        assert caption.x1 <= figure.bbox.x1
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 0.03, 1, 2500, 1e5, 1e30])
def test_ticks_of_any_size_are_told_apart_within_the_page(scale):
    figure = draw_activations(Network([ReLU()], 3), [-scale, 0.31 * scale, 0.72 * scale])
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert figure.bbox.x0 + 5 <= axes.get_tightbbox().x0
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert len(set(labels)) == len(labels)
        assert np.allclose([float(label.replace("\N{MINUS SIGN}", "-")) for label in labels], axes.get_yticks(), atol=0)


def test_names_are_those_of_as_many_bars_only():
    network = Network([Affine(3)], 2)
    labels = [
        [text.get_text() for text in draw_activations(network, [1, 2], classes=names).axes[-1].get_xticklabels()]
        for names in (["x", "y", "z"], ["x", "y"])
    ]
    assert labels[0] == ["x", "y", "z"]
    assert "x" not in labels[1]


def test_a_sample_of_another_shape_is_refused_with_both_shapes(network):
    with pytest.raises(ShapeError, match=r"sample: expected \(5, 6, 2\), got \(5, 6\)"):
        draw_activations(network, np.ones((5, 6)))
    with pytest.raises(DataError, match="expected real numbers"):
        draw_activations(Network([ReLU()], 2), ["a", "b"])
