"""Fixtures of tests that run commands, in this process."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chainrule_cli.main import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chainrule(folder, capsys):
    """A function that runs the command line as in a fresh process, and returns status, out and err."""

    def command(*arguments):
        path, modules = list(sys.path), set(sys.modules)
        try:
            status = run([str(argument) for argument in arguments])
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                    del sys.modules[name]
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return SimpleNamespace(status=status, out=printed.out, err=printed.err)

    return command
