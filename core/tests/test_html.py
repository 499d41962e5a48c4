"""Tables for notebooks."""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from chainrule import Chain, Elementwise, EpochRecord, Evaluation, History, Network, describe


class Tame(Elementwise):
    """A layer whose name is no markup."""

    def __repr__(self):
        return "Tame('<b>&')"

    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


@dataclass(frozen=True)
class Elu(Elementwise):
    alpha: float = 1.0

    def forward(self, x):
        return np.where(x > 0, x, self.alpha * np.expm1(x))

    def derivative(self, x, y):
        return np.where(x > 0, 1, y + self.alpha)


def cells(shown):
    """Return the caption and the rows of a table; what is no well-formed markup is not parsed."""
    table = ElementTree.fromstring(shown._repr_html_())
    caption, *rows = table
    return caption.text, [[cell.text or "" for cell in row] for row in rows]


def record(epoch, e_out=None):
    return EpochRecord(epoch, Evaluation(1 / epoch, None if e_out is None else 0.25), e_out, 0.1)


def test_a_network_shows_its_layers_and_names_are_no_markup():
    caption, rows = cells(Network([Tame()], (2, 3)))
    assert caption == "Network"
    assert rows == [
        ["", "layer", "output shape", "parameters", "bytes"],
        ["", "input", "(2, 3)", "", ""],
        ["0", "Tame('<b>&')", "(2, 3)", "0", "0"],
        ["", "total", "", "0", "0"],
    ]
    assert cells(describe([Tame()], (2, 3)))[1] == rows


def test_a_network_shows_its_layers_as_its_summary_does():
    network = Network([Chain(Elu(), Elu(0.5))], (2,))
    assert cells(network)[1][2][1] == "Chain(Elu(), Elu(alpha=0.5))"
    assert "Chain(Elu(), Elu(alpha=0.5))" in str(network.summary())


def test_a_history_shows_its_epochs():
    history = History()
    assert cells(history) == ("0 epochs", [["epoch", "E_in: loss", "error", "E_out: loss", "error"]])
    history.add(record(1))
    history.add(record(2, Evaluation(0.75, 0.5)))
    assert cells(history)[0] == "2 epochs"
    assert cells(history)[1][1:] == [["1", "1.00000", "", "", ""], ["2", "0.50000", "25.00%", "0.75000", "50.00%"]]


def test_a_long_history_shows_its_ends_and_how_it_ended():
    history = History()
    for epoch in range(1, 101):
        history.add(record(epoch))
    history.stopped, history.best = "Ctrl-C", history[6]
    caption, rows = cells(history)
    assert caption == "100 epochs, stopped by Ctrl-C; kept are the parameters of epoch 7"
    assert [row[0] for row in rows[1:]] == [*map(str, range(1, 11)), "…", *map(str, range(91, 101))]
