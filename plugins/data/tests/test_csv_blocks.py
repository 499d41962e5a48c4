"""Large tables are read by blocks, through pyarrow: nothing may come out otherwise than row by row."""

import gzip
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from chainrule import ChainruleError
from chainrule.errors import ChainruleWarning
from chainrule_data import csv_blocks, csv_table, read_csv

PLAIN = ["1", "-2.5", "0.1", "3e5", "1E-3", "123456789.123456789", "0.30000000000000004", "1.79e308", "5e-324"]
ODD = [" 1", "2 ", "+3", ".5", "6.", "1_0", "0x10", "1e999", "inf", "-inf", "nan", "NaN", "NAN", "-nan", "NA", "?", ""]
ODD += [" ", "null", "\u0663", "1,5", '"7"', '"a ""b"" c"', '"x\ny"', "1 2", "1d5", "infinity", "true", "#4", "é"]
ODD += ["\udc80", "a\tb", "a\rb", "a\0b"]
WORDS = ["red", "blue", " red", "blue ", "", "NA", "dark red", "r_d", "1", "1.0", "2"]
SETTINGS = {
    "plain": {},
    "auto": {"categories": "auto", "missing": "mean", "standardize": True},
    "auto, no missing": {"categories": "auto"},
    "words": {"categories": ["a", "c"], "missing": "mean"},
    "booleans, dates": {"booleans": ["a"], "dates": ["b"], "categories": ["c"], "missing": "drop"},
    "weights": {"weights": "a", "categories": ["c"], "missing": "mean", "keep": ["b", "c"]},
    "comment": {"comment": "#", "categories": ["c"], "missing": "mean"},
    "comment, words": {"comment": "#", "categories": ["a", "c"], "missing": "mean"},
    "identifiers": {"identifiers": ["b"], "drop": ["c"], "missing": "mean", "classes": True, "keep": ["b"]},
    "no target": {"labelled": False, "categories": ["c"], "missing": "mean"},
}


def both(monkeypatch, path, block, settings, held=1 << 20):
    """Return what reading by blocks, and what reading by rows, comes to: the set, or the error, and the warnings."""
    found = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(csv_blocks, "LEAST", least)
        monkeypatch.setattr(csv_blocks, "BLOCK", block)
        monkeypatch.setattr(csv_table, "IN_MEMORY", held)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                result = read_csv(path, "target", **settings)
            except ChainruleError as error:
                result = error
        found.append((result, [str(w.message) for w in told if issubclass(w.category, ChainruleWarning)]))
    return found


def assert_same(blocks, rows):
    assert blocks[1] == rows[1]
    blocks, rows = blocks[0], rows[0]
    if isinstance(rows, ChainruleError):
        assert (type(blocks), str(blocks)) == (type(rows), str(rows))
        return
    assert not isinstance(blocks, ChainruleError), blocks
    own, other = (getattr(found.x, "array", found.x) for found in (blocks, rows))
    np.testing.assert_array_equal(np.asarray(own).view(np.uint64), np.asarray(other).view(np.uint64))
    assert getattr(blocks.x, "columns", None) == getattr(rows.x, "columns", None)
    for name in ("y", "weights"):
        np.testing.assert_array_equal(getattr(blocks, name), getattr(rows, name))
    assert (blocks.classes, blocks.columns, blocks.roles, blocks.kept) == (
        rows.classes,
        rows.columns,
        rows.roles,
        rows.kept,
    )


def table(rng, odd):
    """Return a table of few rows, of whose cells so many are odd, and which has odd lines as often."""

    def cell(i):
        kinds = [["0.5", "1", "0", "2"] if odd == 0 else PLAIN, PLAIN, WORDS, ["yes", "no", " yes"]]
        return rng.choice(ODD if rng.random() < odd else kinds[i])

    lines = [",".join(cell(i) for i in range(4)) for _ in range(rng.integers(1, 60))]
    for _ in range(rng.binomial(5, odd)):
        extra = ["", " ", "1,2,3", "1,2,3,4,5", "# no row", "#1,2,red,yes", "\x00"]
        lines.insert(rng.integers(len(lines) + 1), rng.choice(extra))
    names = ["a", "b", "c", "target"]
    if rng.random() < 0.2:  # the row labels of a data frame
        names, lines = ["", *names], [f"{i},{line}" for i, line in enumerate(lines)]
    end = "\r\n" if rng.random() < 0.3 else "\n"
    return end.join([",".join(names), *lines]) + (end if rng.random() < 0.7 else "")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("odd", [0.0, 0.004, 0.05])
def test_blocks_are_read_as_rows_are(tmp_path, monkeypatch, settings, odd):
    rng = np.random.default_rng([len(str(settings)), int(odd * 1000)])
    for trial in range(25):
        text = table(rng, odd).encode("utf-8", "surrogateescape")
        text = b"\xef\xbb\xbf" + text if trial % 7 == 0 else text
        path = tmp_path / f"table{trial}.csv"
        path.write_bytes(gzip.compress(text) if trial % 5 == 0 else text)
        block, held = int(rng.choice([1, 64, 512, 1 << 20])), int(rng.choice([1, 40, 1 << 20]))
        assert_same(*both(monkeypatch, path, block, settings, held))


@pytest.mark.parametrize("end", ["", "6,none,red,no\n"], ids=["read", "refused"])
@pytest.mark.parametrize(
    "line", ["1,2,r\0d,yes\n", "1,2,red,yes\r3,4,red,no\n", "#1,2,red,yes\n", "\n", '1,2,"r,d",yes\n']
)
def test_one_odd_line_among_plain_ones_moves_no_other(tmp_path, monkeypatch, line, end):
    path = tmp_path / "table.csv"
    plain = "".join(f"{i},{i / 7},red,{'yes' if i % 2 else 'no'}\n" for i in range(40))
    path.write_bytes(f"a,b,c,target\n{plain}{line}{plain}{end}".encode())
    settings = {"categories": ["a", "c"], "comment": "#"}
    blocks, rows = both(monkeypatch, path, 256, settings)
    assert isinstance(rows[0], ChainruleError) == bool(end)
    assert_same(blocks, rows)


def test_a_plain_block_is_read_at_once(tmp_path, monkeypatch):
    path = tmp_path / "plain.csv"
    path.write_text("a,c,target\n" + "".join(f"{i / 7!r},{'red' if i % 3 else ''},{i % 2}\n" for i in range(100)))
    monkeypatch.setattr(csv_blocks, "LEAST", 0)
    monkeypatch.setattr(csv_blocks, "_one_by_one", None)
    found = read_csv(path, "target", categories="auto")
    assert found.x.array[:, 0].tolist() == [i / 7 for i in range(100)]
    assert found.x.columns[1].words == ("", "red")


def test_a_word_below_the_first_lines_makes_a_column_of_words(tmp_path, monkeypatch):
    path = tmp_path / "late.csv"
    path.write_text("a,b,target\n" + "".join(f"{i},{i if i != 900 else 'none'},{i % 2}\n" for i in range(1000)))
    for blocks, rows in [both(monkeypatch, path, 512, {"categories": "auto"})]:
        assert_same(blocks, rows)
        (warning,) = rows[1]
        assert "line 902: column 'b' is taken for words, as 'none' is no number" in warning
        assert [column.name for column in rows[0].x.columns if column.words is not None] == ["b"]


def test_reading_blocks_does_not_import_pandas(tmp_path):
    """pyarrow imports it, where it is installed, to make an array of some columns: 40 MB and half a second."""
    path = tmp_path / "large.csv"
    path.write_text("a,word,target\n" + "".join(f"{i}.5,w{i % 3},{i % 2}\n" for i in range(100_000)))
    assert path.stat().st_size > csv_blocks.LEAST
    script = (
        "import sys; from chainrule_data import read_csv\n"
        f"read_csv({str(path)!r}, 'target', categories='auto', keep=['word'])\n"
        "assert 'pyarrow' in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
