"""Runs of texts: `chainrule generate`, and what `evaluate` and `predict` make of a text."""

import csv
import io
import math
from itertools import pairwise

import numpy as np
import pytest

import chainrule_runs
from chainrule import EachPosition, Network, layer, loss
from chainrule_runs.generation import generate
from chainrule_runs.saved import open_saved

from .conftest import RECIPE

BOOK = "the cat sat on the mat. a hat sat on that cat.\n" * 12
TEXTS = """\
data = { use = "text", path = "book.txt", window = 8, step = 3 }
[network]
layers = [
  { use = "embedding", count = 12, units = 5 },
  { use = "gru", units = 12 },
  { use = "chainrule:EachPosition", inner = { use = "affine", units = 12 } },
]
[training]
loss = "sequence_cross_entropy"
optimizer = { use = "adam", learning_rate = 0.02 }
batch_size = 16
epochs = 4
"""
WORDS = ("abc", "lots", "of", "words")
ABC = ("a", "b", "c")
SEQUENCES = loss("sequence_cross_entropy")


@pytest.fixture
def saved(folder):
    """A function that saves a network, and returns it as it is loaded."""

    def save(network, classes=ABC, loss=SEQUENCES, out="net"):
        chainrule_runs.save(folder / out, network, loss=loss, classes=classes)
        return open_saved(folder / out)

    return save


def followers(W, window=4):
    """Return the network that has the score W[i, k] of k after i, whatever came before."""
    network = Network([layer("embedding", count=len(W), units=len(W))], window, dtype="float64")
    network.parameters["0.W"][...] = W
    return network


def reading(window, positions=True):
    """Return a network of which every score depends on all that is before it, and on its place."""
    places = [layer("positions")] if positions else []
    layers = [
        layer("embedding", count=3, units=4),
        *places,
        layer("gru", units=5),
        EachPosition(layer("affine", units=3)),
    ]
    network = Network(layers, window, seed=2, dtype="float64")
    network.theta = np.random.default_rng(7).normal(size=network.theta.shape)
    return network


# What is generated


def test_the_likeliest_follow_at_temperature_0(saved):
    run = saved(followers(np.roll(np.eye(3), 1, axis=1)))
    assert "".join(generate(run, "a", 7, temperature=0)) == "bcabcab"
    assert "".join(generate(run, "aacb" * 20, 2, temperature=0)) == "ca"
    assert "".join(generate(run, "a", 7, temperature=1e-300)) == "bcabcab"
    assert "".join(generate(saved(followers(np.zeros((3, 3))), out="ties"), "c", 3, temperature=0)) == "aaa"


@pytest.mark.parametrize("text", ["b", "ca", "acb", "abca", "bbcab", "aabbccbabcbac"])
def test_a_text_shorter_than_the_window_stands_alone_and_of_a_longer_one_counts_the_end(saved, text):
    network, written = reading(4), text
    for _ in range(6):  # the same network for the very length that is read
        seen = [ABC.index(character) for character in written[-4:]]
        own = reading(len(seen))
        for name, values in network.parameters.items():
            own.parameters[name][...] = values[: len(seen)] if name == "1.P" else values
        written += ABC[int(own.predict(np.array([seen]))[0, -1].argmax())]
    assert text + "".join(generate(saved(network), text, 6, temperature=0)) == written


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_characters_are_drawn_by_their_probabilities(saved, temperature):
    W = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    came = "a" + "".join(generate(saved(followers(W)), "a", 6000, temperature, seed=3))
    for i, character in enumerate(ABC):
        after = [then for now, then in pairwise(came) if now == character]
        shares = [math.exp(score / temperature) for score in W[i]]
        for k, then in enumerate(ABC):
            p = shares[k] / sum(shares)
            assert after.count(then) / len(after) == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / len(after)))


def test_the_seed_decides(saved):
    run = saved(followers(np.zeros((3, 3))))
    one, same, other = ("".join(generate(run, "a", 40, seed=seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_a_class_without_a_name_is_never_taken(saved):
    W = np.zeros((5, 5))
    W[:, 3:] = 9
    for temperature in (0, 1):
        assert set(generate(saved(followers(W), out=f"{temperature}"), "b", 50, temperature)) <= {*ABC}


# What is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Error: TEXT: expected a character or more to go on from, got ''"),
        ("abxaéx", "Error: TEXT: the run knows no 'x' (U+0078), 'é' (U+00E9); its characters are 'abc'"),
        ("ab\n", "Error: TEXT: the run knows no '\\n' (U+000A); its characters are 'abc'"),
        ("a\udcffb", "Error: TEXT: the run knows no '\\udcff' (U+DCFF); its characters are 'abc'"),
    ],
)
def test_a_text_that_the_run_cannot_read_is_refused(saved, chainrule, text, message):
    saved(followers(np.eye(3)))
    shown = chainrule("generate", "net", text)
    assert (shown.status, shown.out, shown.err.strip()) == (2, "", message)


def mixing():
    """Return a network that looks ahead."""
    return Network(
        [
            layer("embedding", count=3, units=2),
            layer("flatten"),
            layer("affine", units=12),
            layer("reshape", shape=(4, 3)),
        ],
        4,
    )


REFUSED = {
    "words": (
        followers(np.eye(4)),
        WORDS,
        "the classes are abc, lots, of, words; those of a run of texts are characters",
    ),
    "no names": (followers(np.eye(3)), None, "the classes are unknown; those of a run of texts are characters"),
    "a table": (Network([layer("affine", units=3)], 4), ABC, "the network goes from samples (4,) to scores (3,); "),
    "one answer": (
        Network([layer("embedding", count=3, units=3), layer("last")], 4),
        ABC,
        "the network goes from samples (4,) to scores (3,); one of texts goes from numbers (T,) of characters to "
        "scores (T, 3) of those that follow",
    ),
    "few scores": (
        Network([layer("embedding", count=3, units=2)], 4),
        ABC,
        "from samples (4,) to scores (4, 2); one of",
    ),
    "looks ahead": (
        mixing(),
        ABC,
        "the network sees what follows; it has learned to look at what it was to tell: take",
    ),
}


@pytest.mark.parametrize(("network", "classes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_network_that_continues_no_text_is_refused(saved, chainrule, network, classes, message):
    saved(network, classes)
    shown = chainrule("generate", "net", "abca")
    assert shown.status == 2
    assert shown.err.startswith("Error: net: ")
    assert message in shown.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", "-1"], "temperature: expected a finite number of at least 0, got -1.0"),
        (["--temperature", "nan"], "temperature: expected a finite number of at least 0, got nan"),
        (["--temperature", "inf"], "temperature: expected a finite number of at least 0, got inf"),
        (["--temperature", "hot"], "'hot' is not a valid float"),
        (["--length", "0"], "0 is not in the range x>=1"),
        (["--length", "2.5"], "'2.5' is not a valid integer"),
        (["--seed", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_wrong_options_are_refused(saved, chainrule, options, message):
    saved(followers(np.eye(3)))
    shown = chainrule("generate", "net", "a", *options)
    assert shown.status == 2
    assert message in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("made", [None, loss("multiclass_hinge")], ids=repr)
def test_without_probabilities_only_the_likeliest_is_taken(saved, chainrule, made):
    saved(followers(np.roll(np.eye(3), 1, axis=1)), loss=made)
    shown = chainrule("generate", "net", "a")
    assert (shown.status, "temperature: expected 0, as the run's loss has no probabilities" in shown.err) == (2, True)
    shown = chainrule("generate", "net", "a", "--temperature", "0", "--length", "3")
    assert (shown.status, shown.out) == (0, "abca\n")


# A run that was trained


@pytest.fixture
def book(folder, chainrule):
    """The folder of a run on a text, which lies in the current folder, as does its recipe."""
    (folder / "book.txt").write_text(BOOK)
    (folder / "text.toml").write_text(TEXTS)
    shown = chainrule("train", "text.toml", "--out", "run")
    assert shown.status == 0, shown.err
    return folder / "run"


def test_a_run_keeps_its_vocabulary_and_goes_on(book, chainrule):
    run = open_saved(book)
    assert run.usage.classes == tuple(sorted(set(BOOK)))
    shown = chainrule("generate", "run", "the cat", "--temperature", "0", "--length", "40")
    assert shown.status == 0
    assert shown.out == "the cat" + "".join(generate(run, "the cat", 40, 0)) + "\n"
    assert (
        chainrule("generate", "run", "the", "--seed", "4").out == chainrule("generate", "run", "the", "--seed", "4").out
    )
    assert len(chainrule("generate", "run", "the").out) == 3 + 200 + 1


def test_a_text_is_evaluated_in_the_run_s_vocabulary(book, folder, chainrule):
    text = "a hat sat on the cat. that cat sat"  # fewer characters than the run knows, and another first one
    (folder / "more.txt").write_text(text)
    run = open_saved(book)
    codes = [run.usage.classes.index(character) for character in text]
    x = np.array([codes[i : i + 8] for i in range(0, len(codes) - 8, 8)])
    y = np.array([codes[i + 1 : i + 9] for i in range(0, len(codes) - 8, 8)])
    scores = run.network.predict(x).astype(float)
    values = [math.log(sum(map(math.exp, s))) - s[c] for s, c in zip(scores.reshape(-1, 12), y.ravel(), strict=True)]
    wrong = np.mean(scores.argmax(axis=-1) != y)
    shown = chainrule("evaluate", "run", "more.txt")
    assert shown.out == f"4 samples: loss {np.mean(values):.5f}, error {wrong:.2%}\n"
    decided = list(csv.reader(io.StringIO(chainrule("predict", "run", "more.txt").out)))
    assert len(decided) == 1 + 4  # and the last two characters are in no window
    for row, s in zip(decided[1:], scores, strict=True):
        assert row[:8] == [run.usage.classes[k] for k in s.argmax(axis=-1)]


def test_an_unknown_character_of_a_text_is_named_with_its_place(book, folder, chainrule):
    (folder / "more.txt").write_text("the cat\nsat on Ärmel", encoding="utf-8")
    for command in ("evaluate", "predict"):
        shown = chainrule(command, "run", "more.txt")
        assert shown.status == 2
        assert "more.txt, line 2, column 8: expected one of the 12 characters of the vocabulary, got 'Ä'" in shown.err


def test_the_run_s_own_text_is_numbered_as_it_was_in_training(book, folder, chainrule):
    kept = chainrule("evaluate", "run").out
    assert kept == chainrule("evaluate", "run").out
    assert "samples: loss" in kept
    (folder / "book.txt").write_text(BOOK.replace(".", " "))  # a character less, of a number below the others
    after = chainrule_runs.inputs.own_data(book)
    assert after.classes == tuple(sorted(set(BOOK)))
    assert after.x.max() == 11
    (folder / "book.txt").write_text("!" + BOOK)
    shown = chainrule("evaluate", "run")
    assert shown.status == 2
    assert "line 1, column 1: expected one of the 12 characters of the vocabulary, got '!' (U+0021)" in shown.err


def test_a_network_saved_by_hand_reads_texts_of_its_own_window(saved, folder, chainrule):
    saved(followers(np.roll(9 * np.eye(3), 1, axis=1)))
    (folder / "more.txt").write_text("abcabcabcab")
    assert ", error 0.00%" in chainrule("evaluate", "net", "more.txt").out
    assert chainrule("generate", "net", "c", "--length", "4", "--temperature", "0").out == "cabca\n"


def test_a_text_is_no_table(trained, folder, chainrule):
    trained(more="")
    assert 'use = "csv"' in RECIPE
    (folder / "more.txt").write_text("flat tall" * 4)
    for command in ("predict", "evaluate"):
        shown = chainrule(command, "run", "more.txt")
        assert shown.status == 2
        assert shown.err == "Error: run: the classes are flat, tall; those of a run of texts are characters\n"
