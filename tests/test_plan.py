"""A step of a chain goes by its plan: the bits and the errors are those of the sweep that any composition has."""

import numpy as np
import pytest

from chainrule import Array, Chain, Jacobian, Loss, Network, Reshape, Residual, Shards, UnsupportedError
from chainrule.functions.plan import PLANS
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, ReLU, Tanh
from chainrule_losses import SquaredError
from chainrule_sequence import Embedding, Last

RNG = np.random.default_rng(8)

CHAINS = {
    "perceptron": (Chain(AffineReLU(5), Affine(3)), (4,)),
    "nothing learns first": (Chain(Flatten(), Tanh(), Affine(3)), (2, 2)),
    "nothing learns last": (Chain(Affine(3), ReLU(), Tanh()), (4,)),
    "nothing learns": (Chain(Tanh(), ReLU()), (3,)),
    "tied": (Chain(Affine(3), Tanh(), Affine(4), ties={"2.W": "0.W.T"}), (4,)),
    "nested": (Chain(Affine(3), Residual(Chain(Tanh(), Affine(3)))), (4,)),
    "of indices": (Chain(Embedding(7, 3), Last(), Affine(2)), (4,)),
    "stochastic": (Chain(Affine(5), Dropout(0.5), Affine(3)), (4,)),
}


def other(network: Network) -> Chain:
    """Return the network's chain as another object, which has no plan."""
    chain = network.chain
    assert isinstance(chain, Chain)
    return Chain(*chain.layers, ties=chain.ties)


def batch(network: Network, size: int) -> tuple[Array, Array]:
    indices = network.chain.wiring.integers[0]
    x = RNG.integers(0, 7, (size, 4)) if indices else RNG.normal(size=(size, *network.input_shape))
    return x, RNG.normal(size=(size, *network.output_shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CHAINS)
def test_the_bits_are_those_of_the_general_sweep(name, dtype):
    chain, shape = CHAINS[name]
    network = Network(chain, shape, dtype=dtype)
    layers = other(network)
    for size in [1, 3, *range(1, PLANS + 3), 3]:
        x, targets = batch(network, size)
        found = []
        for given in (None, layers):
            network.gradient = np.full_like(network.gradient, 7)
            found.append((network.backprop(x, targets, SquaredError(), layers=given), network.gradient.tobytes()))
        assert found[0] == found[1]
        network.theta = RNG.normal(size=network.theta.size)  # which moves the views that a plan holds
        network.parameters.get("0.b", network.theta)[...] = 0.25


def test_shards_have_the_bits_of_the_general_sweep():
    network = Network(*CHAINS["perceptron"])
    x, targets = batch(network, 7)
    for count in (1, 2):
        with Shards(network, count) as shards:
            value, gradient = shards.backprop(x, targets, SquaredError()), network.gradient.copy()
            assert shards.layers == [network.chain] * count
        if count == 1:
            assert value == network.backprop(x, targets, SquaredError(), layers=other(network))
            assert gradient.tobytes() == network.gradient.tobytes()


def test_what_is_realized_has_no_plan():
    network = Network(*CHAINS["stochastic"])
    x, targets = batch(network, 6)
    network.backprop(x, targets, SquaredError())
    still = network.gradient.copy()
    with Shards(network, 1) as shards:
        shards.backprop(x, targets, SquaredError(), np.random.default_rng(1))
        (layers,) = shards.layers
    dropped = network.gradient.copy()
    assert layers is not network.chain
    assert not np.array_equal(dropped, still)
    network.backprop(x, targets, SquaredError(), np.random.default_rng(1))
    assert network.gradient.tobytes() == dropped.tobytes()


class Faulty(Tanh):
    """A layer that breaks its word in one way."""

    def __init__(self, fault: str) -> None:
        object.__setattr__(self, "fault", fault)

    def __repr__(self) -> str:
        return f"Faulty({self.fault!r})"

    def linearize(self, x, /, *args, **params):
        if self.fault == "raises":
            raise ValueError("by itself")
        y = {"no array": 3.0, "narrow": x[:, :1]}.get(self.fault, x)
        return y, Jacobian(Pulled(self.fault, x.shape[1:]))


class Pulled(Reshape):
    def __init__(self, fault, shape):
        super().__init__(shape, shape)
        object.__setattr__(self, "input_shape", (1, *shape) if fault == "delta" else shape)
        self.vjp = {"vjp raises": self.bad, "unsupported": self.none}.get(fault, super().vjp)

    def bad(self, delta):
        raise RuntimeError("backward")

    def none(self, delta):
        raise UnsupportedError("no derivative here", hint="take another")


class Unfit(Loss):
    """The sum of the scores, whose value or gradient may have another shape than it should."""

    def __init__(self, fault):
        self.fault = fault

    def __repr__(self):
        return "Unfit()"

    def value(self, scores, targets):
        return scores if self.fault == "values" else scores.sum(axis=1)

    def gradient(self, scores, targets):
        return np.ones((len(scores), 1 if self.fault == "gradient" else scores.shape[1]), scores.dtype)


def fault_of(network: Network, loss: Loss, layers: Chain | None) -> tuple[type, str, list[str]]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is is what is compared
        network.backprop(np.ones((4, 2)), np.ones((4, 3)), loss, layers=layers)
    return caught.type, str(caught.value), getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raises", "in layer 1, Faulty('raises')"),
        ("no array", "the output of layer 1"),
        ("narrow", "the output of layer 1"),
        ("delta", "the delta that layer 1"),
        ("vjp raises", "in the backward pass of layer 1"),
        ("unsupported", "layer 1, Faulty('unsupported'): no derivative here"),
        ("values", "the value of Unfit()"),
        ("gradient", "the gradient of the loss"),
    ],
)
def test_errors_are_those_of_the_general_sweep(fault, told):
    loss = Unfit(fault)
    network = Network([Affine(3), Faulty(fault), Affine(3)], 2)
    found = fault_of(network, loss, None)
    assert told in " ".join([found[1], *found[2]])
    assert found == fault_of(network, loss, other(network))
