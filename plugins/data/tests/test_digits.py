from importlib import resources

import numpy as np
import pytest

import chainrule
from chainrule_data import digits


def test_there_are_1797_pictures_channels_last():
    pictures = digits()
    assert pictures.x.shape == (1797, 8, 8, 1)
    assert pictures.x.dtype == np.float32
    assert pictures.y.shape == (1797,)
    assert pictures.x_test is None


def test_pixels_reach_from_0_to_1():
    x = digits().x
    assert (x.min(), x.max()) == (0, 1)


def test_every_class_has_its_published_count():
    pictures = digits()
    assert np.bincount(pictures.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert pictures.classes == tuple("0123456789")


def test_the_pictures_licence_is_in_the_package():
    text = (resources.files("chainrule_data") / "DIGITS.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text
    assert "Alpaydin" in text


def test_the_default_split_is_stratified():
    parts = chainrule.dataset("digits")
    assert (len(parts.x), len(parts.x_test)) == (1438, 359)
    train, test = np.bincount(parts.y), np.bincount(parts.y_test)
    assert (train + test).tolist() == np.bincount(digits().y).tolist()
    assert test == pytest.approx(0.2 * (train + test), abs=1)


def test_the_split_is_the_same_twice():
    first, second = chainrule.dataset("digits"), chainrule.dataset("digits")
    for name in ("x", "y", "x_test", "y_test"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_another_seed_splits_differently():
    first, second = chainrule.dataset("digits", seed=0), chainrule.dataset("digits", seed=1)
    assert not np.array_equal(first.x_test, second.x_test)


def test_a_picture_stays_with_its_class():
    pictures, parts = digits(), chainrule.dataset("digits")
    classes = {x.tobytes(): int(y) for x, y in zip(pictures.x, pictures.y, strict=True)}
    assert len(classes) == 1797
    assert [classes[x.tobytes()] for x in parts.x_test[:]] == parts.y_test.tolist()


def test_what_a_data_set_hands_out_is_an_array():
    x = chainrule.dataset("digits").x
    assert type(x) is np.ndarray
    assert repr(x) == repr(np.asarray(x))
    assert x[..., 0].shape == (1438, 8, 8)
    assert (x == 0).sum() == x.size - np.count_nonzero(x)
