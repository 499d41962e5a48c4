"""A validation part in training, and networks that are cross-validated."""

import math
import re

import numpy as np
import pytest

import chainrule
from chainrule import (
    SGD,
    ChainruleWarning,
    DataError,
    Dataset,
    EpochRecord,
    Evaluation,
    History,
    Network,
    Recipe,
    RecipeError,
    SettingError,
    ShapeError,
    cross_validate,
    evaluate,
    train,
)
from chainrule_affine import Affine, AffineReLU, Dropout
from chainrule_data.table_preparation import TablePreparation
from chainrule_losses import CrossEntropy

RNG = np.random.default_rng(2)
X = RNG.normal(size=(30, 4))
T = X[:, :3].argmax(axis=1)
VALIDATION = X[:7], T[:7]
SETTINGS = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 5, "epochs": 3}


def network():
    return Network([AffineReLU(6), Dropout(0.2), Affine(3)], 4)


def test_e_validation_is_the_mean_at_the_epoch_s_end_and_changes_no_bit_of_the_run():
    seen = []

    class Look:
        def chainrule_training_started(self, run):
            seen.append((run.has_validation, run.has_test, list(run.work.parts)))

    net, without = network(), network()
    history = train(net, X, T, **SETTINGS, test=(X, T), validation=VALIDATION, hooks=[Look()])
    other = train(without, X, T, **SETTINGS, test=(X, T), hooks=[Look()])
    np.testing.assert_array_equal(net.theta, without.theta)
    assert [(record.e_in, record.e_out) for record in history] == [(record.e_in, record.e_out) for record in other]
    assert history[-1].e_validation == evaluate(net, *VALIDATION, CrossEntropy())
    assert other[-1].e_validation is None
    assert history != other
    assert seen == [(True, True, ["training", "validation", "test"]), (False, True, ["training", "test"])]
    assert [*history[0].evaluations] == ["E_in", "E_val", "E_out"]


def test_a_validation_part_has_weights_of_its_own():
    weights, net = np.array([0, 0, 1, 2, 0, 0, 0.5]), network()
    history = train(net, X, T, **SETTINGS, validation=(*VALIDATION, weights))
    assert history[-1].e_validation == evaluate(net, *VALIDATION, CrossEntropy(), sample_weight=weights)
    assert history[-1].e_in == evaluate(net, X, T, CrossEntropy(), sample_weight=np.ones(30))


def test_class_weights_weigh_all_parts_alike():
    net, weights = network(), {0: 1.0, 1: 3.0, 2: 0.5}
    history = train(net, X, T, **SETTINGS, validation=VALIDATION, class_weight=weights)
    own = np.array([weights[c] for c in T[:7]])
    assert history[-1].e_validation == evaluate(net, *VALIDATION, CrossEntropy(), sample_weight=own)


@pytest.mark.parametrize(
    "given, error, message",
    [
        (
            X,
            SettingError,
            r"^validation: expected a pair \(x, targets\), or \(x, targets, sample weights\), got 'ndarr",
        ),
        ((X,), SettingError, r"^validation: expected a pair"),
        ((X, T[:3]), DataError, "^validation data: expected 30 targets, one for each sample, got 3"),
        ((X[:, :2], T), ShapeError, r"^validation data: expected \(N, 4\), got \(30, 2\)"),
        ((X[:0], T[:0]), DataError, "^validation data: expected at least one sample, got none"),
        ((*VALIDATION, np.ones(3)), DataError, "^validation weights: expected 7 numbers, one for each sample"),
        ((*VALIDATION, -np.ones(7)), DataError, "^validation weights, row 0: expected numbers from 0 on, got -1"),
    ],
)
def test_what_cannot_be_a_validation_part_is_refused_before_the_first_step(given, error, message):
    net = network()
    before = net.theta.copy()
    with pytest.raises(error, match=message):
        train(net, X, T, **SETTINGS, validation=given)
    np.testing.assert_array_equal(net.theta, before)


def test_the_line_of_an_epoch_has_e_val_and_fits_into_80_columns(capsys):
    train(network(), X, T, **{**SETTINGS, "epochs": 1000}, validation=VALIDATION, test=(X, T), verbose=True)
    lines = capsys.readouterr().out.splitlines()
    number = r" +\d+\.\d+ +\d+\.\d\d%"
    assert re.fullmatch(rf"epoch    1/1000  E_in{number}  E_val{number}  E_out{number}", lines[0])
    assert max(map(len, lines)) <= 80


def test_a_notebook_s_table_has_e_val_where_there_is_one():
    history = train(network(), X, T, **SETTINGS, validation=VALIDATION)
    table = history._repr_html_()
    assert [table.index(name) for name in ("E_in: loss", "E_val: loss", "E_out: loss")] == sorted(
        table.index(name) for name in ("E_in: loss", "E_val: loss", "E_out: loss")
    )
    assert f"{history[-1].e_validation.error:.2%}" in table


RECIPE = {
    "data": {"use": "digits", "test_fraction": 0.3},
    "network": {"layers": [{"use": "flatten"}, {"use": "affine", "units": 10}]},
    "training": {
        "loss": "cross_entropy",
        "optimizer": {"use": "sgd", "learning_rate": 0.1},
        "batch_size": 100,
        "epochs": 2,
        "seed": 3,
    },
}


def recipe(**data):
    return Recipe({**RECIPE, "data": {**RECIPE["data"], **data}})


def trained(own):
    dataset = own.dataset()
    net = own.network(dataset)
    return dataset, net, own.train(net, dataset)


def test_a_recipe_holds_a_validation_part_back():
    dataset, net, history = trained(recipe(validation_fraction=0.1))
    _, _, whole = trained(recipe())
    assert (len(dataset.x), len(dataset.x_validation), len(dataset.x_test)) == (1132, 126, 539)
    assert history[-1].e_validation == evaluate(net, dataset.x_validation, dataset.y_validation, CrossEntropy())
    assert whole[-1].e_validation is None
    assert chainrule.dataset("digits", validation_fraction=0.5).x_validation.shape == (719, 8, 8, 1)


@pytest.mark.parametrize(
    "data, message",
    [
        ({"validation_fraction": 2}, r"^data\.validation_fraction: expected a finite number of at least 0 and below 1"),
        ({"validation_fraction": "x"}, r"^data\.validation_fraction: expected"),
        ({"fold": 5}, r"^data\.fold: expected which fold it is, from 1, and of how many, such as \[1, 5\], got 5"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place_in_the_recipe(data, message):
    with pytest.raises(RecipeError, match=message):
        recipe(**data).dataset()


# Cross-validation


def fit(data):
    net = Network([Affine(3)], 4)
    return train(net, data.x, data.y, **SETTINGS, test=(data.x_test, data.y_test))


def test_mean_and_standard_error_are_those_of_the_folds():
    found = cross_validate(fit, Dataset(X, T), 4)
    losses, errors = zip(*((e.loss, e.error) for e in found.evaluations), strict=True)
    assert found.mean.loss == pytest.approx(sum(losses) / 4)
    spread = math.sqrt(sum((loss - found.mean.loss) ** 2 for loss in losses) / 3)
    assert found.standard_error.loss == pytest.approx(spread / 2)
    assert found.mean.error == pytest.approx(sum(errors) / 4)
    error = found.standard_error
    text = f"loss {found.mean.loss:.5f} ± {error.loss:.5f}, error {found.mean.error:.2%} ± {error.error:.2%}"
    assert str(found) == text


def test_each_fold_is_trained_without_the_rows_that_it_is_tested_on():
    parts = []
    cross_validate(lambda data: parts.append(data) or fit(data), Dataset(X, T), 3, validation_fraction=0.2)
    assert len(parts) == 3
    tested = np.concatenate([part.x_test for part in parts])
    assert {row.tobytes() for row in tested} == {row.tobytes() for row in X}
    for part in parts:
        own = [{row.tobytes() for row in x} for x, _ in part.parts.values()]
        assert len(own) == 3
        assert len(set.union(*own)) == sum(map(len, own)) == 30


def test_it_follows_its_seed():
    found = [cross_validate(fit, Dataset(X, T), 3, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_what_is_learned_from_data_is_learned_from_each_fold_s_training_part():
    learned = []
    table = TablePreparation(standardize=True)
    cross_validate(
        lambda data: learned.append((data.preparation, data.x)) or fit(data), Dataset(X, T), 3, preparation=table
    )
    assert table.state is None
    assert len({repr(preparation.state) for preparation, _ in learned}) == 3
    for _, x in learned:
        np.testing.assert_allclose(np.asarray(x).mean(axis=0), 0, atol=1e-12)


def test_the_epoch_whose_parameters_are_kept_counts():
    history = History([EpochRecord(i, Evaluation(0.0, None), Evaluation(float(i), None), 0.1) for i in (1, 2, 3)])
    history.best = history[1]
    found = cross_validate(lambda data: history, Dataset(X, T), 2)
    assert found.evaluations == (Evaluation(2.0, None),) * 2
    assert (found.mean, found.standard_error) == (Evaluation(2.0, None), Evaluation(0.0, None))
    assert str(found) == "loss 2.00000 ± 0.00000"


def test_a_recipe_s_folds_are_recipes():
    own = recipe(validation_fraction=0.1)
    histories = [trained(fold)[2] for fold in own.folds(3)]
    found = own.cross_validate(3)
    assert found.evaluations == tuple(history[-1].e_out for history in histories)
    assert [fold.table["data"]["fold"] for fold in own.folds(3)] == [[1, 3], [2, 3], [3, 3]]
    assert sum(len(fold.dataset().x_test) for fold in own.folds(3)) == 1797
    assert "fold" not in own.table["data"]


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((fit, Dataset(X, T), 1), SettingError, "^folds: expected an int of at least 2, got 1"),
        ((fit, Dataset(X, T), 2.0), SettingError, "^folds: expected an int of at least 2, got 2.0"),
        ((fit, Dataset(X, T), 31), DataError, "^fold: expected a row or more for each of 31 folds, got 30 rows"),
        (
            (None, Dataset(X, T)),
            SettingError,
            "^fit: expected a function of a data set, which returns a History, got No",
        ),
        ((fit, X), SettingError, r"^dataset: expected a Dataset: Dataset\(x, y\), got 'ndarray'"),
        (
            (lambda data: 0.5, Dataset(X, T)),
            SettingError,
            r"^what fit returns: expected the History of a training, got 'float'; return train\(…, test=\(data",
        ),
        (
            (lambda data: train(Network([Affine(3)], 4), data.x, data.y, **SETTINGS), Dataset(X, T)),
            SettingError,
            "^what fit returns: expected the History of a training, got 'one without E_out'",
        ),
    ],
)
def test_what_cannot_be_cross_validated_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        cross_validate(*arguments)


def test_a_setting_that_prepare_does_not_have_is_refused():
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'folder'"):
        cross_validate(fit, Dataset(X, T), folder=3)


def test_a_preparation_that_has_seen_the_rows_is_told():
    seen = chainrule.data.prepare(Dataset(X, T), preparation=TablePreparation(standardize=True), split="none")
    with pytest.warns(ChainruleWarning, match=r"^cross_validate: what the preparation of the data set has learned"):
        cross_validate(fit, seen, 2)


@pytest.mark.parametrize("folds", [1, 0, True, "5"])
def test_a_recipe_refuses_folds_that_are_none(folds):
    with pytest.raises(SettingError, match=r"^folds: expected an int of at least 2, got"):
        recipe().folds(folds)


def test_a_recipe_of_windows_of_a_text_has_no_folds():
    own = recipe(use="text")
    del own.table["data"]["test_fraction"]
    message = r"^data\.fold: expected none: text splits the data itself, and makes no such part, got \[1, 2\]"
    with pytest.raises(RecipeError, match=message):
        own.cross_validate(2)
