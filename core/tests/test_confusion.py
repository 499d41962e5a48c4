import numpy as np
import pytest

from chainrule import SettingError, ShapeError, TargetError, confusion_matrix


def counted(targets, decisions, m):
    table = [[0] * m for _ in range(m)]
    for true, decided in zip(targets, decisions, strict=True):
        table[true][decided] += 1
    return table


@pytest.mark.parametrize("m", [1, 2, 7])
def test_it_counts_as_a_loop_does(m):
    rng = np.random.default_rng(m)
    targets, decisions = rng.integers(m, size=(2, 100))
    assert confusion_matrix(targets, decisions, m).tolist() == counted(targets.tolist(), decisions.tolist(), m)


def test_rows_are_the_true_class_and_columns_the_decision():
    assert confusion_matrix([2, 2, 0], [1, 1, 0], 3).tolist() == [[1, 0, 0], [0, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
def test_small_integers_do_not_overflow(dtype):
    targets, decisions = np.array([99, 99, 3], dtype), np.array([99, 7, 98], dtype)
    matrix = confusion_matrix(targets, decisions, 100)
    assert matrix.dtype == np.int64
    assert {tuple(place): int(matrix[tuple(place)]) for place in np.argwhere(matrix)} == {
        (3, 98): 1,
        (99, 7): 1,
        (99, 99): 1,
    }


def test_classes_that_never_came_have_rows_of_zeros():
    assert confusion_matrix([1], [1], 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert confusion_matrix(np.empty(0, int), np.empty(0, int), 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("targets", "decisions", "error", "message"),
    [
        (
            [0, 1, 3],
            [0, 1, 2],
            TargetError,
            "^targets: expected classes 0 to 2, got 3 at 2; classes count from 0",
        ),
        ([0, 1, 2], [0, -1, 2], TargetError, "^decisions: expected classes 0 to 2, got -1 at 1"),
        ([0.0, 1.0], [0, 1], TargetError, r"^targets: expected integer classes, got float64; targets.astype\(int\)"),
        ([0, 1], [True, False], TargetError, "^decisions: expected integer classes, got bool"),
        ([[0], [1]], [0, 1], TargetError, r"^targets: expected \(N,\), got \(2, 1\); reshape\(-1\)"),
        ([0, 1], [[0, 1], [1, 0]], TargetError, r"^decisions: expected \(N,\), got \(2, 2\); argmax\(axis=1\)"),
        ([0, 1], [0, 1, 2], ShapeError, r"^decisions: expected \(2,\), got \(3,\); one decision for each target"),
    ],
)
def test_what_are_no_classes_is_refused(targets, decisions, error, message):
    with pytest.raises(error, match=message):
        confusion_matrix(targets, decisions, 3)


def test_a_number_of_classes_is_a_positive_int():
    with pytest.raises(SettingError, match="classes: expected a positive int, got 0"):
        confusion_matrix([], [], 0)
