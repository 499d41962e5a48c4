"""`chainrule plugins`."""

from __future__ import annotations

from collections import Counter

import click

from chainrule import registry

from .recipe_option import shipped


@click.command
def plugins() -> None:
    """List every installed plug-in: group, name, distribution, version, and whether it works or why not."""
    entries = registry.default.entries()
    back = {entry for entry in entries if registry.default.stands_back(entry.distribution)}
    offers = Counter((entry.group, entry.name) for entry in entries if entry not in back)
    own = Counter((entry.group, entry.name, entry.distribution) for entry in entries)
    broken = {
        entry: error for group in {e.group for e in entries} for entry, error in registry.default.broken(group).items()
    }
    lines = [("group", "name", "distribution", "version", "state")]
    for entry in entries:
        state = "works"
        if entry in broken:
            state = "broken"
        elif entry.group == "rewritings" or (entry in back and entry.group in registry.KINDS):
            state = f"works when preferred: --prefer {entry.distribution}"
        elif offers[entry.group, entry.name] > 1:
            by_itself = own[entry.group, entry.name, entry.distribution] > 1
            state = f"offered twice: write {entry.value if by_itself else entry}"
        lines.append((entry.group, entry.name, entry.distribution, entry.version, state))
    damaged = registry.default.damaged()
    lines += [(*offer, found.name, "?", "broken") for found in damaged for offer in found.offers or [("?", "?")]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for error in [*broken.values(), *damaged]:
        click.echo(f"\nbroken: {error}")
    for twice in registry.default.twice():
        click.echo(f"\n{twice}")
    if not registry.default.names("layers"):
        click.echo(f"\n{registry.default.how_to_get('layers')}")
    click.echo(f"\nrecipes: {', '.join(shipped())}")
