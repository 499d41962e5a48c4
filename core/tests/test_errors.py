import copy
import pickle

import numpy as np
import pytest

from chainrule import History, errors
from chainrule.errors import (
    ChainruleError,
    ChainruleWarning,
    CheckpointError,
    DataError,
    DefinitionError,
    DivergenceError,
    PluginError,
    RecipeError,
    SettingError,
    ShapeError,
    SizeError,
    TargetError,
    UnknownNameError,
    UnsupportedError,
)

EXAMPLES = {
    ShapeError: (
        ValueError,
        ShapeError("affine", expected=("B", 3), got=(2, 4), hint="give 3 columns"),
        "affine: expected (B, 3), got (2, 4); give 3 columns",
    ),
    SettingError: (
        ValueError,
        SettingError("units", expected="a positive int", got="64"),
        "units: expected a positive int, got '64'",
    ),
    TargetError: (
        ValueError,
        TargetError("squared targets", expected=(2, 1), got=(2,), hint="targets.reshape(-1, 1)"),
        "squared targets: expected (2, 1), got (2,); targets.reshape(-1, 1)",
    ),
    SizeError: (
        MemoryError,
        SizeError("a dense Jacobian", bytes_needed=12345, limit=1000, hint="use vjp"),
        "a dense Jacobian: expected at most 1,000 bytes, got about 12,345 bytes; use vjp",
    ),
    UnsupportedError: (
        NotImplementedError,
        UnsupportedError("Hinge() has no second derivative", hint="define hessian"),
        "Hinge() has no second derivative; define hessian",
    ),
    DefinitionError: (
        TypeError,
        DefinitionError("layer class Half has no derivative", hint="define jacobian"),
        "layer class Half has no derivative; define jacobian",
    ),
    PluginError: (
        ImportError,
        PluginError("layer 'wave'", expected="a subclass of Layer", got="3", hint="update it"),
        "layer 'wave': expected a subclass of Layer, got 3; update it",
    ),
    UnknownNameError: (
        LookupError,
        UnknownNameError("no plug-in offers 'wav'", near=["wave"], known=["tide", "wave"], hint="did you mean wave?"),
        "no plug-in offers 'wav'; did you mean wave?",
    ),
    RecipeError: (
        ValueError,
        RecipeError("training.epochs", expected="a whole number", got="'ten'"),
        "training.epochs: expected a whole number, got 'ten'",
    ),
    DataError: (
        ValueError,
        DataError("x, row 3", expected="a finite number", got=float("nan")),
        "x, row 3: expected a finite number, got nan",
    ),
    CheckpointError: (
        ValueError,
        CheckpointError("run1/checkpoint.safetensors", expected="its own checksum", got="another", hint="resume"),
        "run1/checkpoint.safetensors: expected its own checksum, got another; resume",
    ),
    DivergenceError: (
        ArithmeticError,
        DivergenceError(
            epoch=2, batch=5, loss=float("inf"), largest=1234.5, theta=np.ones(2), state=np.ones(3), history=History()
        ),
        "epoch 2, batch 5: expected a finite loss, got inf with a largest |θ| of 1.23e+03; lower the learning rate "
        "or scale the data; network.state = error.state goes back to the last good epoch",
    ),
}

every_error = pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)


def test_the_examples_are_all_errors_that_there_are():
    found = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ChainruleError)}
    assert found == {ChainruleError, *EXAMPLES}


@every_error
def test_an_error_is_caught_as_ours_and_as_the_built_in(kind):
    built_in, error, text = EXAMPLES[kind]
    assert issubclass(kind, ChainruleError)
    with pytest.raises(built_in, match=r"\w") as caught:
        raise error
    assert str(caught.value) == text


@every_error
def test_an_error_survives_pickle_and_copy(kind):
    error = EXAMPLES[kind][1]
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert repr(vars(twin)) == repr(vars(error))


def test_the_parts_of_a_message_are_attributes():
    error = ShapeError("affine", expected=("B", 3), got=(2, 4), hint="give 3 columns")
    assert (error.where, error.expected, error.got, error.hint) == ("affine", ("B", 3), (2, 4), "give 3 columns")


def test_a_recipe_s_hint_takes_the_place_of_python_s():
    error = DataError("x", hint="x.astype(int)", recipe_hint="scale = 1")
    assert str(error) == "x; x.astype(int)"
    assert error.for_recipe() is error
    assert str(error) == "x; scale = 1"
    assert str(DataError("x", hint="mend it").for_recipe()) == "x; mend it"
    assert str(DataError("x", hint="x.astype(int)", recipe_hint="").for_recipe()) == "x"


def test_a_part_that_is_missing_leaves_no_trace():
    assert str(ChainruleError("here")) == "here"
    assert str(ChainruleError("here", hint="go there")) == "here; go there"
    assert str(ChainruleError("here", expected="a cat", got="a dog")) == "here: expected a cat, got a dog"
    assert str(ChainruleError("here", expected="a cat")) == "here: expected a cat, got None"


@pytest.mark.parametrize("shape, shown", [((), "()"), ((3,), "(3,)"), (("B", 3), "(B, 3)"), ("real", "real")])
def test_a_shape_is_shown_as_docstrings_write_it(shape, shown):
    assert str(ShapeError("x", expected=shape, got=shape)) == f"x: expected {shown}, got {shown}"


def test_a_place_goes_in_front_and_keeps_the_rest():
    error = PluginError("hook Log", expected="an object", got="a class")
    assert error.within("training") is error
    assert error.where == "training: hook Log"
    assert str(pickle.loads(pickle.dumps(error))) == "training: hook Log: expected an object, got a class"


def test_facts_are_attributes():
    size, unknown, diverged = (EXAMPLES[kind][1] for kind in (SizeError, UnknownNameError, DivergenceError))
    assert (size.bytes_needed, size.limit) == (12345, 1000)
    assert (unknown.near, unknown.known) == (("wave",), ("tide", "wave"))
    assert (diverged.epoch, diverged.batch, diverged.loss, diverged.largest) == (2, 5, float("inf"), 1234.5)
    np.testing.assert_array_equal(diverged.theta, [1, 1])
    assert diverged.history == History()


@pytest.mark.parametrize("module", ["chainrule.made_up", "chainrule_made_up.deep"])
def test_a_warning_is_said_at_the_line_that_called(module):
    """However deep within chainrule, or a plug-in, it comes from."""
    scope = {"__name__": module, "warn": errors.warn}
    exec("def outer():\n    inner()\ndef inner():\n    warn('odd')\n", scope)
    with pytest.warns(ChainruleWarning, match=r"^odd$") as said:
        scope["outer"]()
    assert [warning.filename for warning in said] == [__file__]
