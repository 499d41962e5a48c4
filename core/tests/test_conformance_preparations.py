"""Cases of preparations: what a case may declare, whose fault a failure is, and what wants a case."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from chainrule import Preparation, SettingError
from chainrule.conformance import PreparationCase, check
from chainrule.conformance.resolve import find_target
from chainrule.registry import Entry, Registry


@dataclass(frozen=True)
class Lowest(Preparation):
    """Numbers less the smallest one."""

    def fit(self, rows, columns):
        return replace(self, state=float(rows.min()))

    def merge(self, later):
        return replace(self, state=min(self.state, later.state))

    def apply(self, rows, columns):
        return rows - self.state


def draw(rng, B):
    return rng.normal(size=(B, 2))


def result_of(report, check_id):
    return next(result for result in report.results if result.check_id == check_id)


def test_a_right_one_conforms_and_reports_what_it_was_asked():
    report = check(PreparationCase("lowest", Lowest(), draw))
    assert report.ok, report
    assert "on an array" in str(report)
    assert result_of(report, "preparation.refuses").status == "not_applicable"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preparation": Lowest}, "case low: preparation: expected a Preparation that has not learned yet, got"),
        ({"preparation": Lowest(state=1.0)}, "case low: preparation: expected a Preparation that has not learned yet"),
        ({"rows": [[1, 2]]}, "case low: rows: expected a function \\(rng, B\\), got"),
        ({"reference": 1}, "case low: reference: expected a function"),
    ],
)
def test_a_case_that_is_none_is_refused(changes, message):
    with pytest.raises(SettingError, match=message):
        PreparationCase(**{"id": "low", "preparation": Lowest(), "rows": draw, **changes})


@pytest.mark.parametrize(
    ("changes", "check_id", "message"),
    [
        ({"rows": lambda rng, B: 1 / 0}, "preparation.runs", r"rows\(rng, 24\) of the case raised ZeroDivisionError"),
        ({"rows": lambda rng, B: [[1.0, 2.0]]}, "preparation.runs", r"rows\(rng, 24\) of the case returned 1 rows"),
        (
            {"refused": [[[1.0]]]},
            "preparation.refuses",
            r"refused\[0\] of the case has rows of \(1,\), rows\(rng, B\) \(2,\)",
        ),
        ({"reference": lambda x, rows: 1 / 0}, "preparation.reference", "the reference of the case raised ZeroDiv"),
    ],
)
def test_a_case_that_cannot_be_used_is_at_fault(changes, check_id, message):
    report = check(PreparationCase(**{"id": "low", "preparation": Lowest(), "rows": draw, **changes}))
    result = result_of(report, check_id)
    assert result.status == "error"
    assert np.all([part in result.message for part in message.replace("\\", "").split(", ")])


@dataclass(frozen=True)
class Silent(Lowest):
    def fit(self, rows, columns):
        return None


@dataclass(frozen=True)
class Short(Lowest):
    def apply(self, rows, columns):
        return rows[:1] - self.state


@dataclass(frozen=True)
class Blank(Lowest):
    def fit(self, rows, columns):
        return self

    def merge(self, later):
        return self

    def apply(self, rows, columns):
        return rows * 2


@dataclass(frozen=True)
class Tuples(Lowest):
    def fit(self, rows, columns):
        return replace(self, state=(float(rows.min()), 0))

    def merge(self, later):
        return min(self, later, key=lambda own: own.state)

    def apply(self, rows, columns):
        return rows - self.state[0]


@dataclass(frozen=True)
class Falls(Lowest):
    def apply(self, rows, columns):
        return rows - {}["mean"] if np.isnan(rows).any() else rows - self.state

    def fit(self, rows, columns):
        return replace(self, state=rows.max())


@pytest.mark.parametrize(
    ("preparation", "check_id", "message"),
    [
        (Silent(), "preparation.runs", "fit, merge or finish returned NoneType, expected a Preparation"),
        (Short(), "preparation.runs", "apply of 24 rows is float64 (1, 2), expected 24 samples of numbers"),
        (Blank(), "preparation.files", "the state is None after fit: that says that nothing was learned"),
        (Tuples(), "preparation.files", "after a file: use lists and names that are strings"),
        (Falls(), "preparation.refuses", "fit takes refused[0]; expected a DataError"),
    ],
)
def test_a_failure_says_what_is_wrong(preparation, check_id, message):
    report = check(PreparationCase("wrong", preparation, draw, refused=[[[1, np.nan]]]))
    result = result_of(report, check_id)
    assert (result.status, message in result.message) == ("failed", True), result


def test_a_preparation_without_a_case_is_unchecked_and_one_by_itself_wants_a_case():
    entry = Entry("preparations", "lowest", f"{__name__}:Lowest", "made-lowest", "1.0")
    source = Registry(lambda: [entry])
    source._loaded[entry] = Lowest
    assert find_target("made-lowest", source).unchecked == ("preparation made-lowest:lowest",)
    assert find_target("lowest", source).unchecked == ("preparation made-lowest:lowest",)
    with pytest.raises(SettingError, match=r"expected a case of the preparation, .*PreparationCase\(\"name\""):
        find_target("chainrule_data:TablePreparation")
