"""The system is told which rows of a large file come next: of these, and no others, and nothing else changes."""

import mmap
import tempfile

import numpy as np
import pytest

from chainrule import SGD, Network, train
from chainrule.learning import ahead
from chainrule.rows import Named, Rows
from chainrule_affine import AffineReLU
from chainrule_losses import SquaredError

HEADER, SIZE, WIDTH, BATCH = 5000, 1000, 700, 32


class Noting(mmap.mmap):
    """A mapped file that notes what it is told."""

    def __new__(cls, *arguments, **settings):
        made = super().__new__(cls, *arguments, **settings)
        made.told = []
        return made

    def madvise(self, advice, start, length):
        super().madvise(advice, start, length)
        self.told.append((start, start + length))


@pytest.fixture
def mapped():
    with tempfile.TemporaryFile() as file:
        numbers = np.random.default_rng(0).standard_normal((SIZE, WIDTH)).astype(np.float32)
        file.write(bytes(HEADER) + numbers.tobytes())
        file.flush()
        noting = Noting(file.fileno(), 0, access=mmap.ACCESS_READ)
        yield noting, np.frombuffer(noting, np.float32, offset=HEADER).reshape(SIZE, WIDTH)


def missing(told, rows):
    """Return those of the rows of which a byte was not told."""
    width = 4 * WIDTH
    begins = [HEADER + int(row) * width for row in rows]
    covered = np.zeros(HEADER + SIZE * width + mmap.PAGESIZE, bool)
    for start, end in told:
        covered[start:end] = True
    return [row for row, begin in zip(rows, begins, strict=True) if not covered[begin : begin + width].all()]


@pytest.mark.parametrize("view", ["whole", "reversed", "chosen", "chosen twice", "by name"])
def test_before_each_batch_the_rows_of_the_next_are_told(mapped, monkeypatch, view):
    monkeypatch.setattr(ahead, "LARGE", 0)
    noting, x = mapped
    all_rows, chosen = np.arange(SIZE), np.arange(0, SIZE, 3)
    given, own = {
        "whole": (x, all_rows),
        "reversed": (x[::-1], all_rows[::-1]),
        "chosen": (Rows(x, chosen, scale=0.5), chosen),
        "chosen twice": (Rows(Rows(x, chosen), np.arange(10, 200)), chosen[10:200]),
        "by name": (Named({"small": np.zeros((SIZE, 1)), "large": x}), all_rows),
    }[view]
    order = np.random.default_rng(1).permutation(len(own))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    seen = []
    for i, rows in enumerate(ahead.tell_ahead(iter(batches), given)):
        assert rows is batches[i]
        following = own[np.concatenate(batches[i : i + 2])]
        assert missing(noting.told, following) == []
        pages = sum(end - start for start, end in noting.told)
        assert pages <= len(np.concatenate(batches[: i + 2])) * (4 * WIDTH + mmap.PAGESIZE)
        seen.append(rows)
    assert len(seen) == len(batches)
    assert all(start % mmap.PAGESIZE == 0 and end <= len(noting) for start, end in noting.told)


def test_of_rows_in_one_page_it_is_told_once(monkeypatch):
    monkeypatch.setattr(ahead, "LARGE", 0)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(2 * mmap.PAGESIZE))
        file.flush()
        noting = Noting(file.fileno(), 0, access=mmap.ACCESS_READ)
        x = np.frombuffer(noting, np.uint8).reshape(-1, 8)
        list(ahead.tell_ahead([np.arange(20)], x))
        assert len(noting.told) == 1


def test_a_small_file_and_memory_are_not_told_of(mapped):
    noting, x = mapped
    batches = [np.arange(3)]
    assert ahead.tell_ahead(batches, x) is batches
    assert ahead.tell_ahead(batches, np.array(x)) is batches
    assert noting.told == []


def test_the_whole_set_is_read_as_it_lies(mapped, monkeypatch):
    monkeypatch.setattr(ahead, "LARGE", 0)
    noting, x = mapped
    assert list(ahead.tell_ahead([slice(None)], x)) == [slice(None)]
    assert noting.told == []


def test_a_training_has_the_bits_that_it_has_in_memory(mapped, monkeypatch):
    monkeypatch.setattr(ahead, "LARGE", 0)
    noting, x = mapped
    targets = np.random.default_rng(2).standard_normal((SIZE, 1))
    found = []
    for given in (x, np.array(x)):
        network = Network([AffineReLU(3), AffineReLU(1)], WIDTH)
        train(network, given, targets, loss=SquaredError(), optimizer=SGD(1e-4), batch_size=BATCH, epochs=2)
        found.append(network.theta.tobytes())
    assert found[0] == found[1]
    assert missing(noting.told, range(SIZE)) == []
