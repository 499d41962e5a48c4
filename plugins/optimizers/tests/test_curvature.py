"""The rules that ask for curvature, against dense matrices from the dense Jacobian, and against SGD."""

import copy
import math

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Network, Schedule, SettingError, StepContext, UnsupportedError, train
from chainrule_affine import Affine, AffineReLU, Flatten, Tanh
from chainrule_losses import CrossEntropy, MulticlassHinge, SquaredError
from chainrule_optimizers import DiagonalGaussNewton, LevenbergMarquardt, WeightDecay

RNG = np.random.default_rng(6)
X, T, Y = RNG.normal(size=(9, 2)), RNG.integers(0, 3, 9), RNG.normal(size=(9, 3))
LOSSES = [(CrossEntropy(), T), (SquaredError(), Y)]
BY_LOSS = {"ids": ["cross_entropy", "squared_error"]}


def network(dtype=np.float64):
    return Network([Affine(4), Tanh(), Affine(3)], 2, seed=3, dtype=dtype)


class Path:
    """Notes θ and the optimizer's state after each step."""

    def __init__(self):
        self.thetas, self.states = [], []

    def chainrule_batch_ended(self, run, record):
        self.thetas.append(run.network.theta.copy())
        self.states.append(copy.deepcopy(run.state))


def path_of(rule, loss, targets, dtype=np.float64, steps=10):
    """θ and the state of so many steps along the whole set, through training."""
    path = Path()
    x = X.astype(dtype)
    train(network(dtype), x, targets, loss=loss, optimizer=rule, batch_size="all", epochs=steps, hooks=[path])
    return path


class Dense:
    """A network's objective, slopes and Gauss-Newton matrix at any θ, the matrix summed over samples."""

    def __init__(self, loss, targets, decay=0.0):
        self.net, self.loss, self.targets, self.decay = network(), loss, targets, decay

    def objective(self, theta):
        self.net.theta[...] = theta
        values = self.loss.value(self.net.predict(X), self.targets)
        return math.fsum(values) / len(X) + self.decay * math.fsum(theta**2) / 2

    def parts(self, theta):
        self.net.theta[...] = theta
        dense, scores = chainrule.jacobian(self.net, X), self.net.predict(X)
        J = np.concatenate([dense.parameters[name].reshape(len(X), 3, -1) for name in self.net.parameters], axis=2)
        slopes, H = self.loss.gradient(scores, self.targets), self.loss.hessian(scores, self.targets)
        gradient = sum(slopes[j] @ J[j] for j in range(len(X))) / len(X) + self.decay * theta
        G = sum(J[j].T @ H[j] @ J[j] for j in range(len(X))) / len(X) + self.decay * np.eye(len(theta))
        return gradient, G


# Diagonal Gauss-Newton


@pytest.mark.parametrize("loss, targets", LOSSES, **BY_LOSS)
def test_the_first_ten_diagonal_steps_are_those_of_the_dense_matrix(loss, targets):
    path = path_of(DiagonalGaussNewton(0.2, damping=0.15, decay=0.6), loss, targets)
    dense, theta, diagonals = Dense(loss, targets), network().theta.copy(), []
    for t in range(10):
        gradient, G = dense.parts(theta)
        diagonals.append([G[k, k] for k in range(len(theta))])
        for k in range(len(theta)):
            d = max(0.6 ** (t - s) * diagonals[s][k] for s in range(t + 1))
            theta[k] -= 0.2 * gradient[k] / (d + 0.15)
        np.testing.assert_allclose(path.thetas[t], theta, rtol=0, atol=1e-12)
        assert list(path.states[t]) == ["curvature"]


def test_a_diagonal_step_takes_the_rate_of_its_step():
    class Halving(Schedule):
        def rate(self, step):
            return 0.5**step

    rule, theta = DiagonalGaussNewton(Halving(), damping=1.0), np.zeros(2)
    state = rule.init(theta)
    for step in range(3):
        rule.step(theta, np.ones(2), state, StepContext(step, {}, gauss_newton_diagonal=lambda: np.array([0.0, 1.0])))
    np.testing.assert_allclose(theta, [-1.75, -0.875], atol=1e-15)


def test_curvature_that_comes_back_after_it_was_gone_counts_at_once():
    """A unit that was off: its mean of curvature would be 1e-3 of what it is, and its step 50 times as long."""
    rule, theta = DiagonalGaussNewton(0.1, damping=0.01, decay=0.999), np.zeros(1)
    state, curvature = rule.init(theta), iter([0.0] * 50 + [1.0])
    for step in range(51):
        slope = np.array([0.0 if step < 50 else 1.0])
        rule.step(theta, slope, state, StepContext(step, {}, gauss_newton_diagonal=lambda: np.array([next(curvature)])))
    assert theta[0] == pytest.approx(-0.1 / 1.01, rel=1e-12)


# Levenberg-Marquardt

EXACT = {"iterations": 60, "tolerance": 0.0}
"""More iterations than θ has entries: conjugate gradients end at the solution."""


def dense_steps(dense, theta, damping, factor, minimum):
    """θ and the damping after each step, by the solution of the dense system."""
    theta = theta.copy()
    while True:
        gradient, G = dense.parts(theta)
        move = np.linalg.solve(G + damping * np.eye(len(theta)), -gradient)
        before, after = dense.objective(theta), dense.objective(theta + move)
        ratio = (after - before) / (gradient @ move + 0.5 * move @ G @ move)
        if after < before:
            theta += move
        if ratio < 0.25:
            damping = damping * factor
        elif ratio > 0.75:
            damping = max(damping / factor, minimum)
        yield theta.copy(), damping


@pytest.mark.parametrize("loss, targets", LOSSES, **BY_LOSS)
@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize("start", [1.0, 0.02])
def test_the_first_ten_damped_steps_are_those_of_the_dense_system(loss, targets, decay, start):
    """The condition of the damped system is 400 at most, so that solving it costs three of sixteen digits."""
    rule = LevenbergMarquardt(start, factor=3.0, minimum=0.02, **EXACT)
    path = path_of(WeightDecay(rule, decay) if decay else rule, loss, targets)
    steps = dense_steps(Dense(loss, targets, decay), network().theta, start, 3.0, 0.02)
    for t, (theta, damping) in zip(range(10), steps, strict=False):
        np.testing.assert_allclose(path.thetas[t], theta, rtol=0, atol=1e-12)
        assert path.states[t] == {"damping": pytest.approx(damping, rel=1e-14)}


def test_of_an_affine_network_and_squares_a_step_almost_undamped_is_the_least_squares_solution():
    net = Network([Affine(2)], 3, dtype=np.float64)
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
    rule = LevenbergMarquardt(1e-12, minimum=1e-12, **EXACT)
    train(net, x, y, loss=SquaredError(), optimizer=rule, batch_size="all", epochs=1)
    solution = np.linalg.lstsq(np.c_[x, np.ones(20)], y, rcond=None)[0]
    np.testing.assert_allclose(net.parameters["0.W"], solution[:3].T, atol=1e-10)
    np.testing.assert_allclose(net.parameters["0.b"], solution[3], atol=1e-10)


def test_few_iterations_lie_between_descent_and_the_solution():
    """One iteration is along the slopes; each further one lowers the model that the last one solves."""
    net = network()
    dense = Dense(CrossEntropy(), T)
    gradient, G = dense.parts(net.theta.copy())
    models = []
    for iterations in (1, 2, 4, 30):
        theta = net.theta.copy()
        rule = LevenbergMarquardt(0.5, iterations=iterations, tolerance=0.0)
        dense.net.theta[...] = net.theta
        own = StepContext(
            0,
            {},
            gauss_newton=lambda v: G @ v,
            objective=lambda: dense.objective(theta),
        )
        rule.step(theta, gradient, rule.init(theta), own)
        move = theta - net.theta
        models.append(gradient @ move + move @ G @ move / 2 + 0.5 * move @ move / 2)
        if iterations == 1:
            cosine = -(move @ gradient) / np.linalg.norm(move) / np.linalg.norm(gradient)
            assert cosine == pytest.approx(1, abs=1e-12)
    assert models == sorted(models, reverse=True)
    assert models[0] > models[-1] + 1e-3
    solution = np.linalg.solve(G + 0.5 * np.eye(len(G)), -gradient)
    assert models[-1] == pytest.approx(gradient @ solution / 2, rel=1e-12)


def test_a_tolerance_ends_the_iterations():
    products = []

    def product(vector):
        products.append(1)
        return np.arange(1.0, 9.0) * vector

    for tolerance, bound in [(0.9, 2), (1e-1, 6), (0.0, 9)]:
        products.clear()
        theta = np.ones(8)
        rule = LevenbergMarquardt(0.1, iterations=9, tolerance=tolerance)
        own = StepContext(0, {}, gauss_newton=product, objective=lambda: float(np.arange(1.0, 9.0) @ theta**2) / 2)
        rule.step(theta, np.arange(1.0, 9.0), rule.init(theta), own)
        assert len(products) <= bound
        residual = np.arange(1.0, 9.0) + (np.arange(1.0, 9.0) + 0.1) * (theta - 1)
        assert np.linalg.norm(residual) <= max(tolerance, 1e-9) * np.linalg.norm(np.arange(1.0, 9.0))


def one_step(reduction_of, damping=2.0, product=lambda v: v, dtype=np.float64, **settings):
    """Step from 1 on a parabola; the objective falls by `reduction_of(predicted)`: g = 1, G = 1, D = -1 / (1 + μ)."""
    theta = np.ones(1, dtype)
    rule = LevenbergMarquardt(damping, **settings)
    state, move = rule.init(theta), -1 / (1 + damping)
    values = iter([5.0, 5.0 - reduction_of(-(move + move**2 / 2))])
    rule.step(theta, np.ones(1, dtype), state, StepContext(0, {}, gauss_newton=product, objective=lambda: next(values)))
    return theta[0], state["damping"]


@pytest.mark.parametrize(
    "share, moves, factor",
    [
        *[(share, True, 0.5) for share in (9.0, 1.0, 0.76)],
        *[(share, True, 1.0) for share in (0.74, 0.26)],
        *[(share, True, 2.0) for share in (0.24, 1e-9)],
        *[(share, False, 2.0) for share in (0.0, -0.1, -math.inf, math.nan)],
    ],
)
def test_damping_follows_the_ratio_and_a_step_that_leads_nowhere_is_taken_back(share, moves, factor):
    theta, damping = one_step(lambda predicted: share * predicted)
    assert damping == 2.0 * factor
    assert theta == (pytest.approx(2 / 3, rel=1e-14) if moves else 1.0)


def test_damping_stays_within_its_bounds():
    assert one_step(lambda predicted: predicted, damping=0.15)[1] == 0.1
    assert one_step(lambda predicted: predicted, damping=0.15, minimum=0.01)[1] == 0.075
    assert one_step(lambda predicted: -1.0, damping=9e9)[1] == 1e10


def test_a_factor_of_one_fixes_the_damping():
    for share in (1.0, 0.5, 0.1, -1.0):
        assert one_step(lambda predicted: share * predicted, factor=1.0)[1] == 2.0


def test_where_the_loss_is_not_convex_damping_grows_until_the_model_is():
    theta, damping = one_step(lambda predicted: predicted, product=lambda v: -3.0 * v)
    assert (theta, damping) == (1.0, 4.0)


@pytest.mark.parametrize("slope", [0.0, 1e-9])
def test_slopes_too_small_to_show_leave_all_as_it_is(slope):
    theta, rule = np.ones(2), LevenbergMarquardt()
    state = rule.init(theta)
    own = StepContext(0, {}, gauss_newton=lambda v: v, objective=lambda: 5.0)
    rule.step(theta, np.full(2, slope), state, own)
    assert (theta.tolist(), state) == ([1.0, 1.0], {"damping": 1.0})


def test_a_step_that_was_taken_back_leaves_every_bit():
    theta = RNG.normal(size=50).astype(np.float32)
    before, rule = theta.copy(), LevenbergMarquardt()
    values = iter([1.0, 2.0])
    own = StepContext(0, {}, gauss_newton=lambda v: 0.3 * v, objective=lambda: next(values))
    rule.step(theta, np.ones(50, np.float32), rule.init(theta), own)
    np.testing.assert_array_equal(theta, before)


# Both


RULES = [DiagonalGaussNewton(0.04), LevenbergMarquardt()]
BY_NAME = {"ids": lambda value: type(value).__name__}


@pytest.mark.parametrize("rule", RULES, **BY_NAME)
def test_float32_follows_float64(rule):
    single, double = path_of(rule, CrossEntropy(), T, np.float32), path_of(rule, CrossEntropy(), T)
    for t in range(10):
        assert single.thetas[t].dtype == np.float32
        np.testing.assert_allclose(single.thetas[t], double.thetas[t], rtol=0, atol=2e-4)


@pytest.mark.parametrize("rule", RULES, **BY_NAME)
def test_the_gradient_is_only_read_and_the_state_is_all_that_a_run_needs(rule):
    dense = Dense(CrossEntropy(), T)
    thetas = [network().theta.copy(), network().theta.copy()]
    states = [rule.init(theta) for theta in thetas]
    for step in range(6):
        if step == 3:
            states[1] = copy.deepcopy(states[1])
        for theta, state in zip(thetas, states, strict=True):
            gradient, G = dense.parts(theta)
            gradient.flags.writeable = False
            own = StepContext(step, {}, lambda v: G @ v, G.diagonal, lambda: dense.objective(theta))
            rule.step(theta, gradient, state, own)
    np.testing.assert_array_equal(*thetas)
    assert (thetas[0] != network().theta).all()


# Twelve steps of a rule on batches of four: its loss rises, and that is no matter here.
@pytest.mark.filterwarnings("ignore:the loss of 9 samples of the training data rose:chainrule.ChainruleWarning")
@pytest.mark.parametrize("rule", RULES, **BY_NAME)
def test_a_run_goes_on_from_a_snapshot_with_the_same_bits(rule):
    class Snap:
        def chainrule_batch_ended(self, run, record):
            if (record.epoch, record.batch) == (2, 2):
                snapshots.append(copy.deepcopy(run.snapshot()))

    snapshots, whole, rest = [], network(), network()
    settings = {"loss": CrossEntropy(), "optimizer": rule, "batch_size": 4, "epochs": 4}
    train(whole, X, T, **settings, hooks=[Snap()])
    train(rest, X, T, **settings, resume=snapshots[0])
    np.testing.assert_array_equal(rest.theta, whole.theta)


@pytest.mark.parametrize("rule", RULES, **BY_NAME)
def test_a_loss_without_a_hessian_is_refused(rule):
    with pytest.raises(UnsupportedError, match=r"MulticlassHinge\(.*\) has no second derivative"):
        train(network(), X, T, loss=MulticlassHinge(), optimizer=rule, batch_size=3, epochs=1)


DIGITS = chainrule.dataset("digits", split="stratified", test_fraction=0.2)


def epochs_on_digits(rule, loss, at_most):
    """Return the epochs of the recipe `digits` after which E_in is below the loss; None for more than so many."""

    class Enough:
        def chainrule_epoch_ended(self, run, record):
            if record.e_in.loss <= loss:
                run.stop("enough")

    net = Network([Flatten(), AffineReLU(64), Affine(10)], (8, 8, 1))
    history = train(
        net,
        DIGITS.x,
        DIGITS.y,
        loss=CrossEntropy(),
        optimizer=rule,
        batch_size=32,
        epochs=at_most,
        hooks=[Enough()],
    )
    return len(history) if history[-1].e_in.loss <= loss else None


@pytest.mark.parametrize(
    "name, settings", [("diagonal_gauss_newton", {"learning_rate": 0.04}), ("levenberg_marquardt", {})]
)
def test_digits_take_fewer_epochs_than_sgd_at_the_best_of_five_rates(name, settings):
    taken = epochs_on_digits(chainrule.optimizer(name, **settings), 0.1, at_most=5)
    assert taken is not None
    for rate in (0.05, 0.1, 0.2, 0.3, 0.5):
        assert epochs_on_digits(SGD(rate), 0.1, at_most=taken) is None


@pytest.mark.parametrize(
    "kind, name, values",
    [
        (DiagonalGaussNewton, "learning_rate", (0, -0.1, math.nan, "0.1", None)),
        (DiagonalGaussNewton, "damping", (0, -0.1, math.nan, math.inf, "0.1", True, None)),
        (DiagonalGaussNewton, "decay", (1.0, -0.1, math.nan, "0.9", None)),
        (LevenbergMarquardt, "damping", (0, 0.09, math.nan, math.inf, "0.1", True, None)),
        (LevenbergMarquardt, "iterations", (0, 2.0, "9", True, None)),
        (LevenbergMarquardt, "tolerance", (-0.1, 1.0, math.nan, "0.1", None)),
        (LevenbergMarquardt, "factor", (0.5, math.inf, math.nan, "2", None)),
        (LevenbergMarquardt, "minimum", (0, -1, math.nan, "2", None)),
    ],
)
def test_wrong_settings_are_refused_by_name(kind, name, values):
    right = {"learning_rate": 0.1} if kind is DiagonalGaussNewton else {}
    for value in values:
        with pytest.raises(SettingError, match=rf"^{name}: expected a"):
            kind(**{**right, name: value})
