import numpy as np
import pytest

from chainrule import (
    TargetError,
    binary_targets,
    class_targets,
    distribution_targets,
    real_targets,
    sign_targets,
)
from chainrule.functions.targets import FEW

SCORES = np.zeros((3, 1), np.float32)
FOUR = np.zeros((3, 4), np.float32)


@pytest.mark.parametrize(
    ("check", "scores", "targets", "message"),
    [
        (real_targets, SCORES, None, "toy targets: expected one for each sample, got None"),
        (real_targets, SCORES, [1, 2, 3], r"toy targets: expected \(3, 1\), got \(3,\); .* targets.reshape\(-1, 1\)"),
        (real_targets, SCORES[:, 0], [[1], [2], [3]], r"expected \(3,\), got \(3, 1\); .*targets.reshape\(-1\)"),
        (real_targets, SCORES, [[1], [2]], r"expected \(3, 1\), got \(2, 1\); one target for each score"),
        (
            real_targets,
            SCORES,
            [["a"], ["b"], ["c"]],
            r"expected real numbers, got <U1; classes, targets = np\.unique\(",
        ),
        (real_targets, SCORES, [[1j], [2], [3]], "expected real numbers, got complex128"),
        (binary_targets, SCORES, [[0], [2], [1]], r"expected 0, 1, or a probability between, got 2.0 at \(1, 0\)"),
        (binary_targets, SCORES, [[0], [1], [-1]], r"got -1.0 at \(2, 0\); for -1 and 1 use signed_logistic"),
        (binary_targets, SCORES, [[0], [np.nan], [1]], r"got nan at \(1, 0\)"),
        (sign_targets, SCORES, [[1], [0], [-1]], r"expected -1 or 1, got 0.0 at \(1, 0\); for 0 and 1 use logistic"),
        (sign_targets, SCORES, [[1], [1], [np.nan]], r"got nan at \(2, 0\)"),
        (class_targets, FOUR, [0, 1, 4], r"expected classes 0 to 3, got 4 at 2; classes count from 0, .*np\.unique\("),
        (class_targets, FOUR, [0, -1, 3], "expected classes 0 to 3, got -1 at 1"),
        (class_targets, FOUR, [0.0, 1.0, 2.0], r"expected integer classes, got float64; targets.astype\(int\)"),
        (class_targets, FOUR, [True, False, True], r"expected integer classes, got bool; targets.astype\(int\)$"),
        (class_targets, FOUR, [0.5, 1.0, 2.0], "integer classes, got float64; for real numbers, use a loss such as sq"),
        (
            class_targets,
            FOUR,
            ["a", "b", "a"],
            r"got <U1; classes, targets = np.unique\(targets, return_inverse=True\)",
        ),
        (class_targets, FOUR, [None, "b", 1], r"got object; classes, targets = np.unique\(targets, return_inverse"),
        (class_targets, FOUR, [[0], [1], [2]], r"expected \(3,\), got \(3, 1\); targets.reshape\(-1\)"),
        (class_targets, FOUR, [0, 1], r"expected \(3,\), got \(2,\); one class for each row"),
        (class_targets, FOUR[0], [0], r"toy scores: expected \(B, m\), got \(4,\)"),
        (distribution_targets, FOUR, np.full((3, 4), 0.3), "rows that sum to 1, got a sum of 1.2.* at 0"),
        (distribution_targets, FOUR, np.full((3, 2), 0.5), r"expected \(3, 4\), got \(3, 2\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused(check, scores, targets, message):
    with pytest.raises(TargetError, match=message):
        check("toy", scores, targets)


@pytest.mark.parametrize(
    ("check", "scores", "targets", "hint"),
    [
        (real_targets, SCORES, [1, 2, 3], "one target for each score, and as many scores as targets"),
        (binary_targets, SCORES, [[1], [2], [1]], "classes = true under [data] numbers two other labels 0 and 1"),
        (sign_targets, SCORES, [[1], [0], [-1]], "for 0 and 1 use logistic"),
        (class_targets, FOUR, [1, 2, 4], "classes = true under [data] counts labels so, whatever they are"),
        (class_targets, FOUR, [0.0, 1.0, 2.0], "classes = true under [data] makes classes of labels; for real numbers"),
        (class_targets, FOUR, [[0], [1], [2]], "one class for each sample"),
        (distribution_targets, FOUR, np.full((3, 4), 0.3), "divide each row by its sum"),
    ],
)
def test_a_recipe_s_user_is_not_told_to_write_python(check, scores, targets, hint):
    with pytest.raises(TargetError) as caught:
        check("toy", scores, targets)
    told = str(caught.value.for_recipe())
    assert hint in told
    assert "targets." not in told
    assert "np." not in told


@pytest.mark.parametrize("labels", [["b", "a", "b"], [3, 1, 3], [2.5, 1.0, 2.5]])
def test_what_python_is_told_to_write_makes_targets(labels):
    classes, targets = np.unique(labels, return_inverse=True)
    assert class_targets("toy", FOUR, targets).tolist() == [1, 0, 1]
    assert len(classes) == 2


def test_good_targets_come_back_in_the_scores_dtype():
    for check, targets in (
        (real_targets, [[7], [8], [9]]),
        (binary_targets, [[0], [1], [0.3]]),
        (sign_targets, [[1], [-1], [1]]),
    ):
        assert check("toy", SCORES, targets).dtype == np.float32
    assert class_targets("toy", FOUR, np.array([0, 3, 1], np.uint8)).tolist() == [0, 3, 1]
    assert distribution_targets("toy", FOUR, np.full((3, 4), 0.25)).shape == (3, 4)


def test_targets_are_not_copied_without_need():
    targets = np.zeros((3, 1), np.float32)
    assert real_targets("toy", SCORES, targets) is targets


@pytest.mark.parametrize("size", [4, FEW, FEW + 1, 200])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_classes_are_known_in_batches_of_any_size(size, dtype):
    scores, good = np.zeros((size, 4)), np.arange(size).astype(dtype) % 4
    assert class_targets("toy", scores, good) is good
    for wrong in [4, *[-1] * (np.dtype(dtype).kind == "i")]:
        bad = good.copy()
        bad[2] = wrong
        with pytest.raises(TargetError, match=f"expected classes 0 to 3, got {wrong} at 2"):
            class_targets("toy", scores, bad)


def test_no_targets_of_no_classes_are_classes():
    assert class_targets("toy", np.zeros((0, 0)), np.zeros(0, int)).size == 0
    with pytest.raises(TargetError, match="expected classes 0 to -1, got 0 at 0"):
        class_targets("toy", np.zeros((1, 0)), np.zeros(1, int))


@pytest.mark.parametrize("size", [4, FEW, FEW + 1, 200])
def test_binary_targets_are_known_in_batches_of_any_size(size):
    good = (np.arange(size) % 2).astype(np.float32)[:, None]
    assert binary_targets("toy", good, good) is good
    for wrong in [2, -1, 1 + 1e-6, -1e-9, np.nan, np.inf, -np.inf]:
        bad = good.copy()
        bad[3] = wrong
        with pytest.raises(TargetError, match=r"a probability between, got .* at \(3, 0\)"):
            binary_targets("toy", bad, bad)
    good[3] = 0.25
    assert binary_targets("toy", good, good) is good
