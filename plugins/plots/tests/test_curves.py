import numpy as np
import pytest

from chainrule import SGD, DataError, EpochRecord, Evaluation, History, Network, train
from chainrule_affine import Affine
from chainrule_losses import CrossEntropy
from chainrule_plots import draw_history, render


def records(losses, errors=None, test=True):
    errors = errors or [None] * len(losses)
    return [
        EpochRecord(i, Evaluation(loss, error), Evaluation(2 * loss, error) if test else None, 0.1)
        for i, (loss, error) in enumerate(zip(losses, errors, strict=True), 1)
    ]


def lines(figure):
    """Each panel's lines by label."""
    return [{line.get_label(): line for line in axes.lines} for axes in figure.axes]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_lines_are_the_history():
    x = np.random.default_rng(0).normal(size=(20, 3))
    y = (x[:, 0] > 0).astype(int)
    network = Network([Affine(2)], 3)
    history = train(network, x, y, loss=CrossEntropy(), optimizer=SGD(0.5), batch_size=5, epochs=4, test=(x[:7], y[:7]))
    loss, error = lines(draw_history({"mine": history}))
    epochs = [1, 2, 3, 4]
    for drawn, values in [
        (loss["mine, E_in"], [record.e_in.loss for record in history]),
        (loss["mine, E_out"], [record.e_out.loss for record in history]),
        (error["mine, E_in"], [100 * record.e_in.error for record in history]),
        (error["mine, E_out"], [100 * record.e_out.error for record in history]),
    ]:
        assert drawn.get_xdata().tolist() == epochs
        np.testing.assert_allclose(drawn.get_ydata(), values, rtol=1e-12)


@pytest.mark.parametrize(
    "given, kind", [(History(), "History"), ([], "list"), (records([1.0]), "list"), (None, "NoneType")]
)
def test_a_history_without_a_name_is_told_how_to_give_one(given, kind):
    message = rf'^histories: expected the runs by name, got a {kind}; draw_history\({{"run": history}}\)$'
    with pytest.raises(DataError, match=message):
        draw_history(given)


def test_axes_have_titles_and_units(texts):
    figure = draw_history({"mine": records([1.0, 0.5], [0.25, 0.125])})
    loss, error = figure.axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss (mean per sample)")
    assert (error.get_xlabel(), error.get_ylabel()) == ("epoch", "error (% of samples)")
    assert "mine: loss and error of 2 epochs" in texts(figure)
    assert loss.get_title() == "Loss\nepoch 2: E_in 0.5, E_out 1"
    assert error.get_title() == "Error\nepoch 2: E_in 12.50 %, E_out 12.50 %"
    assert legend(figure) == ["E_in, training data", "E_out, test data"]


def test_E_in_and_E_out_differ_in_style_and_colour():
    loss, _ = lines(draw_history({"mine": records([1.0, 0.5], [0.2, 0.1])}))
    e_in, e_out = loss["mine, E_in"], loss["mine, E_out"]
    assert (e_in.get_linestyle(), e_out.get_linestyle()) == ("--", "-")
    assert e_in.get_color() != e_out.get_color()


def test_E_val_is_a_line_of_its_own_where_there_is_one(texts):
    history = [
        EpochRecord(i, Evaluation(1 / i, 0.1), Evaluation(3 / i, 0.3), 0.1, Evaluation(2 / i, 0.2)) for i in (1, 2)
    ]
    figure = draw_history({"mine": history})
    loss, error = lines(figure)
    assert loss["mine, E_val"].get_ydata().tolist() == [2, 1]
    assert error["mine, E_val"].get_ydata().tolist() == [20, 20]
    for look in ("get_linestyle", "get_color"):
        assert len({getattr(loss[f"mine, {name}"], look)() for name in ("E_in", "E_val", "E_out")}) == 3
    assert legend(figure) == ["E_in, training data", "E_val, validation data", "E_out, test data"]
    assert figure.axes[0].get_title() == "Loss\nepoch 2: E_in 0.5, E_val 1, E_out 1.5"


def test_runs_differ_in_colour_and_marker_and_the_legend_names_them():
    names = [f"run {i}" for i in range(9)]
    figure = draw_history({name: records([1.0, 0.5], [0.2, 0.1]) for name in names})
    loss, error = lines(figure)
    looks = {(loss[f"{name}, E_out"].get_color(), loss[f"{name}, E_out"].get_marker()) for name in names}
    assert len(looks) == 9
    for name in names:
        assert loss[f"{name}, E_in"].get_color() == loss[f"{name}, E_out"].get_color()
        assert loss[f"{name}, E_in"].get_linestyle() != loss[f"{name}, E_out"].get_linestyle()
    assert len(error) == 18
    assert legend(figure) == [*names, "E_in, training data", "E_out, test data"]
    assert figure.axes[0].get_title() == "Loss"


def test_long_names_are_shortened_in_the_legend():
    figure = draw_history({"a" * 100: records([1.0]), "b": records([1.0])})
    assert max(map(len, legend(figure))) <= 48


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([1.0, 0.3], "linear"),
        ([1.0, 0.01], "log"),
        ([1.0, 0.0], "linear"),
        ([1.0, -20.0], "linear"),
        ([2.0, 2.0], "linear"),
    ],
)
def test_the_loss_is_logarithmic_where_it_spans_more_than_a_decade(losses, scale):
    figure = draw_history({"mine": records(losses, test=False)})
    assert figure.axes[0].get_yscale() == scale
    assert ("logarithmic" in figure.axes[0].get_title()) == (scale == "log")
    render(figure, ".png")


def test_a_logarithmic_scale_has_plain_numbers():
    figure = draw_history({"mine": records([30.0, 0.02])})
    render(figure, ".png")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert {"0.1", "1", "10"} <= set(labels)
    assert not any("$" in label for label in labels)


def test_epochs_have_whole_numbers():
    figure = draw_history({"mine": records([2.0, 1.0, 0.9])})
    render(figure, ".png")
    assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())


def test_without_errors_there_is_one_panel_and_without_tests_one_line():
    figure = draw_history({"mine": records([1.0, 0.5], test=False)})
    assert [list(panel) for panel in lines(figure)] == [["mine, E_in"]]
    assert legend(figure) == ["E_in, training data"]


def test_a_run_with_errors_beside_one_without():
    loss, error = lines(draw_history({"a": records([1.0], [0.5]), "b": records([1.0])}))
    assert len(loss) == 4
    assert list(error) == ["a, E_in", "a, E_out"]


def test_an_infinite_loss_is_a_gap():
    history = records([1.0, np.inf, 0.5], test=False)
    drawn = lines(draw_history({"mine": history}))[0]["mine, E_in"]
    np.testing.assert_array_equal(drawn.get_ydata(), [1.0, np.nan, 0.5])


def test_a_history_with_no_finite_loss_is_drawn_empty():
    figure = draw_history({"mine": records([np.nan, np.inf], [0.0, 0.0])})
    assert render(figure, ".png")
    assert figure.axes[1].get_ylim() == (0, 1)


def test_one_epoch_can_be_seen():
    assert lines(draw_history({"mine": records([1.0])}))[0]["mine, E_in"].get_marker() == "."


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match="history: expected at least one run, got none"):
        draw_history({})
    with pytest.raises(DataError, match="history of mine: expected at least one epoch, got none; none was finished"):
        draw_history({"other": records([1.0]), "mine": []})
