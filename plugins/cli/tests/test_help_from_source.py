"""The list of commands: what is read of a source, and what has to be imported."""

import subprocess
import sys

import pytest

from chainrule import registry
from chainrule.registry import Entry, Registry, installed_entries
from chainrule_cli.help_from_source import help_of

SOURCE = '''
import click

raise SystemExit("imported")

@click.command
@click.argument("run")
def plain(run):
    """Say what it does.

    And more.
    """

@click.command("other-name")
def named():
    """Say it."""

@click.command(hidden=True)
def hidden():
    """Not shown."""

@click.command(help="Another help.")
def helped():
    """Not this."""

@click.command()
def silent():
    pass

def function():
    """No command."""

made = click.Command("made", help="Made.")
'''


@pytest.fixture
def install(monkeypatch):
    """A function that adds made-up entry points to those that are installed."""

    def add(*entries):
        found = [*installed_entries(), *entries]
        monkeypatch.setattr(registry, "default", Registry(lambda: found))

    return add


@pytest.fixture
def source(tmp_path, monkeypatch):
    (tmp_path / "drawing").mkdir()
    for file in ("drawing/__init__.py", "drawing/commands.py", "single.py"):
        (tmp_path / file).write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("module", ["drawing.commands", "drawing", "single"])
def test_the_help_of_a_plain_command_is_its_docstring_and_nothing_is_imported(source, module):
    assert help_of(f"{module}:plain") == "Say what it does.\n\nAnd more."
    assert help_of(f"{module}:named") == "Say it."
    assert not {"drawing", "single"} & {*sys.modules}


@pytest.mark.parametrize("name", ["hidden", "helped", "silent", "function", "made", "absent", "made.help", ""])
def test_what_a_source_does_not_tell_is_not_guessed(source, name):
    assert help_of(f"single:{name}") is None


@pytest.mark.parametrize("value", ["no_such_module:draw", "drawing.absent:plain", "sys:exit", "math:sqrt", "single"])
def test_without_a_source_nothing_is_told(source, value):
    assert help_of(value) is None


def test_a_source_that_cannot_be_parsed_tells_nothing(source):
    (source / "single.py").write_text("def plain(:")
    assert help_of("single:plain") is None


def test_the_list_says_of_each_command_what_the_command_says_of_itself(chainrule):
    lines = chainrule("--help").out.partition("Commands:\n")[2].splitlines()
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    width = 78 - max(map(len, shown)) - 6  # as click has it
    assert shown == {
        name: registry.find("commands", name).get_short_help_str(width) for name in registry.default.names("commands")
    }


def test_a_command_that_is_hidden_is_not_listed_and_one_that_was_made_is(chainrule, install, source):
    (source / "single.py").write_text(SOURCE.replace("raise", "None and"))
    install(*(Entry("commands", name, f"single:{name}", "chainrule-draw", "1") for name in ("hidden", "made", "plain")))
    listed = chainrule("--help").out
    assert ("hidden" in listed, "made   " in listed, "plain  " in listed) == (False, True, True)


def test_the_list_imports_no_command():
    program = (
        "import sys; from chainrule_cli.main import run; run(['--help']); "
        "print(sorted({'rich', 'chainrule_runs', 'chainrule_cli.train', 'chainrule.conformance'} & {*sys.modules}))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"
