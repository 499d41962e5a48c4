"""Tables and lines that fit into 80 columns."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule_numba
from chainrule import (
    SGD,
    Chain,
    Concat,
    Elementwise,
    EpochRecord,
    Evaluation,
    Layer,
    Network,
    Residual,
    describe,
    train,
)
from chainrule.progress import epoch_line
from chainrule.short_form import short_form
from chainrule_affine import ELU, Affine, AffineReLU, Dropout, Flatten, ReLU
from chainrule_conv import Conv2d
from chainrule_losses import CrossEntropy
from chainrule_pooling import MaxPool2d


@dataclass(frozen=True)
class Odd(Elementwise):
    """A layer whose settings are unusual in every way."""

    first: float
    second: float = field(kw_only=True)
    weights: np.ndarray = field(default_factory=lambda: np.ones(2))
    inner: tuple[Layer, ...] = ()
    hidden: int = field(default=1, repr=False)

    def __post_init__(self):
        if self.first == self.second and not self.inner:
            raise ValueError("this needs an inner layer")

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)


class Own(Odd):
    def __repr__(self):
        return "own"


@pytest.mark.parametrize(
    "layer, text",
    [
        (Flatten(), "Flatten()"),
        (Affine(10), "Affine(10)"),
        (Affine(10, start="he"), "Affine(10, start='he')"),
        (Dropout(0.5), "Dropout(0.5)"),
        (Conv2d(16, 3, padding="same"), "Conv2d(16, (3, 3), padding='same')"),
        (Conv2d(16, 3, stride=(1, 2)), "Conv2d(16, (3, 3), stride=(1, 2))"),
        (chainrule_numba.Conv2d(16, 3), "Conv2d(16, (3, 3))"),
        (MaxPool2d(2), "MaxPool2d((2, 2))"),
        (MaxPool2d(2, stride=2), "MaxPool2d((2, 2))"),  # the stride is the size, unless it is given
        (MaxPool2d(3, stride=2, ceil=True), "MaxPool2d((3, 3), stride=(2, 2), ceil=True)"),
        (Chain(Affine(3), Residual(Chain(ELU(1), Affine(3)))), "Chain(Affine(3), Residual(Chain(ELU(), Affine(3))))"),
        (Concat(Affine(1), ReLU()), "Concat(Affine(1), ReLU())"),
        (Odd(1.0, second=2.0), "Odd(1.0, second=2.0, weights=array([1., 1.]))"),  # arrays have no one answer
        (Odd(1, second=1, weights=None, inner=(ELU(2),)), "Odd(1, second=1, weights=None, inner=[ELU(alpha=2)])"),
        (Own(1.0, second=2.0), "own"),
    ],
)
def test_a_layer_is_shown_with_the_settings_that_differ_from_their_defaults(layer, text):
    assert short_form(layer) == text


def test_what_is_shown_makes_the_layer_again():
    names = {"Conv2d": Conv2d, "Chain": Chain, "Residual": Residual, "AffineReLU": AffineReLU, "MaxPool2d": MaxPool2d}
    for layer in (Conv2d(16, (3, 5), padding=(1, 2), bias="none"), Chain(Residual(AffineReLU(4))), MaxPool2d(3, 1, 1)):
        assert eval(short_form(layer), names) == layer


LAYERS = [
    Conv2d(64, 3, padding="same"),
    Residual(Chain(Conv2d(64, 3, padding="same"), ReLU(), Conv2d(64, 3, padding="same", bias="none"), ELU(0.5))),
    MaxPool2d(2),
    Flatten(),
    Concat(Affine(2000), Affine(3000, start="he")),
]


@pytest.mark.parametrize("shape", [(32, 32, 3), (224, 224, 3)])
def test_the_table_of_a_convolutional_network_fits_into_80_columns(shape):
    head, *lines = str(describe(LAYERS, shape)).splitlines()
    assert max(map(len, [head, *lines])) <= 80
    column = slice(head.index("layer"), head.index("output shape"))
    words = "".join(line[column] for line in lines).replace(" ", "")
    assert "Residual(Chain(Conv2d(64,(3,3),padding='same'),ReLU()," in words
    assert "bias='none'),ELU(alpha=0.5)))" in words


def test_a_table_that_fits_breaks_nothing():
    table = str(describe([Conv2d(16, 3, padding="same"), MaxPool2d(2), Flatten(), Affine(10)], (28, 28, 1)))
    assert table == (
        "   layer                               output shape  parameters    bytes\n"
        "   input                               (28, 28, 1)\n"
        "0  Conv2d(16, (3, 3), padding='same')  (28, 28, 16)         160      640\n"
        "1  MaxPool2d((2, 2))                   (14, 14, 16)           0        0\n"
        "2  Flatten()                           (3136,)                0        0\n"
        "3  Affine(10)                          (10,)             31,370  125,480\n"
        "   total                                                 31,530  126,120"
    )


# The lines of the epochs


def line(epoch, epochs, e_in, e_out=None):
    return epoch_line(SimpleNamespace(epochs=epochs), EpochRecord(epoch, e_in, e_out, 0.1))


def test_a_line_says_what_there_is():
    both = line(1, 30, Evaluation(1.229244, 0.20312), Evaluation(1.26457, 0.0228))
    assert both == "epoch  1/30  E_in 1.22924 20.31%  E_out 1.26457  2.28%"
    assert line(10, 10, Evaluation(0.5, None)) == "epoch 10/10  E_in 0.50000"
    assert line(2, 5, Evaluation(123456.75, 1.0)) == "epoch 2/5  E_in  123457 100.00%"


@pytest.mark.parametrize("loss", [0.0, 1.2e-9, 9.999999, 10.5, 98765.4321, 1.23456789e7, -3.21e-12, 1.5e300, -1.5e300])
@pytest.mark.parametrize("epochs", [1, 30, 1000, 100_000])
def test_a_line_fits_into_80_columns(loss, epochs):
    shown = line(epochs, epochs, Evaluation(loss, 1.0), Evaluation(loss, 1.0))
    assert len(shown) <= 80
    assert float(shown.split("E_in")[1].split()[0]) == pytest.approx(loss, rel=1e-5, abs=1e-5)


def test_training_prints_its_lines_when_it_is_asked_to(capsys):
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(40, 3)), np.arange(40) % 2
    settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 8, "epochs": 3, "test": (x, targets)}
    train(Network([Affine(2)], 3), x, targets, **settings)
    assert capsys.readouterr().out == ""
    history = train(Network([Affine(2)], 3), x, targets, **settings, verbose=True)
    run = SimpleNamespace(epochs=3)
    assert capsys.readouterr().out.splitlines() == [epoch_line(run, record) for record in history]
    with pytest.raises(ValueError, match="verbose: expected True or False, got 2"):
        train(Network([Affine(2)], 3), x, targets, **settings, verbose=2)
