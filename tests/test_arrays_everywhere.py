"""Wherever arrays enter, the same is refused: what is masked, what is no array, and targets that are not finite."""

import numpy as np
import pytest

import chainrule
from chainrule import SGD, ChainruleError, DataError, Layer, Network, Shards, TargetError, evaluate, train
from chainrule_affine import Affine, AffineReLU
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic, SquaredError
from chainrule_numba import CrossEntropy as CompiledCrossEntropy
from chainrule_plots import decisions, draw_activations, draw_confusion, outputs

RNG = np.random.default_rng(4)
X, T, CLASSES = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3)), np.arange(6) % 3
LOSS = SquaredError()
SETTINGS = {"loss": LOSS, "optimizer": SGD(0.1), "batch_size": 2, "epochs": 1}
NET = Network([AffineReLU(5), Affine(3)], 4)
THETA = np.ones(NET.theta.size)


def masked(array):
    """Return the array with its last entry masked: behind the mask it is what it was."""
    mask = np.zeros(array.shape, bool)
    mask[(-1,) * array.ndim] = True
    return np.ma.array(array, mask=mask)


def trained(x=X, targets=T, test=None):
    return train(Network([Affine(3)], 4), x, targets, test=test, **SETTINGS)


class Started(Affine):
    """It starts where something is masked."""

    def initialize(self, input_shape, rng):
        return {name: masked(values) for name, values in super().initialize(input_shape, rng).items()}


INPUTS = {
    "predict": NET.predict,
    "decide": lambda x: NET.decide(x, CrossEntropy()),
    "linearize": NET.linearize,
    "backprop": lambda x: NET.backprop(x, T, LOSS),
    "shards": lambda x: Shards(NET, 2).backprop(x, T, LOSS),
    "train": lambda x: trained(x),
    "test data": lambda x: trained(test=(x, T)),
    "evaluate": lambda x: evaluate(NET, x, T, LOSS),
    "gradient": lambda x: chainrule.gradient(NET, x, T, LOSS),
    "input_gradient": lambda x: chainrule.input_gradient(NET, x, T, LOSS),
    "per_sample": lambda x: chainrule.per_sample(NET, x, T, LOSS),
    "jacobian of a network": lambda x: chainrule.jacobian(NET, x),
    "jacobian of a layer": lambda x: chainrule.jacobian(Affine(3), x, W=np.ones((3, 4)), b=np.ones(3)),
    "jvp": lambda x: chainrule.jvp(NET, x),
    "hessian_vector": lambda x: chainrule.hessian_vector(NET, x, T, LOSS, THETA),
    "gauss_newton_vector": lambda x: chainrule.gauss_newton_vector(NET, x, T, LOSS, THETA),
    "gauss_newton_diagonal": lambda x: chainrule.gauss_newton_diagonal(NET, x, T, LOSS),
    "x_tangent": lambda v: chainrule.jvp(NET, X, v),
    "data set": lambda x: chainrule.Dataset(x, T),
    "outputs": lambda x: outputs(NET, x[-1]),
    "draw_activations": lambda x: draw_activations(NET, x[-1]),
}
TARGETS = {
    "backprop": lambda y: NET.backprop(X, y, LOSS),
    "shards": lambda y: Shards(NET, 2).backprop(X, y, LOSS),
    "train": lambda y: trained(X, y),
    "test data": lambda y: trained(test=(X, y)),
    "evaluate": lambda y: evaluate(NET, X, y, LOSS),
    "gradient": lambda y: chainrule.gradient(NET, X, y, LOSS),
    "per_sample": lambda y: chainrule.per_sample(NET, X, y, LOSS),
    "hessian": lambda y: chainrule.hessian(Network([Affine(3)], 4), X, y, LOSS),
    "value": lambda y: LOSS.value(T, y),
    "value and gradient": lambda y: LOSS.linearize(T, y),
    "error of a loss": lambda y: Logistic().error(T, abs(y) < 1),
    "binary": lambda y: Logistic().value(T, abs(y) < 1),
    "sign": lambda y: SignedLogistic().value(T, np.sign(y)),
    "data set": lambda y: chainrule.Dataset(X, y),
}
OF_CLASSES = {
    "cross_entropy": lambda y: CrossEntropy().value(T, y),
    "multiclass_hinge": lambda y: MulticlassHinge().linearize(T, y),
    "evaluate": lambda y: evaluate(NET, X, y, CrossEntropy()),
    "true classes": lambda y: chainrule.confusion_matrix(y, CLASSES, 3),
    "decided classes": lambda y: chainrule.confusion_matrix(CLASSES, y, 3),
    "decisions": lambda y: decisions(NET, CrossEntropy(), X, y),
}
METHODS = {
    "value": lambda loss, s, y: loss.value(s, y),
    "gradient": lambda loss, s, y: loss.gradient(s, y),
    "linearize": lambda loss, s, y: loss.linearize(s, y),
    "hessian": lambda loss, s, y: loss.hessian(s, y),
    "error": lambda loss, s, y: loss.error(s, y),
    "decide": lambda loss, s, y: loss.decide(s),
    "probabilities": lambda loss, s, y: loss.probabilities(s),
}
LOSSES = {
    "squared_error": (SquaredError(), T, {"error", "decide", "probabilities"}),  # it decides for the very scores
    "logistic": (Logistic(), (T > 0) * 1, set()),
    "signed_logistic": (SignedLogistic(), np.sign(T), set()),
    "cross_entropy": (CrossEntropy(), CLASSES, set()),
    "shares": (CrossEntropy(), np.eye(3)[CLASSES], set()),
    "multiclass_hinge": (MulticlassHinge(), CLASSES, {"hessian", "probabilities"}),
    "compiled cross_entropy": (CompiledCrossEntropy(), CLASSES, set()),
}
SCORES = {
    f"{method} of {name}": lambda s, loss=loss, y=y, ask=ask: ask(loss, s, y)
    for name, (loss, y, lacks) in LOSSES.items()
    for method, ask in METHODS.items()
    if method not in lacks
}
VECTORS = {
    "theta": lambda v: setattr(NET, "theta", v),
    "gradient": lambda v: setattr(NET, "gradient", v),
    "theta_tangent": lambda v: chainrule.jvp(NET, X, None, v),
    "hessian_vector": lambda v: chainrule.hessian_vector(NET, X, T, LOSS, v),
    "gauss_newton_vector": lambda v: chainrule.gauss_newton_vector(NET, X, T, LOSS, v),
    "start": lambda v: Network([Started(3)], 4),
    "parameters of a layer": lambda v: chainrule.jacobian(Affine(3), X, W=masked(np.ones((3, 4))), b=np.ones(3)),
    "confusion matrix": lambda v: draw_confusion(masked(np.ones((2, 2), int))),
}
DOORS = [
    pytest.param(enter, array, id=f"{what}: {name}")
    for what, doors, array in (
        ("x", INPUTS, X),
        ("targets", TARGETS, T),
        ("classes", OF_CLASSES, CLASSES),
        ("scores", SCORES, T),
        ("a vector", VECTORS, THETA),
    )
    for name, enter in doors.items()
]


@pytest.mark.parametrize("enter, array", DOORS)
def test_masked_arrays_are_refused_wherever_arrays_enter(enter, array):
    before = NET.theta.copy()
    with pytest.raises((DataError, TargetError), match=r"expected a value in every place, got a masked one at"):
        enter(masked(array))
    np.testing.assert_array_equal(NET.theta, before)


@pytest.mark.parametrize("enter, array", [door for door in DOORS if door.id.split(": ")[1] not in ("start", "theta")])
def test_masked_arrays_without_a_masked_entry_are_taken(enter, array):
    if enter not in (VECTORS["parameters of a layer"], VECTORS["confusion matrix"]):  # they mask one of their own
        enter(np.ma.array(array))


@pytest.mark.parametrize("name", sorted(INPUTS.keys() - {"outputs", "draw_activations"}))
@pytest.mark.parametrize(
    "given, message",
    [
        (None, "an array of numbers, got None"),
        ((row for row in X), r"got a generator; list\(x\) makes a list"),
        ({"a": X}, r"got a dict; choose one of its arrays, such as x\['a'\]"),
    ],
    ids=["None", "a generator", "a dictionary"],
)
def test_what_is_no_array_is_refused_wherever_arrays_enter(name, given, message):
    if name == "x_tangent" and given is None:
        INPUTS[name](given)  # no direction
        return
    if name == "data set" and isinstance(given, dict):
        assert INPUTS[name](given).x["a"] is X  # a network of several inputs takes arrays by name
        return
    with pytest.raises(DataError, match=message):
        INPUTS[name](given)


def not_finite(value):
    targets = T.copy()
    targets[4, 1] = value
    return targets


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name, message",
    [
        ("train", "^training data, targets, row 4, column 1: expected a finite number, got {}; mend or drop the row$"),
        ("test data", "^test data, targets, row 4, column 1: expected a finite number, got {}; mend or drop the row$"),
        ("evaluate", "^targets, row 4, column 1: expected a finite number, got {}; mend or drop the row$"),
        ("data set", "^y, row 4, column 1: expected a finite number, got {}; mend or drop the row$"),
        ("backprop", r"^squared_error targets: expected finite numbers, got {} at \(4, 1\); mend or drop the row$"),
        ("gradient", r"^squared_error targets: expected finite numbers, got {} at \(4, 1\); mend or drop the row$"),
        ("value", r"^squared_error targets: expected finite numbers, got {} at \(4, 1\); mend or drop the row$"),
    ],
)
def test_targets_that_are_not_finite_are_no_divergence_but_named_with_row_and_place(name, message, value):
    with pytest.raises(ChainruleError, match=message.format(value)):
        TARGETS[name](not_finite(value))


def test_the_row_of_a_target_is_that_of_the_set_and_not_of_a_batch():
    x, targets = np.zeros((1000, 4)), np.zeros((1000, 3))
    targets[777, 2] = np.nan
    with pytest.raises(DataError, match=r"^training data, targets, row 777, column 2: expected a finite number"):
        trained(x, targets)
    with pytest.raises(DataError, match=r"^targets, row 777, column 2: expected a finite number"):
        evaluate(NET, x, targets, LOSS)


def test_targets_are_looked_at_for_any_loss():
    class Plain(chainrule.Loss):
        """A loss that checks nothing."""

        def value(self, scores, targets):
            return ((scores - targets) ** 2).sum(axis=1)

        def gradient(self, scores, targets):
            return 2 * (scores - targets)

    with pytest.raises(DataError, match=r"^training data, targets, row 4, column 1: expected a finite number, got nan"):
        train(Network([Affine(3)], 4), X, not_finite(np.nan), **{**SETTINGS, "loss": Plain()})


def test_a_loss_may_take_a_target_that_is_not_finite_for_a_gap():
    class Gappy(chainrule.Loss):
        """Squared errors, but for gaps."""

        def value(self, scores, targets):
            return np.nansum((scores - targets) ** 2, axis=1)

        def gradient(self, scores, targets):
            return 2 * np.nan_to_num(scores - targets)

    network = Network([Affine(3)], 4)
    history = train(network, X, not_finite(np.nan), **{**SETTINGS, "loss": Gappy()})
    assert history[-1].e_in == evaluate(network, X, not_finite(np.nan), Gappy())


class Stored:
    """As h5py's and zarr's: rows in increasing order, each once, and no length."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, index):
        if isinstance(index, np.ndarray) and (np.diff(index) <= 0).any():
            raise TypeError("Indexing elements must be in increasing order")
        return self.array[index]


def test_what_is_read_by_rows_trains_predicts_and_evaluates_as_the_array_does():
    stored = Stored(X), Stored(T)
    nets = [Network([AffineReLU(5), Affine(3)], 4) for _ in range(2)]
    histories = [
        train(net, *data, test=data, shards=2, **SETTINGS) for net, data in zip(nets, ((X, T), stored), strict=True)
    ]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    assert evaluate(nets[1], *stored, LOSS) == evaluate(nets[1], X, T, LOSS)
    for ask in (
        nets[1].predict,
        lambda x: nets[1].decide(x, CrossEntropy()),
        lambda x: chainrule.input_gradient(nets[1], x, T, LOSS),
        lambda x: nets[1].backprop(x, stored[1], LOSS),
        lambda x: chainrule.gauss_newton_diagonal(nets[1], x, stored[1], LOSS),
    ):
        np.testing.assert_array_equal(ask(stored[0]), ask(X))


def test_stored_targets_that_are_not_finite_are_named_by_their_row():
    with pytest.raises(DataError, match=r"^training data, targets, row 4, column 1: expected a finite number, got nan"):
        trained(Stored(X), Stored(not_finite(np.nan)))


def test_start_values_of_another_kind_are_refused_by_the_name_of_the_parameter():
    class Texts(Layer):
        def output_shape(self, input_shape):
            return input_shape

        def parameter_shapes(self, input_shape):
            return {"b": input_shape}

        def initialize(self, input_shape, rng):
            return {"b": np.full(input_shape, "1")}

        def forward(self, x, b):
            return x + b

        def jacobian(self, x, y, b):
            return None

    with pytest.raises(DataError, match=r"^layer 0, Texts\(\), start of 'b': expected real numbers, got <U1"):
        Network([Texts()], 4)
