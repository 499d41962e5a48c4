"""Networks of several inputs do what none of one input can: two towers, and an encoder with its decoder."""

import numpy as np
import pytest

import chainrule
from chainrule import EachPosition, Graph, Network, evaluate, train
from chainrule_affine import Add, Affine, AffineReLU, Multiply
from chainrule_attention import Attention
from chainrule_losses import CrossEntropy, SequenceCrossEntropy
from chainrule_norm import LayerNorm
from chainrule_optimizers import Adam
from chainrule_sequence import Embedding, Positions


def test_two_towers_beat_the_best_network_of_either_input_by_half():
    """Whether two things fit is in neither of them."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(1200, 4)), rng.normal(size=(1200, 4))
    fits = ((left * right).sum(axis=1) + 0.5 * left[:, 0] > 0).astype(int)
    towers = Graph(
        ("l", AffineReLU(32), "left"),
        ("u", Affine(16), "l"),
        ("r", AffineReLU(32), "right"),
        ("v", Affine(16), "r"),
        ("both", Multiply(), "u", "v"),
        ("alone", Affine(16), "l"),
        ("sum", Add(), "both", "alone"),
        ("y", Affine(2), "sum"),
        inputs=("left", "right"),
    )

    def error(network, x):
        parts = {name: array for name, array in x.items()} if isinstance(x, dict) else {"": x}
        training, test = ({name: a[rows] for name, a in parts.items()} for rows in (slice(0, 900), slice(900, None)))
        if not isinstance(x, dict):
            training, test = training[""], test[""]
        settings = {"loss": CrossEntropy(), "optimizer": Adam(0.005), "batch_size": 30, "epochs": 25}
        train(network, training, fits[:900], **settings)
        return evaluate(network, test, fits[900:], CrossEntropy()).error

    both = error(Network(towers, {"left": 4, "right": 4}), {"left": left, "right": right})
    alone = [error(Network([AffineReLU(32), Affine(16), Affine(2)], 4), x) for x in (left, right)]
    assert both < 0.5 * min(alone)
    assert min(alone) > 0.25


def test_an_encoder_and_a_decoder_reverse_sequences():
    """The decoder sees the symbols that it has to say only one step late; what comes is in the other sequence."""
    rng = np.random.default_rng(0)
    said = rng.integers(1, 7, (1500, 8))
    reversed_ = said[:, ::-1].copy()
    before = np.concatenate([np.zeros((len(said), 1), np.int64), reversed_[:, :-1]], axis=1)  # 0 begins a sequence
    graph = Graph(
        ("e", Embedding(7, 24), "source"),
        ("at", Positions(), "e"),
        ("k", EachPosition(Affine(24)), "at"),
        ("v", EachPosition(Affine(24)), "at"),
        ("d", "e", "before"),  # one embedding for both
        ("then", Positions(), "d"),
        ("q", EachPosition(Affine(24)), "then"),
        ("found", Attention(), "q", "k", "v"),
        ("sum", Add(), "then", "found"),
        ("norm", LayerNorm(), "sum"),
        ("h", EachPosition(AffineReLU(48)), "norm"),
        ("y", EachPosition(Affine(7)), "h"),
        inputs=("source", "before"),
    )
    network = Network(graph, {"source": 8, "before": 8}, seed=1)
    x, loss = {"source": said, "before": before}, SequenceCrossEntropy()
    training, test = ({name: a[rows] for name, a in x.items()} for rows in (slice(0, 1200), slice(1200, None)))
    train(network, training, reversed_[:1200], loss=loss, optimizer=Adam(0.01), batch_size=40, epochs=25)
    found = evaluate(network, test, reversed_[1200:], loss)
    assert found.error <= 0.01
    with pytest.raises(chainrule.DataError, match="index from 0 to 6, got 7"):
        network.predict({**test, "source": test["source"] + 1})
