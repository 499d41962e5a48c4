"""Warnings on the command line."""

import io
import sys
import warnings

import click
import pytest

import chainrule_cli.main
from chainrule import ChainruleWarning

WARNING = "x holds numbers up to 255, and a network learns little from numbers so large: scale them to 0 … 1"


@pytest.fixture
def warn(chainrule, monkeypatch):
    """A function that runs a command which warns of each message in turn."""

    def warn(*messages, category=ChainruleWarning):
        @click.command
        def command():
            for message in messages:
                warnings.warn(message, category, stacklevel=1)

        monkeypatch.setattr(chainrule_cli.main, "chainrule_command", command)
        return chainrule()

    return warn


def test_a_warning_is_one_line_without_a_place(warn):
    shown = warn(WARNING)
    assert (shown.status, shown.out, shown.err) == (0, "", f"Warning: {WARNING}\n")


def test_a_warning_is_said_once_in_a_command_and_again_in_the_next(warn):
    for _ in range(2):
        assert warn("one", "two", "one").err == "Warning: one\nWarning: two\n"


def test_a_terminal_breaks_it_between_words(warn, monkeypatch):
    class Terminal(io.StringIO):
        isatty = staticmethod(lambda: True)

    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stderr", terminal)
    warn(WARNING)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines) == f"Warning: {WARNING}"
    assert [line[:2] for line in lines[1:]] == ["  ", "  "]


def test_other_warnings_are_as_ever(warn):
    with pytest.warns(FutureWarning, match="of another"):
        warn("of another", category=FutureWarning)


def test_filters_are_left_as_they_were(warn):
    before = list(warnings.filters), warnings.showwarning
    warn(WARNING)
    assert (list(warnings.filters), warnings.showwarning) == before
