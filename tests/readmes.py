"""The readmes of the repository, and the blocks that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "core" / "README.md", *sorted(ROOT.glob("plugins/*/README.md"))]


def text_of(readme):
    return readme.read_text(encoding="utf-8")


def fences(readme):
    """Return each block with its language, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text_of(readme), re.DOTALL | re.MULTILINE)


def blocks(readme, language):
    """Return the blocks of a language, in order."""
    return [block for own, block in fences(readme) if own == language]


def commands(block):
    """Yield each command of a console block with the lines that it prints, None where the block shows none."""
    lines = block.splitlines()
    transcript = lines[0].startswith("$ ")
    starts = [i for i, line in enumerate(lines) if line.startswith("$ ") or not transcript]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end] if transcript else None


def without_digits(text):
    """Return a text without what may differ from one processor to the next: the digits of a loss."""
    return re.sub(r"-?\d+\.\d+(e[-+]\d+)?", "#", re.sub(" +", " ", text))


def missing_lines(printed, shown):
    """Return the lines of a transcript that were not shown; … stands for any."""
    lines = without_digits(shown).splitlines()
    return [line for line in printed if line != "…" and without_digits(line) not in lines]
