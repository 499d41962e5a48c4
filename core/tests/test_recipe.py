import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule import (
    Chain,
    ChainruleError,
    Concat,
    Dataset,
    Elementwise,
    Layer,
    Loss,
    Network,
    Optimizer,
    PluginError,
    Recipe,
    RecipeError,
    Residual,
    Schedule,
    UnknownNameError,
    positive_real,
    read_recipe,
)
from chainrule.recipe import targets_for
from chainrule.recipe_tables import build_layer, build_loss, layer_table, loss_table

TEXT = """
[data]
use = "made_count"
size = 10

[network]
layers = [
  { use = "made_affine", units = 3 },
  "made_bend",
  { use = "made_affine", units = 1 },
]
dtype = "float64"

[training]
loss = "made_squared"
optimizer = { use = "sgd", learning_rate = 0.001 }
batch_size = 4
epochs = 2
seed = 3
"""


@pytest.fixture
def recipe(family, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT, encoding="utf-8")
    return read_recipe(path)


def with_layer(recipe, **table):
    layers = [*recipe.table["network"]["layers"], table]
    return Recipe({**recipe.table, "network": {"layers": layers}}, recipe.folder)


# What a recipe may say


def test_a_recipe_builds_what_it_says(recipe, family):
    assert recipe.layers() == [family.Affine(3), family.Bend(), family.Affine(1)]
    assert recipe.loss() == family.Squared()
    assert recipe.optimizer() == chainrule.SGD(0.001)
    assert recipe.hooks() == []
    assert (recipe.seed, recipe.dtype) == (3, "float64")
    parts = recipe.dataset()
    assert (parts.x.shape, parts.x_test.shape) == ((8, 2), (2, 2))
    network = recipe.network(parts)
    assert (network.input_shape, network.output_shape, network.seed) == ((2,), (1,), 3)
    assert network.dtype == np.float64


def test_a_recipe_trains_as_the_same_calls_do(recipe, family):
    parts = recipe.dataset()
    network = recipe.network(parts)
    history = recipe.train(network, parts)
    twin = Network([family.Affine(3), family.Bend(), family.Affine(1)], 2, seed=3, dtype=np.float64)
    expected = chainrule.train(
        twin,
        parts.x,
        parts.y[:, np.newaxis],
        loss=family.Squared(),
        optimizer=chainrule.SGD(0.001),
        batch_size=4,
        epochs=2,
        seed=3,
        test=(parts.x_test, parts.y_test[:, np.newaxis]),
    )
    assert history == expected
    assert history[-1].e_out is not None
    np.testing.assert_array_equal(network.theta, twin.theta)


def test_a_seed_and_a_dtype_need_not_be_given(recipe):
    table = {**recipe.table, "network": {"layers": ["made_bend"]}, "training": {**recipe.table["training"]}}
    del table["training"]["seed"]
    assert (Recipe(table).seed, Recipe(table).dtype) == (0, "float32")


def test_the_data_are_split_by_the_seed_of_the_training_unless_they_have_their_own(recipe):
    def rows(recipe):
        return recipe.dataset().x_test[:].tolist()

    recipe = recipe.override("data.size=100")
    assert rows(recipe) != rows(recipe.override("training.seed=4"))
    assert rows(recipe.override("training.seed=4")) == rows(recipe.override("data.seed=4"))


def test_hooks_come_from_the_recipe_and_from_the_call(recipe, family):
    recipe = recipe.override('training.hooks=[{use="made_stop", epochs=2}]').override("training.epochs=5")
    assert recipe.hooks() == [family.StopAfter(2)]
    parts = recipe.dataset()
    assert recipe.train(recipe.network(parts), parts).stopped == "2 epochs are enough"
    stopped_earlier = recipe.train(recipe.network(parts), parts, hooks=[family.StopAfter(1)])
    assert (len(stopped_earlier), stopped_earlier.stopped) == (1, "1 epochs are enough")


def test_hooks_are_built_for_each_run(recipe):
    recipe = recipe.override('training.hooks=[{use="made_stop", epochs=2}]')
    assert recipe.hooks()[0] is not recipe.hooks()[0]


def test_targets_become_a_column_for_one_score(family):
    y, loss = np.arange(3.0), family.Squared()
    assert targets_for(Network([family.Affine(1)], 2), loss, y).shape == (3, 1)
    assert targets_for(Network([family.Affine(2)], 2), loss, y) is y
    assert targets_for(Network([family.Affine(1)], 2), loss, None) is None


# Reading


def test_a_missing_file_is_told_with_its_path(tmp_path):
    with pytest.raises(RecipeError, match=r"^recipe .*nowhere\.toml: no such file"):
        read_recipe(tmp_path / "nowhere.toml")
    with pytest.raises(RecipeError, match=r"^recipe .*: "):
        read_recipe(tmp_path)


@pytest.mark.parametrize(
    "text, reason",
    [
        (b"[data\nuse = 3", r"Expected .* \(at line 1, column 6\)"),
        (b"a = 1\na = 2", r"Cannot overwrite a value"),
        (b"a = '\xff'", "'utf-8' codec can't decode"),
        (b"a = 1" + b"0" * 5000, "Exceeds the limit"),
    ],
    ids=["array", "twice", "bytes", "digits"],
)
def test_broken_toml_is_told_with_path_and_line(tmp_path, text, reason):
    path = tmp_path / "broken.toml"
    path.write_bytes(text)
    with pytest.raises(RecipeError, match=rf"^recipe .*broken\.toml: {reason}") as caught:
        read_recipe(str(path))
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("levels", [99, 10_000])
def test_a_recipe_that_is_nested_too_deeply_is_refused(tmp_path, levels):
    (tmp_path / "deep.toml").write_text("network.layers = " + "[" * levels + "]" * levels)
    with pytest.raises(RecipeError, match="recipe"):
        read_recipe(tmp_path / "deep.toml")


def test_a_recipe_has_a_hundred_levels_at_most():
    layers = []
    for _ in range(97):
        layers = [layers]
    assert Recipe({"network": {"layers": layers}})
    with pytest.raises(RecipeError, match="recipe: expected tables and lists of at most 100 levels, got more"):
        Recipe({"network": {"layers": [layers]}})


# Keys


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("trainig.epochs=1", r"^trainig: unknown key; did you mean training\?$"),
        ("zzz=1", r"^zzz: unknown key; the keys here are data, network, training, prefer, modules, versions$"),
        ("training.epoch=1", r"^training\.epoch: unknown key; did you mean epochs\?$"),
        ("training.zzz=1", r"^training\.zzz: unknown key; the keys here are loss, optimizer, batch_size, epochs, seed"),
        ("network.layer=[]", r"^network\.layer: unknown key; did you mean layers\?$"),
    ],
)
def test_an_unknown_key_is_told_with_near_ones(recipe, assignment, message):
    with pytest.raises(RecipeError, match=message):
        recipe.override(assignment)


@pytest.mark.parametrize(
    "section, use",
    [
        ("network", lambda recipe: recipe),
        ("data", lambda recipe: recipe.dataset()),
        ("training", lambda recipe: recipe.loss()),
        ("training", lambda recipe: recipe.optimizer()),
        ("training", lambda recipe: recipe.hooks()),
    ],
)
def test_a_missing_section_is_told_where_it_is_needed(recipe, section, use):
    table = {key: value for key, value in recipe.table.items() if key != section}
    with pytest.raises(RecipeError, match=rf"^{section}: missing key; the keys here are data, network, training"):
        use(Recipe(table))


def test_a_network_alone_is_a_recipe(recipe):
    alone = Recipe({"network": recipe.table["network"]}).resolved()
    assert len(alone.layers()) == 3
    assert (alone.seed, alone.dtype, alone.input_shape) == (0, "float64", None)


def test_an_input_shape_must_be_that_of_the_data(recipe):
    dataset = recipe.dataset()
    assert recipe.override("network.input_shape=[2]").input_shape == (2,)
    assert recipe.override("network.input_shape=[2]").network(dataset).input_shape == (2,)
    message = r"^network\.input_shape: expected \(2,\), the shape of the data, got \(3,\)$"
    with pytest.raises(RecipeError, match=message):
        recipe.override("network.input_shape=[3]").network(dataset)


@pytest.mark.parametrize("shape", ["[-1]", "[2.5]", "['a']"])
def test_an_input_shape_that_is_none_is_told(recipe, shape):
    with pytest.raises(RecipeError, match=r"^network\.input_shape: expected "):
        _ = recipe.override(f"network.input_shape={shape}").input_shape


def test_the_versions_are_those_of_numpy_chainrule_and_every_distribution_that_is_used(recipe, install):
    install("made-other", {"layers": {"made_other": "math:sqrt"}}, version="7.5")
    installed = {"chainrule": chainrule.__version__, "numpy": np.__version__}
    found = recipe.versions()
    assert found.items() >= installed.items()
    assert "made-other" not in found
    within = with_layer(recipe, use="residual", inner={"use": "made_other"})
    assert within.versions() == dict(sorted({**found, "made-other": "7.5"}.items()))
    install("made-rates", {"schedules": {"made_rate": "math:sqrt"}}, version="0.2")
    optimizer = {"use": "sgd", "learning_rate": {"use": "made_rate"}}
    scheduled = Recipe({**recipe.table, "training": {**recipe.table["training"], "optimizer": optimizer}})
    assert scheduled.versions() == dict(sorted({**found, "made-rates": "0.2"}.items()))
    alone = Recipe({"network": {"layers": ["made_other"]}, "versions": {"numpy": "0"}})
    assert alone.versions() == {**installed, "made-other": "7.5"}


def test_the_versions_have_what_makes_the_bits_of_a_distribution(recipe, install):
    requires = ["Made.Kernels>=2; python_version > '3'", 'made-extra; extra == "more"', "made-nowhere"]
    metadata = "Metadata-Version: 2.1\nName: made-fast\nVersion: 1.0\n"
    install("made-kernels", {}, version="3.1")
    install("made-extra", {}, version="0.5")
    install(
        "made-fast",
        {"layers": {"made_fast": "math:sqrt"}, "hooks": {"made_look": "math:sqrt"}},
        metadata=metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
    )
    found = recipe.versions()
    assert "pluggy" not in found  # chainrule's own, which turns no bit
    faster = with_layer(recipe, use="made_fast").versions()
    assert faster == dict(sorted({**found, "made-fast": "1.0", "made-kernels": "3.1"}.items()))
    watched = Recipe({**recipe.table, "training": {**recipe.table["training"], "hooks": ["made_look"]}})
    assert watched.versions() == dict(sorted({**found, "made-fast": "1.0"}.items()))


@pytest.mark.parametrize(
    "section, key",
    [
        ("data", "use"),
        ("network", "layers"),
        ("training", "loss"),
        ("training", "optimizer"),
        ("training", "batch_size"),
        ("training", "epochs"),
    ],
)
def test_a_missing_key_is_told(recipe, section, key):
    table = {**recipe.table, section: {k: v for k, v in recipe.table[section].items() if k != key}}
    with pytest.raises(RecipeError, match=rf"^{section}\.{key}: missing key; the keys here are "):
        Recipe(table)


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("data=3", "^data: expected a table, got 3$"),
        ("network=[]", r"^network: expected a table, got \[\]$"),
        ("prefer=made-wave", "^prefer: expected a list, got 'made-wave'$"),
        ("data.use=5", r"^data\.use: expected a string, got 5$"),
        ("network.layers=made_bend", r"^network\.layers: expected a list, got 'made_bend'$"),
        ("network.dtype=32", r"^network\.dtype: expected a string, got 32$"),
        ("training.epochs='2'", r"^training\.epochs: expected a whole number, got '2'$"),
        ("training.epochs=2.0", r"^training\.epochs: expected a whole number, got 2\.0$"),
        ("training.epochs=true", r"^training\.epochs: expected a whole number, got True$"),
        ("training.batch_size=1.5", r"^training\.batch_size: expected a whole number or a string, got 1\.5$"),
        ("training.loss=3", r"^training\.loss: expected a string or a table, got 3$"),
        ("training.seed=x", r"^training\.seed: expected a whole number, got 'x'$"),
        ("training.hooks=made_stop", r"^training\.hooks: expected a list, got 'made_stop'$"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_path(recipe, assignment, message):
    with pytest.raises(RecipeError, match=message):
        recipe.override(assignment)


# Settings


@pytest.mark.parametrize(
    "table, message",
    [
        ({"use": "made_affine", "units": "64"}, r"^network\.layers\[3\]\.units: expected a positive int, got '64'$"),
        ({"use": "made_affine", "units": True}, r"^network\.layers\[3\]\.units: expected a positive int, got True$"),
        ({"use": "made_affine"}, r"^network\.layers\[3\]\.units: made_affine needs this setting; made_affine takes"),
        ({"use": "made_affine", "unit": 3}, r"^network\.layers\[3\]\.unit: .* no such setting; did you mean units\?$"),
        ({"units": 3}, r'^network\.layers\[3\]: expected a name, or a table with a name under "use", got '),
        ({"use": 3}, r"^network\.layers\[3\]: expected a name, or a table"),
        ({"use": "chainrule:Chain", "layers": []}, r"^network\.layers\[3\]\.layers: expected at least one layer"),
        ({"use": "chainrule:Residual", "inner": {"units": 3}}, r"^network\.layers\[3\]\.inner: expected a name, or a"),
        ({"use": "chainrule:Residual", "inner": "relu"}, r"^network\.layers\[3\]\.inner: expected a Layer, got 'relu'"),
        (
            {"use": "chainrule:Chain", "layers": [{"use": "made_bend"}, {"use": "made_affine", "units": 0}]},
            r"^network\.layers\[3\]\.layers\[1\]\.units: expected a positive int, got 0$",
        ),
        (
            {"use": "chainrule:Chain", "layers": {"use": "made_bend"}},
            r"^network\.layers\[3\]\.layers: expected ",
        ),
    ],
)
def test_a_wrong_setting_is_told_with_its_path(recipe, table, message):
    recipe = with_layer(recipe, **table)
    with pytest.raises(RecipeError, match=message):
        recipe.layers()


def test_a_wrong_setting_of_a_module_s_class_is_told_with_its_path(recipe, family):
    recipe = with_layer(recipe, use=f"{family.Affine.__module__}:Affine", units=3.0)
    with pytest.raises(RecipeError, match=r"^network\.layers\[3\]\.units: expected a positive int, got 3\.0$") as e:
        recipe.network(Dataset(np.ones((4, 2)), np.ones(4)))
    assert isinstance(e.value.__cause__, chainrule.SettingError)


@pytest.mark.parametrize(
    "assignment, build, message",
    [
        ("training.optimizer=sgd", "optimizer", r"^training\.optimizer\.learning_rate: sgd needs this setting"),
        (
            "training.optimizer.learning_rate=x",
            "optimizer",
            r"^training\.optimizer\.learning_rate: expected a positive",
        ),
        ("training.loss={use='made_squared', margin=1}", "loss", r"^training\.loss\.margin: made_squared has no such"),
        ("training.hooks=[{use='made_stop'}]", "hooks", r"^training\.hooks\[0\]\.epochs: made_stop needs this setting"),
        ("data.sise=3", "dataset", r"^data\.sise: made_count has no such setting; did you mean size\?$"),
        ("data.split=sorted", "dataset", r"^data\.split: expected one of 'stratified', "),
        (
            "data.test_fraction=2",
            "dataset",
            r"^data\.test_fraction: expected a finite number above 0 and below 1, got 2$",
        ),
        ("data.prefer=['made-up-family']", "dataset", r"^data\.prefer: "),
        ("training.seed=-1", "dataset", r"^training\.seed: expected an int of at least 0, got -1$"),
        ("data.seed=-1", "dataset", r"^data\.seed: expected an int of at least 0, got -1$"),
        ("prefer=[3]", "layers", r"^prefer"),
    ],
)
def test_a_wrong_setting_of_a_section_is_told_with_its_path(recipe, assignment, build, message):
    with pytest.raises(RecipeError, match=message):
        getattr(recipe.override(assignment), build)()


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("training.batch_size=half", r"^training\.batch_size: expected 'all' or a positive int, got 'half'$"),
        ("training.batch_size=0", r"^training\.batch_size: expected 'all' or a positive int, got 0$"),
        ("training.epochs=0", r"^training\.epochs: expected a positive int, got 0$"),
        ("training.shards=0", r"^training\.shards: expected 'auto' or a positive int, got 0$"),
        ("network.dtype=float16", r"^network\.dtype: expected float32 or float64, got 'float16'$"),
        ("training.loss=made_sqared", r"^training\.loss: no plug-in offers 'made_sqared' in losses"),
        ("training.optimizer.learning_rate=-1", r"^training\.optimizer\.learning_rate: expected a positive number"),
        ("network.layers[0].units=0", r"^network\.layers\[0\]\.units: expected a positive int, got 0$"),
        ("training.hooks=[{use='made_stop', epoch=2}]", r"^training\.hooks\[0\]\.epoch: made_stop has no such"),
        ("training.hooks=['made_sleep']", r"^training: hook Sleep has no method of a hook"),
    ],
)
def test_what_shows_without_the_data_is_told_without_them(recipe, install, assignment, message):
    install("made-up-sleep", {"hooks": {"made_sleep": "Sleep"}}, "class Sleep:\n    pass\n")
    with pytest.raises(chainrule.ChainruleError, match=message):
        recipe.override(assignment).check()


def test_a_recipe_that_is_right_is_checked_without_its_data(recipe):
    assert recipe.override("data.size=-1").check() is None


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("training.batch_size=9", r"^training\.batch_size: expected 'all' or an int from 1 to 8, .*, got 9$"),
        ("network.layers=[]", r"^network\.layers: expected at least one layer"),
    ],
)
def test_what_shows_with_the_data_alone_is_told_with_its_path(recipe, assignment, message):
    def run(recipe):
        parts = recipe.dataset()
        recipe.train(recipe.network(parts), parts)

    with pytest.raises(RecipeError, match=message):
        run(recipe.override(assignment))


@pytest.mark.parametrize(
    "assignment, build, message",
    [
        (
            "network.layers=[{use='made_afine'}]",
            "layers",
            r"^network\.layers\[0\]: no plug-in offers 'made_afine' in lay",
        ),
        ("training.loss=made_sqared", "loss", r"^training\.loss: no plug-in offers 'made_sqared' in losses; did you"),
        ("training.optimizer=sdg", "optimizer", r"^training\.optimizer: no plug-in offers 'sdg' in .*mean sgd\?"),
        ("training.hooks=['made_stopp']", "hooks", r"^training\.hooks\[0\]: no plug-in offers 'made_stopp' in hooks"),
        ("data.use=made_cont", "dataset", r"^data: no plug-in offers 'made_cont' in data; did you mean made_count"),
    ],
)
def test_an_unknown_name_is_told_with_its_path(recipe, assignment, build, message):
    with pytest.raises(UnknownNameError, match=message) as caught:
        getattr(recipe.override(assignment), build)()
    assert caught.value.known


def test_the_path_of_an_unknown_layer_is_the_same_when_the_network_is_built(recipe):
    with pytest.raises(UnknownNameError, match=r"^network\.layers\[0\]: no plug-in offers 'made_afine'"):
        recipe.override("network.layers=['made_afine']").network(recipe.dataset())


def test_a_plug_in_that_fails_is_told_with_its_path_and_its_cause(recipe, install):
    install("made-crash", {"layers": {"made_crash": "Wave"}}, "raise RuntimeError('no compiler')")
    with pytest.raises(PluginError, match=r"^network\.layers\[3\]: layer 'made_crash' of made-crash 1\.0 ") as caught:
        with_layer(recipe, use="made_crash").layers()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_preference_settles_a_name_of_two_distributions(recipe, install, family):
    path = f"{family.Bend.__module__}:"
    install("made-up-other", {"layers": {"made_bend": f"{path}Affine"}, "losses": {"made_squared": f"{path}Squared"}})
    with pytest.raises(PluginError, match=r"^network\.layers\[1\]: 'made_bend' in layers is offered by .* and .*; "):
        recipe.layers()
    with pytest.raises(PluginError, match=r"^training\.loss: 'made_squared' in losses is offered by"):
        recipe.loss()
    chosen = recipe.override('prefer=["made-up-family"]')
    assert chosen.layers()[1] == family.Bend()
    assert chosen.loss() == family.Squared()
    other = chosen.override('prefer=["made-up-other"]').override('network.layers=[{use="made_bend", units=2}]')
    assert other.layers() == [family.Affine(2)]
    assert with_layer(chosen, use="made-up-other:made_bend", units=2).layers()[3] == family.Affine(2)


# Tables inside settings


@dataclass(frozen=True)
class Slope(Schedule):
    height: float

    def __post_init__(self):
        positive_real("height", self.height)

    def rate(self, step):
        return self.height


@dataclass(frozen=True)
class Mixed(Optimizer):
    rate: float | Schedule = 0.1
    inner: Optimizer | None = None
    layers: tuple[Layer, ...] = ()
    loss: "Loss | None" = None
    more: Any = None

    def step(self, theta, gradient, state, context):
        pass


class Constructed(Optimizer):
    def __init__(self, *losses: Loss, rate: "Schedule"):
        self.losses, self.rate = losses, rate

    def step(self, theta, gradient, state, context):
        pass


@dataclass(frozen=True)
class Unresolved(Elementwise):
    inner: "NameForTypeCheckersAlone"  # noqa: F821 - that is the case

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)


def with_optimizer(recipe, name, **settings):
    training = {**recipe.table["training"], "optimizer": {"use": f"{__name__}:{name}", **settings}}
    return Recipe({**recipe.table, "training": training}, recipe.folder)


SLOPE = {"use": f"{__name__}:Slope", "height": 2.0}


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"rate": 0.5}, lambda family: Mixed(0.5)),
        ({"rate": SLOPE}, lambda family: Mixed(Slope(2.0))),
        ({"inner": {"use": "sgd", "learning_rate": SLOPE}}, lambda family: Mixed(inner=chainrule.SGD(Slope(2.0)))),
        ({"inner": {"use": f"{__name__}:Mixed", "inner": {}}}, lambda family: Mixed(inner=Mixed())),
        ({"layers": [{"use": "made_bend"}]}, lambda family: Mixed(layers=(family.Bend(),))),
        ({"loss": {"use": "made_squared"}}, lambda family: Mixed(loss=family.Squared())),
        ({"more": {"use": "sgd", "learning_rate": 1.0}}, lambda family: Mixed(more=chainrule.SGD(1.0))),
    ],
)
def test_a_table_is_what_the_annotation_of_its_setting_says(recipe, family, settings, expected):
    assert with_optimizer(recipe, "Mixed", **settings).optimizer() == expected(family)


def test_a_constructor_s_annotations_count_as_a_dataclass_s_do(recipe, family):
    found = with_optimizer(recipe, "Constructed", losses=[{"use": "made_squared"}], rate=SLOPE).optimizer()
    assert (found.losses, found.rate) == ((family.Squared(),), Slope(2.0))


def test_where_annotations_cannot_be_resolved_a_table_is_of_the_kind_around_it(recipe, family):
    inner = {"use": f"{__name__}:Unresolved", "inner": {"use": "made_bend"}}
    layers = with_layer(recipe, use=f"{__name__}:Unresolved", inner=inner).layers()
    assert layers[3] == Unresolved(Unresolved(family.Bend()))


@pytest.mark.parametrize(
    "settings, path, message",
    [
        ({"rate": {**SLOPE, "height": 0}}, "rate.height", "expected a finite number above 0, got 0"),
        ({"rate": {**SLOPE, "hight": 1.0}}, "rate.hight", ".* no such setting; did you mean height"),
        ({"rate": {"use": "sgd", "learning_rate": 0.1}}, "rate", "no plug-in offers 'sgd' in schedules"),
        ({"rate": {"height": 1.0}}, "rate", 'expected a name, or a table with a name under "use", got'),
        ({"inner": {"use": "sgd", "learning_rate": {**SLOPE, "height": -1}}}, "inner.learning_rate.height", "expected"),
        ({"layers": [{"use": "made_affine", "units": 0}]}, "layers[0].units", "expected a positive int, got 0"),
    ],
)
def test_a_wrong_table_inside_settings_is_told_with_its_path(recipe, settings, path, message):
    with pytest.raises(ChainruleError, match=rf"^training\.optimizer\.{re.escape(path)}: {message}"):
        with_optimizer(recipe, "Mixed", **settings).optimizer()


# Overriding


@pytest.mark.parametrize(
    "assignment, keys, value",
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        (" training.epochs = 5 ", ("training", "epochs"), 5),
        ("training.batch_size=all", ("training", "batch_size"), "all"),
        ('training.batch_size="all"', ("training", "batch_size"), "all"),
        ("training.optimizer.learning_rate=0.5", ("training", "optimizer", "learning_rate"), 0.5),
        ("data.scale=1e-3", ("data", "scale"), 0.001),
        ("data.shape=[2, 1]", ("data", "shape"), [2, 1]),
        ("data.header=true", ("data", "header"), True),
        ("data.label=a = b", ("data", "label"), "a = b"),
        ("data.options.deep=1", ("data", "options", "deep"), 1),
        ("training.loss={use='made_squared'}", ("training", "loss"), {"use": "made_squared"}),
        ('prefer=["made-wave"]', ("prefer",), ["made-wave"]),
    ],
)
def test_an_override_sets_one_key(recipe, assignment, keys, value):
    before = json.dumps(recipe.table)
    found = recipe.override(assignment).table
    for key in keys:
        found = found[key]
    assert found == value
    assert json.dumps(recipe.table) == before


def test_an_override_keeps_the_folder_and_the_other_keys(recipe):
    changed = recipe.override("training.epochs=5")
    assert changed.folder == recipe.folder
    assert changed.override("training.epochs=2") == recipe


@pytest.mark.parametrize("assignment", ["training.epochs", "", "=5", ".epochs=5", "training.=5", "training..epochs=5"])
def test_an_override_that_cannot_be_read_is_refused(recipe, assignment):
    with pytest.raises(RecipeError, match=r"^override '.*'; write section\.key=value, such as training\.epochs=5$"):
        recipe.override(assignment)


def test_an_override_below_a_value_is_refused(recipe):
    with pytest.raises(
        RecipeError, match=r"^override .*: no 'margin' in training\.loss: expected a table, got 'made_squared'$"
    ):
        recipe.override("training.loss.margin=2")


def test_a_path_that_is_given_here_is_relative_to_here(recipe, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    (here / "rows.json").write_text("[]", encoding="utf-8")
    monkeypatch.chdir(here)
    recipe = recipe.override("data.use=made_rows")
    assert recipe.override("data.path=rows.json").table["data"]["path"] == str(here / "rows.json")
    assert recipe.override("data.path=nowhere.json").table["data"]["path"] == "nowhere.json"


@pytest.mark.parametrize("assignment", ["data.use=made_rows", "data.label=made_rows"])
def test_a_string_that_is_no_path_stays_when_a_file_has_its_name(recipe, tmp_path, monkeypatch, assignment):
    monkeypatch.chdir(tmp_path)
    recipe = recipe.override("data.use=made_rows")
    Path("made_rows").write_text("[]", encoding="utf-8")
    key = assignment.partition("=")[0].removeprefix("data.")
    assert recipe.override(assignment).table["data"][key] == "made_rows"


# Paths


def test_paths_are_relative_to_the_recipe(recipe, tmp_path, monkeypatch):
    (tmp_path / "rows.json").write_text(json.dumps([[i, i + 1, i + 2] for i in range(10)]), encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = {"use": "made_rows", "path": "rows.json", "label": "rows.json", "split": "ordered"}
    recipe = Recipe({**recipe.table, "data": data}, recipe.folder)
    assert recipe.dataset().x.shape == (8, 2)
    resolved = recipe.resolved()
    assert resolved.table["data"] == {**data, "path": str(tmp_path / "rows.json")}
    assert resolved.resolved() == resolved
    assert Recipe(resolved.table, tmp_path / "elsewhere").dataset().x.shape == (8, 2)
    assert recipe.table["data"]["path"] == "rows.json"


@dataclass(frozen=True)
class Diary:
    """A hook that writes a file."""

    path: Path | str
    title: str = "path"

    def chainrule_epoch_ended(self):
        pass


def test_paths_of_hooks_are_relative_to_the_recipe_too(recipe, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    hooks = [{"use": f"{__name__}:Diary", "path": "log"}, {"use": f"{__name__}:Diary", "path": "/log", "title": "x"}]
    recipe = Recipe({**recipe.table, "training": {**recipe.table["training"], "hooks": hooks}}, recipe.folder)
    expected = [Diary(tmp_path / "log"), Diary(Path("/log"), "x")]
    assert recipe.hooks() == expected
    resolved = recipe.resolved()
    assert [hook["path"] for hook in resolved.table["training"]["hooks"]] == [str(hook.path) for hook in expected]
    assert resolved.resolved() == resolved
    assert Recipe(resolved.table, tmp_path / "elsewhere").hooks() == expected


def test_data_are_read_where_a_hook_is_not_installed(recipe):
    hooks = [{"use": "unknown", "path": "log"}]
    recipe = Recipe({**recipe.table, "training": {**recipe.table["training"], "hooks": hooks}}, recipe.folder)
    assert len(recipe.dataset().x)


def test_an_optional_path_is_a_path(recipe, tmp_path):
    recipe = recipe.override("data.use=made_rows").override("data.path=a.json").override("data.extra=b.json")
    assert recipe.resolved().table["data"]["extra"] == str(tmp_path / "b.json")


def test_a_path_is_a_string(recipe):
    recipe = recipe.override("data.use=made_rows").override("data.path=3")
    with pytest.raises(RecipeError, match=r"^data\.path: expected a path, got 3$"):
        recipe.dataset()


# A layer as a table, and back


@dataclass(frozen=True)
class Nowhere(Elementwise):
    """Registered by nobody; its setting may be None, which is not the default."""

    limit: float | None = 1.0
    window: tuple | None = None
    inner: Layer | None = None
    count: int = 0

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)


def round_trips(layer):
    table = json.loads(json.dumps(layer_table(layer)))  # what a file can hold
    found = build_layer(table)
    assert found == layer
    assert type(found) is type(layer)
    return table


def test_a_registered_layer_goes_by_its_name(family):
    assert round_trips(family.Affine(3)) == {"use": "made_affine", "units": 3}
    assert round_trips(family.Bend(0.25, 2.0, (1, 2))) == {
        "use": "made_bend",
        "slope": 0.25,
        "limit": 2.0,
        "sizes": [1, 2],
    }


def test_a_layer_that_nobody_registers_goes_by_its_module():
    assert round_trips(Nowhere(2.0)) == {"use": f"{__name__}:Nowhere", "limit": 2.0, "count": 0}


@pytest.mark.parametrize(
    "settings",
    [
        {"limit": None},
        {"limit": None, "window": ()},
        {"window": (1, (2, 3), "x", None, True)},
        {"window": ((None, 0.5), ())},
        {"inner": Nowhere(None)},
        {"inner": Nowhere(inner=Nowhere(0.125, (Nowhere(), None)))},
        {"limit": 0.1 + 0.2, "count": 2**70},
    ],
)
def test_settings_come_back_as_they_were(settings):
    found = build_layer(json.loads(json.dumps(layer_table(Nowhere(**settings)))))
    assert found == Nowhere(**settings)
    assert repr(found) == repr(Nowhere(**settings))  # which tells 1 from True and from 1.0


@pytest.mark.parametrize(
    "wrap",
    [
        lambda layer: Residual(layer),
        lambda layer: Chain(layer),
        lambda layer: Chain(layer, Nowhere(None), layer),
        lambda layer: Concat(layer, layer),
        lambda layer: Residual(Chain(Concat(layer, Nowhere()), Residual(Nowhere(inner=layer)))),
    ],
)
def test_compositions_come_back_as_they_were(family, wrap):
    round_trips(wrap(family.Affine(2)))


def test_layers_of_a_recipe_come_back_as_they_were(recipe):
    tables = [layer_table(layer) for layer in recipe.layers()]
    assert Recipe({**recipe.table, "network": {"layers": tables}}).layers() == recipe.layers()


def test_a_name_of_two_distributions_is_written_with_its_own(family, install):
    module = family.Affine.__module__
    install("made-up-other", {"layers": {"made_affine": f"{module}:Bend", "made_bend": f"{module}:Bend"}})
    assert layer_table(family.Affine(2))["use"] == "made-up-family:made_affine"
    round_trips(family.Affine(2))
    round_trips(family.Bend(0.25))


def test_a_layer_is_written_though_another_of_its_distribution_fails(family, install):
    install("made-crash", {"layers": {"made_a_crash": f"{family.Affine.__module__}:Missing"}})
    assert round_trips(family.Affine(2))["use"] == "made_affine"


def test_writing_a_layer_imports_no_other_distribution(family, install):
    module = install("made-wave", {"layers": {"made_a_wave": "Wave"}}, "raise RuntimeError('loaded')")
    assert layer_table(family.Affine(2)) == {"use": "made_affine", "units": 2}
    assert module not in sys.modules


def test_a_table_that_is_no_layer_is_refused(family):
    with pytest.raises(RecipeError, match=r'^layer: expected a name, or a table with a name under "use", got \{\}$'):
        build_layer({})
    with pytest.raises(RecipeError, match=r"^layer\.units: expected a positive int, got '64'$"):
        build_layer({"use": "made_affine", "units": "64"})


def test_a_loss_goes_to_a_table_and_back(recipe):
    loss = recipe.loss()
    assert loss_table(loss) == {"use": "made_squared"}
    assert build_loss(loss_table(loss)) == build_loss("made_squared") == loss


def test_a_loss_that_is_no_dataclass_has_no_table(recipe):
    class Plain(chainrule.Loss):
        def value(self, scores, targets): ...
        def gradient(self, scores, targets): ...

    with pytest.raises(
        chainrule.SettingError, match=r"^loss: expected a frozen dataclass, whose fields are its settings"
    ):
        loss_table(Plain())
