"""What is wrong but legal in a training is said once, and training goes on; what is right is trained in silence."""

import re
import warnings

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Chain, ChainruleWarning, Concat, Elementwise, Loss, Network, train
from chainrule_affine import Affine, AffineReLU, Dropout, Flatten, Maxout, ReLU, Sigmoid, Softmax, Tanh
from chainrule_cli.main import run as command
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic, SquaredError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 4))
CLASSES = np.arange(40) % 3
YES = (np.arange(40) % 2)[:, None]


def said(layers, x, targets, loss, **settings):
    """Train a little, and return what was said."""
    x = np.asarray(x) if isinstance(x, list) else x
    settings = {"optimizer": SGD(1e-9), "batch_size": "all", "epochs": 1} | settings
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        history = train(Network(layers, x.shape[1:]), x, targets, loss=loss, **settings)
    assert len(history) == settings["epochs"]
    assert {warning.category for warning in seen} <= {ChainruleWarning}
    assert {warning.filename for warning in seen} <= {__file__}
    return [str(warning.message) for warning in seen]


# The last layer and the loss


class Clipped(Elementwise):
    output_range = (-3.0, 3.0)

    def forward(self, x):
        return 3 * np.tanh(x / 3)

    def derivative(self, x, y):
        return 1 - (y / 3) ** 2


class Judged(CrossEntropy):
    applies = "softmax of half the scores"


@pytest.mark.parametrize(
    "last, units, loss, targets, function, low, high",
    [
        (Softmax(), 3, CrossEntropy(), CLASSES, "softmax", 0, 1),
        (Chain(Tanh(), Chain(Affine(3), Softmax())), 4, CrossEntropy(), CLASSES, "softmax", 0, 1),
        (Sigmoid(), 3, CrossEntropy(), CLASSES, "softmax", 0, 1),
        (Sigmoid(), 1, Logistic(), YES, "sigmoid", 0, 1),
        (Sigmoid(), 1, SignedLogistic(), 2 * YES - 1, "sigmoid", 0, 1),
        (Tanh(), 1, Logistic(), YES, "sigmoid", -1, 1),
        (Clipped(), 1, Logistic(), YES, "sigmoid", -3, 3),
        (Softmax(), 3, Judged(), CLASSES, "softmax of half the scores", 0, 1),
    ],
)
def test_a_squashing_that_the_loss_does_once_more_is_named_with_the_loss(
    last, units, loss, targets, function, low, high
):
    layer = last.layers[-1].layers[-1] if isinstance(last, Chain) else last
    assert said([Affine(units), last], X, targets, loss) == [
        f"the loss, {loss!r}, applies a {function} itself, and the last layer, {layer!r}, has brought the scores "
        f"between {low} and {high} before it: leave that layer out"
    ]


def test_two_sigmoids_side_by_side_are_squashed_too():
    two = Concat(Chain(Affine(1), Sigmoid()), Chain(Affine(2), Tanh()))
    assert two.output_range == (-1.0, 1.0)
    assert "has brought the scores between -1 and 1 before it" in said([two], X, CLASSES, CrossEntropy())[0]
    assert Concat(Sigmoid(), Affine(1)).output_range is None


@pytest.mark.parametrize(
    "layers, loss, targets",
    [
        ([Affine(3)], CrossEntropy(), CLASSES),
        ([Affine(3), ReLU()], CrossEntropy(), CLASSES),
        ([Affine(4), Sigmoid(), Affine(3)], CrossEntropy(), CLASSES),
        ([Affine(4), Softmax(), Maxout(3, pieces=2)], CrossEntropy(), CLASSES),
        ([Affine(1), Sigmoid()], SquaredError(), YES),
        ([Affine(3), Softmax()], SquaredError(), np.eye(3)[CLASSES]),
        ([Affine(3)], MulticlassHinge(), CLASSES),
    ],
)
def test_a_fitting_end_is_silent(layers, loss, targets):
    assert said(layers, X, targets, loss) == []


def test_the_compiled_loss_is_known_like_its_original():
    from chainrule_numba import CrossEntropy as Compiled

    assert "applies a softmax itself" in said([Affine(3), Softmax()], X, CLASSES, Compiled())[0]


@pytest.mark.parametrize("layer", [Sigmoid(), Softmax(), Tanh()])
def test_a_range_is_kept_whatever_the_input(layer):
    low, high = layer.output_range
    for scale in (1e-3, 1.0, 30.0, 1e4):
        y = layer.forward((scale * RNG.normal(size=(50, 6))).astype(np.float32))
        assert y.min() >= low
        assert y.max() <= high


# Features


def pixels(dtype, shape=(8, 8, 1), n=40):
    x = RNG.integers(0, 256, (n, *shape)).astype(dtype)
    x[0].flat[0] = 255
    return x


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8), (64,), (8, 8, 3)])
def test_pixels_of_0_to_255_are_told_how_they_are_scaled(dtype, shape):
    [message] = said([Flatten(), Affine(3)], pixels(dtype, shape), CLASSES, CrossEntropy())
    assert message == (
        "x holds numbers up to 255, too large for the usual learning rates: bring them to about 1, by "
        "data.scale = 0.00392 in a recipe, by x / 255 in Python"
    )


def test_the_cure_cures():
    x = pixels(np.float32)
    assert said([Flatten(), Affine(3)], x / 255, CLASSES, CrossEntropy()) == []
    scaled = chainrule.data.prepare(chainrule.Dataset(x, CLASSES), scale=0.00392, split="none")
    assert said([Flatten(), Affine(3)], scaled.x, CLASSES, CrossEntropy()) == []
    table = X * [1, 1000, 30, 0.1] + [0, 5, 2000, 0]
    assert said([Affine(3)], (table - table.mean(0)) / table.std(0), CLASSES, CrossEntropy()) == []


def test_columns_that_differ_by_orders_of_magnitude_are_named():
    [message] = said([Affine(3)], X * [1, 5000, 30, 0.1], CLASSES, CrossEntropy())
    sizes = np.sqrt((X**2).mean(0))
    assert message == (
        f"features of x differ by orders of magnitude (column 1 is about {5000 * sizes[1]:.2g} in size, column 3 about "
        f"{0.1 * sizes[3]:.2g}), so that no learning rate fits all: bring each column to mean 0 and deviation 1, a "
        "recipe's table by standardize = true, in Python by (x - x.mean(0)) / x.std(0)"
    )


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_tables_of_the_field_are_told_as_what_they_are(name):
    import sklearn.datasets

    x, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    [message] = said([Affine(3)], x, y, CrossEntropy())
    assert message.startswith("features of x differ by orders of magnitude")


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_tables_that_train_as_they_are_are_silent(name):
    """The digits of scikit-learn are whole numbers from 0 to 16, with pixels that are nearly always 0."""
    import sklearn.datasets

    x, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    for dtype in (np.float64, np.uint8):
        assert said([Affine(10)], x.astype(dtype), y, CrossEntropy()) == []


def one_hot(n, size):
    return np.eye(size)[RNG.integers(0, size, n)]


ORDINARY = {
    "standardized": RNG.normal(size=(300, 5)),
    "one-hot": one_hot(300, 40),
    "binary": RNG.integers(0, 2, (300, 6)),
    "booleans": RNG.integers(0, 2, (300, 6)).astype(bool),
    "constant columns": np.hstack([RNG.normal(size=(300, 2)), np.full((300, 1), 1000.0), np.zeros((300, 1))]),
    "sparse": np.where(RNG.uniform(size=(300, 50)) < 0.02, 0.001, 0) + one_hot(300, 50),
    "pictures with a dark border": np.pad(RNG.uniform(size=(300, 6, 6)), ((0, 0), (2, 2), (2, 2))).reshape(300, -1),
    "one sample": np.array([[0.001, 900.0]]),
    "counts": RNG.poisson(2, (300, 5)),
    "small pictures": RNG.uniform(size=(300, 4, 4, 3)) * 0.01,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_features_are_silent(name):
    x = ORDINARY[name]
    assert said([Flatten(), Affine(3)], x, np.arange(len(x)) % 3, CrossEntropy()) == []


class Free(Loss):
    """A loss that needs no targets."""

    def value(self, scores, targets):
        return (scores**2).sum(axis=1)

    def gradient(self, scores, targets):
        return 2 * scores


def test_only_some_rows_are_looked_at():
    class Watched:
        shape = (100_000, 30)
        rows = 0

        def __len__(self):
            return self.shape[0]

        def __getitem__(self, index):
            rows = np.arange(len(self))[index]
            self.rows += len(rows)
            return np.full((len(rows), 30), 300.0) * RNG.uniform(size=(len(rows), 30))

    x = Watched()
    with pytest.warns(ChainruleWarning, match=r"^x holds numbers up to \d+"):
        chainrule.doubts.Doubts(Network([Affine(1)], 30), x, None, Free(), of_zeros=0.0, resumed=False)
    assert x.rows <= 300


# Targets and the end


@pytest.mark.parametrize(
    "targets, loss, value",
    [(np.full(40, 2), CrossEntropy(), " 2"), (np.tile(np.eye(3)[0], (40, 1)), CrossEntropy(), "")],
)
def test_targets_that_are_all_the_same_are_told_once(targets, loss, value):
    message = f"all 40 targets are the same{value}: there is nothing to learn; look at the column of targets"
    assert said([Affine(3)], X, targets, loss, optimizer=SGD(0.1), epochs=20) == [message]


def test_a_run_that_diverges_without_overflow_says_that_it_learned_nothing():
    data = chainrule.dataset("digits")
    layers = [Flatten(), AffineReLU(64), Affine(10)]
    [message] = said(layers, data.x, data.y, CrossEntropy(), optimizer=SGD(50.0), batch_size=32, epochs=2)
    start = chainrule.evaluate(Network(layers, (8, 8, 1)), *spread(data), CrossEntropy()).loss
    assert re.fullmatch(
        rf"the loss of 256 samples of the training data rose from {start:.5g} to \d\d[\d.]+: the network has learned "
        "nothing; try a learning rate ten times smaller",
        message,
    )


def spread(data):
    rows = np.linspace(0, len(data.x) - 1, 256).astype(int)
    return data.x[rows], data.y[rows]


@pytest.mark.parametrize("targets", [YES, YES.astype(float), YES.astype(bool)])
def test_an_error_that_stays_at_the_base_rate_is_told(targets):
    targets = np.concatenate([targets, np.zeros_like(targets)])
    [message] = said([Affine(1)], np.zeros((80, 4)), targets, Logistic(), optimizer=SGD(0.1), batch_size=8, epochs=10)
    assert message == (
        "E_in ended at an error of 25.00%, no better than the 25.00% of always deciding the most frequent class: "
        "the network has learned nothing; try another learning rate, or more epochs"
    )


@pytest.mark.parametrize("classes", range(2, 12))
def test_rounding_hides_no_base_rate(classes):
    """1 - 40 / 120 is a little more than 80 / 120."""
    targets = np.arange(40 * classes) % classes
    settings = {"optimizer": SGD(1e-9), "batch_size": "all", "epochs": 20}
    [message] = said([Affine(classes)], np.zeros((len(targets), 4)), targets, CrossEntropy(), **settings)
    assert "the network has learned nothing" in message


def test_a_loss_that_rises_within_few_steps_is_told():
    data = chainrule.dataset("digits")
    settings = {"optimizer": SGD(50.0), "batch_size": "all", "epochs": 15}
    [message] = said([Flatten(), AffineReLU(64), Affine(10)], data.x, data.y, CrossEntropy(), **settings)
    assert "try a learning rate ten times smaller" in message


def test_noise_behind_a_softmax_hides_it_not():
    settings = {"optimizer": SGD(0.1), "epochs": 1}
    for tail in ([Softmax(), Dropout(0.2)], [Chain(Softmax(), Dropout(0.2))]):
        messages = said([Affine(3), *tail], X, np.arange(40) % 3, CrossEntropy(), **settings)
        assert [message.partition(",")[0] for message in messages] == ["the loss"]


def test_what_is_not_finite_is_no_matter_of_size():
    x = np.where(np.arange(160).reshape(40, 4) == 7, np.inf, X)
    with pytest.raises(chainrule.DataError, match="row 1: expected finite numbers"):
        said([Affine(2)], x, np.arange(40) % 2, CrossEntropy(), optimizer=SGD(0.1), epochs=1)


def test_distributions_have_a_base_rate_too():
    targets = np.eye(3)[[0, 0, 0, 1, 2] * 8]
    [message] = said(
        [Affine(3)], np.zeros((40, 4)), targets, CrossEntropy(), optimizer=SGD(0.1), batch_size=8, epochs=10
    )
    assert "an error of 40.00%, no better than the 40.00% of always deciding" in message


@pytest.mark.parametrize("learning_rate, batch_size, epochs", [(1e-9, 8, 1), (0.1, 40, 5), (0.1, 8, 40)])
def test_a_short_run_and_a_good_one_are_silent(learning_rate, batch_size, epochs):
    targets = (X[:, 0] > 0).astype(int)
    settings = {"optimizer": SGD(learning_rate), "batch_size": batch_size, "epochs": epochs}
    assert said([Affine(2)], X, targets, CrossEntropy(), **settings) == []


def test_a_run_that_hardly_learns_is_not_told_to_slow_down():
    data = chainrule.dataset("digits")
    for seed in range(5):
        x = data.x[:] * 16 + np.random.default_rng(seed).normal(size=data.x.shape)
        messages = said([Flatten(), Affine(10)], x, data.y, CrossEntropy(), batch_size=8)
        assert not any("smaller" in message for message in messages)


def test_going_on_at_a_plateau_is_silent():
    network = Network([Dropout(0.2), Affine(2)], 4)
    targets = (X[:, 0] > 0).astype(int)
    for _ in range(10):
        train(network, X, targets, loss=CrossEntropy(), optimizer=SGD(0.5), batch_size=8, epochs=5)


@pytest.mark.parametrize("recipe", ["xor", "digits", "digits-cnn", "digits-resnet"])
def test_recipes_that_ship_are_silent(recipe, capsys):
    assert command(["train", recipe, "--set", "training.epochs=3"]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_line_says_the_same_in_one_plain_line(tmp_path, capsys):
    np.savez(tmp_path / "bytes.npz", x=pixels(np.uint8, (28, 28), 60), y=np.arange(60) % 10)
    path = f"data.path={tmp_path / 'bytes.npz'}"
    few = ["--set", "training.epochs=1", "--set", "training.batch_size=20"]
    assert command(["train", "lenet", "--set", path, *few]) == 0
    assert capsys.readouterr().err == ""
    assert command(["train", "lenet", "--set", path, "--set", "data.scale=1.0", *few]) == 0
    assert capsys.readouterr().err == (
        "Warning: x holds numbers up to 255, too large for the usual learning rates: bring them to about 1, by "
        "data.scale = 0.00392 in a recipe, by x / 255 in Python\n"
    )


def test_the_command_line_warns_of_the_end(capsys):
    settings = ["--set", "training.optimizer.learning_rate=50", "--set", "training.epochs=2"]
    assert command(["train", "digits", *settings]) == 0
    assert capsys.readouterr().err.startswith("Warning: the loss of 256 samples of the training data rose ")


def test_a_loss_that_applies_nothing_says_so():
    assert Loss.applies is None
    assert SquaredError().applies is MulticlassHinge().applies is None
