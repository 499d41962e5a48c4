import io
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from chainrule import PluginError, SettingError
from chainrule_plots import draw_activations, draw_confusion, draw_history, draw_weights, render, save
from chainrule_plots.canvas import DPI, shorten, style
from chainrule_plots.tiles import colours

MATRIX = np.array([[5, 1], [0, 3]])
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml"}


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def ran(code, seed="0"):
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, check=True, timeout=120, env={"PYTHONHASHSEED": seed}).stdout


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_a_file_of_its_kind_with_the_same_bytes_each_time(suffix, tmp_path):
    first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
    first.write_text("an older picture")
    save(draw_confusion(MATRIX), first)
    save(draw_confusion(MATRIX), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(MAGIC[suffix])


def test_a_missing_matplotlib_is_told_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    with pytest.raises(PluginError, match=r"nothing can be drawn: .*matplotlib.*; pip install matplotlib"):
        draw_confusion(MATRIX)


def test_upper_case_is_a_suffix_too(tmp_path):
    save(draw_confusion(MATRIX), tmp_path / "A.SVG")
    assert (tmp_path / "A.SVG").read_bytes() == render(draw_confusion(MATRIX), ".svg")


def test_another_process_draws_the_same_bytes():
    code = (
        "import sys, numpy as np; from chainrule_plots import *;"
        "sys.stdout.buffer.write(render(draw_confusion(np.array([[5, 1], [0, 3]])), '.svg'))"
    )
    assert ran(code, "1") == ran(code, "2") == render(draw_confusion(MATRIX), ".svg")


def test_the_text_of_an_svg_is_text():
    drawn = ElementTree.fromstring(render(draw_confusion(MATRIX, classes=["an apple", "a pear"]), ".svg"))
    texts = {"".join(element.itertext()) for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"an apple", "a pear", "5", "3"} <= texts


def test_a_picture_has_no_date():
    assert b"<dc:date>" not in render(draw_confusion(MATRIX), ".svg")


def test_the_settings_of_the_user_s_matplotlib_change_nothing_and_are_left_alone():
    usual = render(draw_confusion(MATRIX), ".svg")
    theirs = {"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "path", "image.cmap": "jet"}
    with mpl.rc_context(theirs):
        before = dict(mpl.rcParams)
        assert render(draw_confusion(MATRIX), ".svg") == usual
        assert dict(mpl.rcParams) == before


def test_other_suffixes_are_refused(tmp_path):
    message = r"path: expected a file that ends in .png or .svg, got '.*a\.pdf'"
    with pytest.raises(SettingError, match=message):
        save(Figure(), tmp_path / "a.pdf")


def test_matplotlib_is_imported_when_something_is_drawn_and_pyplot_never():
    code = "import sys, chainrule_plots, chainrule_plots.command; print('matplotlib' in sys.modules)"
    assert ran(code) == b"False\n"
    code = (
        "import sys, numpy as np; from chainrule_plots import *; render(draw_confusion(np.eye(2, dtype=int)), '.png');"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    assert ran(code) == b"True False\n"


@pytest.mark.parametrize("arguments", [["--help"], ["plot", "--help"], ["plugins"]])
def test_the_command_line_s_help_imports_no_matplotlib(arguments):
    code = (
        f"import sys; from chainrule_cli.main import run; status = run({arguments});"
        "print(status, 'matplotlib' in sys.modules)"
    )
    assert ran(code).endswith(b"\n0 False\n")


def test_signed_colours_are_centred_and_told_apart_by_lightness_alone():
    cmap, norm = colours(np.array([-0.5, 2.0, np.nan]), signed=True)
    assert (norm.vmin, norm.vmax) == (-2, 2)
    red, green, blue, _ = cmap(norm(0.0))
    assert max(red, green, blue) - min(red, green, blue) < 0.03
    assert (np.diff([luminance(cmap(norm(v))) for v in np.linspace(-2, 2, 60)]) > 0).all()


@pytest.mark.parametrize(
    ("values", "signed", "limits"),
    [
        ([0.0, 0.0], True, (-1, 1)),
        ([1.0, 3.0], False, (1, 3)),
        ([2.0, 2.0], False, (2, 3)),
        ([np.nan], False, (0, 1)),
        ([-3.0, 1.0, np.inf], True, (-3, 3)),
    ],
)
def test_colours_span_what_is_finite(values, signed, limits):
    _, norm = colours(np.array(values), signed=signed)
    assert (norm.vmin, norm.vmax) == limits


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("abc", 3, "abc"), ("abcdef", 5, "ab…ef"), ("abcdef", 4, "ab…f"), ("abcdef", 6, "abcdef")],
)
def test_long_names_lose_their_middle(text, length, short):
    assert shorten(text, length) == short


def test_names_are_no_formulas(texts):
    from chainrule import EpochRecord, Evaluation

    history = [EpochRecord(1, Evaluation(1.0, None), None, 0.0)]
    figure = draw_history({"_costs_$x^2$_and_$": history})
    assert "_costs_$x^2$_and_$" in texts(figure)
    assert render(figure, ".png").startswith(MAGIC[".png"])
    figure = draw_history({"_costs_$x^2$_and_$": history, "__": history})
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()][:2] == ["_costs_$x^2$_and_$", "__"]
    assert render(figure, ".png").startswith(MAGIC[".png"])


def test_a_style_ends():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["text.parse_math"] is False
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["draw_history", "draw_confusion", "draw_weights", "draw_activations"])
def test_what_is_drawn_has_the_form_that_a_notebook_shows(name, xor):
    drawn = {
        "draw_history": lambda: draw_history({"xor": xor.history}),
        "draw_confusion": lambda: draw_confusion(MATRIX),
        "draw_weights": lambda: draw_weights(xor.network),
        "draw_activations": lambda: draw_activations(xor.network, xor.data.x[0]),
    }[name]
    figure = drawn()
    assert isinstance(figure, Figure)
    shown = figure._repr_png_()  # the name that IPython looks for
    assert shown == render(drawn(), ".png")
    height, width, _ = imread(io.BytesIO(shown)).shape
    assert (width, height) == pytest.approx(figure.get_size_inches() * DPI, abs=1)
