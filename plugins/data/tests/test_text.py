"""Texts: windows, the vocabulary of the training part, the end of the text as the test part, and what is refused."""

import numpy as np
import pytest

import chainrule
from chainrule import DataError, Recipe, SettingError
from chainrule_data import read_text

TEXT = "abcabcabdabeab.\nHallo, Welt! " * 4


@pytest.fixture
def written(tmp_path):
    """A function that writes a text, and returns its path."""

    def write(text, **how):
        path = tmp_path / "book.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return write


def spelt(found, codes):
    return ["".join(found.classes[i] for i in row) for row in codes.tolist()]


def test_windows_and_what_follows(written):
    found = read_text(written(TEXT), window=5, split="none")
    assert found.x_test is None
    assert spelt(found, found.x) == [TEXT[i : i + 5] for i in range(0, len(TEXT) - 5, 5)]
    assert spelt(found, found.y) == [TEXT[i + 1 : i + 6] for i in range(0, len(TEXT) - 5, 5)]
    assert found.classes == tuple(sorted(set(TEXT)))
    assert found.x.dtype.kind == found.y.dtype.kind == "i"
    found = read_text(written(TEXT), window=5, step=2, split="none")
    assert spelt(found, found.x) == [TEXT[i : i + 5] for i in range(0, len(TEXT) - 5, 2)]
    assert np.shares_memory(found.x, found.y)  # however much they overlap, the text is in memory once


@pytest.mark.parametrize(("length", "windows"), [(5, None), (6, 1), (10, 1), (11, 2)])
def test_the_last_window_has_a_character_after_it(written, length, windows):
    path = written(TEXT[:length])
    if windows is None:
        with pytest.raises(
            DataError, match=r"book.txt: the text: expected at least 6 characters, got 5; take a smaller"
        ):
            read_text(path, window=5, split="none")
    else:
        assert len(read_text(path, window=5, split="none").x) == windows
    assert len(read_text(path, window=5, split="none", labelled=False).x) == length // 5


def test_the_validation_part_is_the_end_of_what_is_before_the_test_part(written):
    without = read_text(written(TEXT), window=5, test_fraction=0.25)
    found = read_text(written(TEXT), window=5, step=1, test_fraction=0.25, validation_fraction=0.2)
    before = len(TEXT) - round(len(TEXT) / 4)
    end = before - round(before / 5)
    assert spelt(found, found.x) == [TEXT[i : i + 5] for i in range(end - 5)]
    assert spelt(found, found.x_validation) == [TEXT[i : i + 5] for i in range(end, before - 5, 5)]
    assert spelt(found, found.x_test) == spelt(without, without.x_test)
    alone = chainrule.dataset("text", path=written(TEXT), window=5, split="none", validation_fraction=0.2)
    assert spelt(alone, alone.x_validation)[0] == TEXT[len(TEXT) - round(len(TEXT) / 5) :][:5]
    assert alone.x_test is None
    with pytest.raises(SettingError, match=r"^validation_fraction: expected a finite number of at least 0 and below 1"):
        read_text(written(TEXT), validation_fraction=1)
    with pytest.raises(DataError, match=r"book.txt: the validation part: expected at least 6 characters, got 1"):
        read_text(written(TEXT), window=5, validation_fraction=0.01)


def test_the_test_part_is_the_end_and_has_nothing_of_the_training_part(written):
    found = read_text(written(TEXT), window=5, step=1, test_fraction=0.25)
    end = len(TEXT) - round(len(TEXT) / 4)
    assert spelt(found, found.x) == [TEXT[i : i + 5] for i in range(end - 5)]
    assert spelt(found, found.y)[-1] == TEXT[end - 5 : end]
    assert spelt(found, found.x_test) == [TEXT[i : i + 5] for i in range(end, len(TEXT) - 5, 5)]
    assert spelt(found, found.y_test)[0] == TEXT[end + 1 : end + 6]


def test_the_vocabulary_is_that_of_the_training_part(written):
    path = written("aab\n" * 10 + "aabé")
    with pytest.raises(DataError) as caught:
        read_text(path, window=3)
    assert str(caught.value) == (
        f"{path}, line 11, column 4: expected one of the 3 characters of the vocabulary, got 'é' (U+00E9); the "
        "training part has none: take it out, give the vocabulary, or a smaller test_fraction"
    )
    found = read_text(path, window=3, vocabulary="ba\né")
    assert found.classes == ("b", "a", "\n", "é")
    assert found.x[0].tolist() == [1, 1, 0]
    assert read_text(path, window=3, vocabulary=["b", "a", "\n", "é"]).x[0].tolist() == [1, 1, 0]


def test_an_unknown_character_is_named_with_its_place(written):
    with pytest.raises(DataError) as caught:
        read_text(written("abab\nab🙂bz"), window=3, vocabulary="ab\n", split="none")
    assert str(caught.value).endswith(
        "book.txt, line 2, column 3: expected one of the 3 characters of the vocabulary, got '🙂' (U+1F642); "
        "take it out, or train on a text that has it"
    )


def test_lines_end_as_they_do_in_python_and_a_mark_of_the_encoding_is_none(written):
    assert read_text(written(b"\xef\xbb\xbfab\r\nab\rab\n"), 2, split="none").classes == ("\n", "a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "book.txt: the training part: expected at least 3 characters, got 0"),
        (b"a", "book.txt: the training part: expected at least 3 characters, got 1"),
        (b"abcabcab", "book.txt: the test part: expected at least 3 characters, got 1"),
        (
            b"ab\xe9ab" * 9,
            "book.txt: cannot be read: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 2",
        ),
        (b"\x1f\x8b\x08\x00" * 9, "book.txt: cannot be read: UnicodeDecodeError"),
    ],
)
def test_what_is_no_text_is_refused(written, content, message):
    with pytest.raises(DataError, match=message):
        read_text(written(content), window=2)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no\.txt: no such file"):
        read_text(tmp_path / "no.txt")
    with pytest.raises(DataError, match="cannot be read: IsADirectoryError"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *[({"window": wrong}, "window: expected a positive int") for wrong in (0, -1, 2.0, "64", True, None)],
        *[({"step": wrong}, "step: expected a positive int") for wrong in (0, 2.0, "1", True)],
        *[
            ({"test_fraction": wrong}, "test_fraction: expected a finite number above 0")
            for wrong in (0, 1, "0.1", None)
        ],
        *[({"split": wrong}, 'split: expected "ordered" or "none"') for wrong in ("random", "stratified", "", 3)],
        *[({"labelled": wrong}, "labelled: expected True or False") for wrong in (1, "no", None)],
        *[
            ({"vocabulary": wrong}, "vocabulary: expected characters")
            for wrong in ("", "aa", ["ab"], [1], 7, [], {"a": 1})
        ],
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        read_text(**settings)


def test_the_text_that_ships():
    found = read_text(window=64, step=16)
    text = "".join(found.classes[i] for i in [*found.x[0], *found.x[4], *found.x[8]])
    assert text.split()[:4] == ["ALICE'S", "ADVENTURES", "IN", "WONDERLAND"]
    assert len(found.classes) == 72
    assert found.x.max() == 71
    assert (found.x.shape, found.y.shape, found.x_test.shape) == ((8348, 64), (8348, 64), (231, 64))


def test_by_name_it_splits_by_itself():
    by_name = chainrule.dataset("text", window=50, test_fraction=0.05, seed=3)
    np.testing.assert_array_equal(by_name.x_test, read_text(window=50, test_fraction=0.05).x_test)
    assert chainrule.dataset("text", split="none").x_test is None
    assert len(chainrule.dataset("text", split="ordered").x_test) == len(read_text().x_test)
    with pytest.raises(SettingError, match='expected "ordered" or "none", got \'random\'; windows that overlap'):
        chainrule.dataset("text", split="random")


def test_in_a_recipe_a_path_is_relative_to_it(written, tmp_path):
    written(TEXT)
    network = {"layers": [{"use": "flatten"}]}
    for more in ({}, {"test_fraction": 0.25}, {"split": "none"}):
        recipe = Recipe(
            {"data": {"use": "text", "path": "book.txt", "window": 5, **more}, "network": network}, tmp_path
        )
        found, expected = recipe.dataset(), read_text(tmp_path / "book.txt", 5, **more)
        for name in ("x", "y", "x_test", "y_test"):
            came, own = getattr(found, name), getattr(expected, name)
            assert (came is None) == (own is None)
            assert came is None or np.array_equal(came, own)
