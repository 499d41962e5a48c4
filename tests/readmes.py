"""The readmes of the repository, and the blocks that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "core" / "README.md", *sorted(ROOT.glob("plugins/*/README.md"))]


def text_of(readme):
    return readme.read_text(encoding="utf-8")


def blocks(readme, language):
    """Return the blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(readme), re.DOTALL | re.MULTILINE)


def commands(block):
    """Yield each command of a console block with the lines that it prints, None where the block shows none."""
    lines = block.splitlines()
    transcript = lines[0].startswith("$ ")
    starts = [i for i, line in enumerate(lines) if line.startswith("$ ") or not transcript]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end] if transcript else None
