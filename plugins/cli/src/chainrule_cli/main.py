"""The group of commands, and what an error looks like on the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

import chainrule
from chainrule import ChainruleError, CheckpointError, DivergenceError, PluginError, SizeError, registry

from . import console
from .help_from_source import help_of
from .warned import plain_warnings

USERS_MISTAKE, FAILURE, INTERRUPTED = 2, 1, 130


class InstalledCommands(click.Group):
    """The commands that installed distributions offer under `chainrule.commands`, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in alphabetical order."""
        return registry.default.names("commands")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; a misspelt one is answered with the nearest."""
        known = self.list_commands(ctx)
        brought = "" if args[0] in known else registry.default.bringing("commands", args[0])
        if brought:
            ctx.fail(f"No such command {args[0]!r}; {brought}")
        if args[0] not in known:
            import difflib  # needed for this message alone

            near = difflib.get_close_matches(args[0], known, n=1)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, None for an unknown one."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            command: click.Command = registry.find("commands", cmd_name)
        except PluginError as error:
            message = str(error)

            @click.command(cmd_name, help=f"Broken: {message}", context_settings={"ignore_unknown_options": True})
            @click.argument("arguments", nargs=-1)
            def broken(arguments: tuple[str, ...]) -> None:
                raise PluginError(message)

            return broken
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; those whose source says what they do are not imported."""
        told = [self._told(name) or self.get_command(ctx, name) for name in self.list_commands(ctx)]
        click.Group(commands=[command for command in told if command]).format_commands(ctx, formatter)

    def _told(self, name: str) -> click.Command | None:
        """Return a command that has nothing but its help; None where that is not to be had without importing it."""
        offers = [entry for entry in registry.default.entries("commands") if entry.name == name]
        told = help_of(offers[0].value) if len(offers) == 1 else None
        return None if told is None else click.Command(name, help=told)


@click.group(cls=InstalledCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(chainrule.__version__, prog_name="chainrule")
def chainrule_command() -> None:
    """Train, describe and check neural networks that are assembled from installed layers.

    RECIPE is a name that ships (xor, digits, …) or the path of a TOML file.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, 2 for a user's mistake, 1 for a failure, 130 after Ctrl-C."""
    console.prepare()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; errors are printed without a traceback, and so are warnings."""
    try:
        with plain_warnings():
            status = chainrule_command.main(arguments, prog_name="chainrule", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except (CheckpointError, DivergenceError, PluginError, SizeError, OSError) as error:
        _tell(error)
        return FAILURE
    except ChainruleError as error:
        _tell(error)
        return USERS_MISTAKE


def _tell(error: Exception) -> None:
    if isinstance(error, ChainruleError):
        error.for_recipe()
    try:
        Path.cwd()
    except OSError:
        click.echo(f"Error: {error}; the current folder is no longer there: change to one that is", err=True)
    else:
        click.echo(f"Error: {error}", err=True)
