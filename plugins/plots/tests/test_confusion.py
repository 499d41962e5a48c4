import numpy as np
import pytest

from chainrule import DataError, Network, SettingError, ShapeError, confusion_matrix
from chainrule_affine import Affine, Flatten
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic, SquaredError
from chainrule_plots import decisions, draw_confusion

MATRIX = np.array([[50, 0, 1], [2, 12345, 30], [0, 0, 0]])


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def counts(figure):
    return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}


def test_counts_are_printed_where_they_belong(rng):
    true, decided = rng.integers(4, size=(2, 50))
    printed = counts(draw_confusion(confusion_matrix(true, decided, 4)))
    assert len(printed) == 16
    for k in range(4):
        for j in range(4):
            assert printed[k, j] == str(sum(1 for t, d in zip(true, decided, strict=True) if (t, d) == (k, j)))


def test_the_heading_has_error_and_samples(texts):
    written = texts(
        draw_confusion(MATRIX, classes=["setosa", "versicolor", "virginica"], title="iris: confusion matrix")
    )
    assert "iris: confusion matrix" in written
    assert "error 0.27 %: 33 of 12,428 samples are decided wrongly" in written


def test_axes_say_what_they_are():
    figure = draw_confusion(MATRIX, classes=["setosa", "versicolor", "virginica"])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("decision", "true class (samples)")
    assert [t.get_text() for t in axes.get_xticklabels()] == ["setosa", "versicolor", "virginica"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["setosa  (51)", "versicolor  (12,377)", "virginica  (0)"]
    assert figure.axes[1].get_ylabel() == "share of the true class (%)"


def test_colours_are_shares_of_the_row():
    image = draw_confusion(MATRIX).axes[0].images[0]
    shares = [[100 * 50 / 51, 0, 100 / 51], [200 / 12377, 1234500 / 12377, 3000 / 12377], [0, 0, 0]]
    np.testing.assert_allclose(image.get_array(), shares)
    assert (image.norm.vmin, image.norm.vmax) == (0, 100)


def test_every_number_can_be_read_on_its_cell():
    from matplotlib.colors import to_rgb

    figure = draw_confusion(np.array([[k, 20 - k] + [0] * 19 for k in range(21)]))
    axes = figure.axes[0]
    image = axes.images[0]
    for text in axes.texts:
        j, k = (int(place) for place in text.get_position())
        paper = luminance(image.cmap(image.norm(image.get_array()[k, j])))
        ink = luminance(to_rgb(text.get_color()))
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 4


@pytest.mark.parametrize(
    "names",
    [["a", "b", "c"], ["a class of a very long name"] * 3, ["1", "2 and some more", "3"], ["Wwwwwwwwwwwwwwww"] * 3],
)
def test_names_neither_overlap_nor_leave_the_page(names):
    figure = draw_confusion(MATRIX, classes=names)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(boxes[i].overlaps(boxes[i + 1]) for i in range(2))
    whole = axes.get_tightbbox()
    assert figure.bbox.x0 <= whole.x0
    assert figure.bbox.y0 <= whole.y0
    assert not any(text.get_window_extent().overlaps(whole) for text in figure.texts)


def test_many_classes_have_no_counts_and_fewer_names(texts):
    figure = draw_confusion(np.eye(100, dtype=int))
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticks()) <= 40
    assert "100 classes are too many for their counts to be printed" in texts(figure)


def test_no_samples_have_no_error(texts):
    assert "error unknown: 0 of 0 samples" in texts(draw_confusion(np.zeros((2, 2), int)))


@pytest.mark.parametrize(
    ("matrix", "classes", "message"),
    [
        (np.zeros((2, 3), int), None, r"confusion matrix: expected \(m, m\), got \(2, 3\)"),
        (np.zeros(4, int), None, r"confusion matrix: expected \(m, m\), got \(4,\)"),
        (np.zeros((2, 2), int), ["a"], r"classes: expected \(2,\), got \(1,\); one name for each row"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, classes, message):
    with pytest.raises(ShapeError, match=message):
        draw_confusion(matrix, classes=classes)


@pytest.mark.parametrize("loss", [CrossEntropy(), MulticlassHinge()])
def test_several_scores_decide_for_the_largest(loss, rng):
    network, x, y = Network([Affine(3)], 2), rng.normal(size=(600, 2)), rng.integers(3, size=600)
    found = decisions(network, loss, x, y, ["a", "b", "c"])
    W, b = network.parameters["0.W"], network.parameters["0.b"]
    scores = [
        [sum(w * v for w, v in zip(row, sample, strict=True)) + bias for row, bias in zip(W, b, strict=True)]
        for sample in x
    ]
    assert found.decided.tolist() == [row.index(max(row)) for row in scores]
    assert found.true.tolist() == y.tolist()
    assert found.names == ("a", "b", "c")


def test_the_likeliest_class_of_a_distribution_is_true(rng):
    y = [[0.2, 0.8], [0.9, 0.1], [0.4, 0.6]]
    found = decisions(Network([Affine(2)], 2), CrossEntropy(), rng.normal(size=(3, 2)), np.array(y))
    assert found.true.tolist() == [1, 0, 1]
    assert found.names == ("0", "1")


@pytest.mark.parametrize(
    ("loss", "y", "names"),
    [
        (Logistic(), [0, 1, 1, 0], ("0", "1")),
        (Logistic(), [[0.1], [0.9], [1.0], [0.5]], ("0", "1")),
        (SignedLogistic(), [-1, 1, 1, -1], ("-1", "1")),
        (SignedLogistic(), [[-1], [1], [1], [-1]], ("-1", "1")),
    ],
)
def test_one_score_decides_between_two_classes(loss, y, names):
    network = Network([Affine(1)], 1)
    network.theta[:] = [1, 0]
    found = decisions(network, loss, np.array([[-1.0], [2.0], [-3.0], [0.0]]), np.array(y))
    assert found.true.tolist() == [0, 1, 1, 0]
    assert found.decided.tolist() == [0, 1, 0, 0]
    assert found.names == names
    assert confusion_matrix(found.true, found.decided, 2).tolist() == [[2, 0], [1, 1]]
    assert decisions(network, loss, np.array([[1.0]]), np.array(y[1:2])).names == names


def test_two_names_are_those_of_one_score_s_classes():
    network = Network([Affine(1)], 1)
    assert decisions(network, Logistic(), np.ones((1, 1)), np.array([1]), ["no", "yes"]).names == ("no", "yes")
    assert decisions(network, Logistic(), np.ones((1, 1)), np.array([1]), ["a", "b", "c"]).names == ("0", "1")


@pytest.mark.parametrize(
    ("network", "loss", "y"),
    [
        (Network([Affine(1)], 2), SquaredError(), np.ones(4)),
        (Network([Affine(3)], 2), Logistic(), np.ones((4, 3))),
        (Network([Affine(3)], 2), SquaredError(), np.ones((4, 3))),
    ],
)
def test_a_loss_that_decides_for_no_class_is_refused(network, loss, y):
    message = r"loss: expected one that decides for one class for each sample, got (SquaredError|Logistic)\(\)"
    with pytest.raises(SettingError, match=message):
        decisions(network, loss, np.ones((4, 2)), y)


def test_pictures_of_scores_are_no_classes():
    network = Network([Flatten(), Affine(1)], (2, 2, 1))
    with pytest.raises(DataError, match="targets: expected a class for each sample, got none"):
        decisions(network, Logistic(), np.ones((4, 2, 2, 1)), None)
