"""Consoles of any encoding: what one lacks, such as θ, ∂ and →, is written in ASCII."""

from __future__ import annotations

import codecs
import sys
import unicodedata

READABLE, ASCII = "chainrule_readable", "chainrule_ascii"
"""The names of the error handler, and of the codec that is ASCII by another name."""
SYMBOLS = {
    **{"∂": "d", "∞": "inf", "√": "sqrt", "·": "*", "×": "x", "∘": "o", "±": "+-", "−": "-", "‖": "||", "\u0302": "^"},
    **{"→": "->", "←": "<-", "↦": "|->", "≠": "!=", "≤": "<=", "≥": ">=", "≈": "~"},
    **{"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "⟨": "<", "⟩": ">", "⋯": "..."},
    **{"–": "-", "—": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u2044": "/"},
}
"""What neither a name nor a decomposition of Unicode says."""
_MARKS = {"<super>": "^", "<sub>": "_", "<compat>": "", "<fraction>": "", "<noBreak>": ""}


def prepare() -> None:
    """Let standard output and error take any text."""
    codecs.register_error(READABLE, _replace)
    codecs.register(_codec)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # what stands in for a console may be no TextIOWrapper
        if reconfigure is None or stream.errors not in ("strict", "surrogateescape", "backslashreplace"):
            continue  # PYTHONIOENCODING=ascii:replace says what is wanted
        # click takes a console of ASCII for a mistake, and would write UTF-8 to it.
        ascii_only = codecs.lookup(stream.encoding).name == "ascii"
        reconfigure(errors=READABLE, **({"encoding": ASCII} if ascii_only else {}))


def readable(text: str) -> str:
    """Return ASCII for a text: theta for θ, -> for →, x^2 for x²; a code for a letter, so that names stay apart."""
    found, before = [], ""
    for character in text:
        mark, _, codes = unicodedata.decomposition(character).partition(" ")
        name = unicodedata.name(character, "")
        if character.isascii():
            found.append(character)
        elif character in SYMBOLS:
            found.append(SYMBOLS[character])
        elif name.startswith("GREEK ") and " LETTER " in name:
            letter = name.split()[-1].replace("LAMDA", "LAMBDA")
            found.append(letter.capitalize() if "CAPITAL" in name else letter.lower())
        elif mark in _MARKS:
            inner = readable("".join(chr(int(code, 16)) for code in codes.split()))
            found.append(inner if mark == before else _MARKS[mark] + inner)  # 10⁻³ is 10^-3
        else:
            found.append(character.encode("ascii", "backslashreplace").decode())
        before = mark
    return "".join(found)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return readable(error.object[error.start : error.end]), error.end


def _codec(name: str) -> codecs.CodecInfo | None:
    if name != ASCII:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(
        plain.encode,
        plain.decode,
        plain.streamreader,
        plain.streamwriter,
        plain.incrementalencoder,
        plain.incrementaldecoder,
        name=ASCII,
    )
