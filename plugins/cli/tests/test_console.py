"""Consoles that are not UTF-8: what is written there, and that nothing ends a command."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
import chainrule_cli
from chainrule_cli import console
from chainrule_cli.console import readable

ENCODINGS = ["utf-8", "cp1252", "cp437", "ascii"]
SCRIPT = "import sys; from chainrule_cli.main import main; main(sys.argv[1:])"


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("θ and x, Σ λ²", "theta and x, Sigma lambda^2"),
        ("∂y[0]/∂x[1] → ∞ … ≤ ½", "dy[0]/dx[1] -> inf ... <= 1/2"),
        ("10⁻¹³ x₁₂ Wᵀ", "10^-13 x_12 W^T"),
        ("µ", "mu"),  # the micro sign, not the letter
        ("größe 日 \udcff", "gr\\xf6\\xdfe \\u65e5 \\udcff"),
        ("plain", "plain"),
    ],
)
def test_what_a_console_lacks_is_readable(text, ascii_text):
    assert readable(text) == ascii_text


def test_every_symbol_of_ours_has_a_word():
    sources = [Path(module.__file__).parent.rglob("*.py") for module in (chainrule, chainrule_cli)]
    text = "".join(path.read_text(encoding="utf-8") for paths in sources for path in paths)
    unread = {character for character in text if "\\" in readable(character) and character != "\\"}
    assert all(character.isalpha() for character in unread), unread  # ü, in a name


@pytest.fixture
def stream(monkeypatch):
    """A function that makes standard output a console, prepares it, and returns what it holds."""

    def make(**how):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, **how))
        console.prepare()
        return written

    return make


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "θ é … \\udcff"),
        ("cp1252", "theta é … \\udcff"),
        ("cp437", "theta é ... \\udcff"),
        ("ascii", "theta \\xe9 ... \\udcff"),
        ("iso8859-7", "θ \\xe9 ... \\udcff"),
    ],
)
def test_only_what_the_encoding_lacks_is_replaced(stream, encoding, expected):
    written = stream(encoding=encoding)
    print("θ é … \udcff", flush=True)
    assert written.getvalue().decode(encoding).rstrip() == expected


def test_an_error_handler_that_was_asked_for_is_kept(stream):
    written = stream(encoding="ascii", errors="replace")
    print("θ", flush=True)
    assert written.getvalue().rstrip() == b"?"


def test_what_is_no_console_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    console.prepare()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_gradcheck_and_an_error_are_written_in_the_console_s_encoding(folder, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def run(*arguments):
        command = [sys.executable, "-c", SCRIPT, *arguments]
        ran = subprocess.run(command, capture_output=True, env=environment, timeout=120, cwd=folder)
        return ran.returncode, ran.stdout.decode(encoding), ran.stderr.decode(encoding)

    theta, dots = ("θ", "…") if encoding == "utf-8" else ("theta", "…" if encoding == "cp1252" else "...")
    status, out, err = run("gradcheck", "xor")
    assert (status, err) == (0, "")
    assert f"4 samples, {theta} and x moved at random" in out
    assert run("plot") == (2, "", run("plot")[2])
    assert f"Missing argument 'RUN{dots}'" in run("plot")[2]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="a system without terminals of this kind")
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", [["train", "xor", "--set", "training.epochs=200"], ["check", "relu"]])
def test_what_lives_on_a_terminal_is_written_in_its_encoding(folder, arguments, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "TERM": "xterm", "COLUMNS": "100"}
    here, terminal = os.openpty()
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = b"".join(iter(lambda: read(here), b""))
    os.close(here)
    assert process.returncode == 0, shown
    assert b"\x1b[" in shown  # something was drawn
    shown.decode(encoding)


def read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""
