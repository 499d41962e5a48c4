"""`save` and `load`."""

import re
import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
import safetensors.numpy

import chainrule_runs
from chainrule import (
    Chain,
    CheckpointError,
    Concat,
    Elementwise,
    Graph,
    Loss,
    Network,
    PluginError,
    Residual,
    SettingError,
    layer,
    loss,
    read_recipe,
    registry,
)
from chainrule.conformance import LayerCase
from chainrule.conformance.resolve import find_target
from chainrule.functions.layers import integers_of
from chainrule_runs import RunFolder
from chainrule_runs.saved import open_saved

CASES = [case for case in find_target().cases if isinstance(case, LayerCase)]


def sample(case, dtype=np.float32):
    rng = np.random.default_rng(3)
    integers = integers_of(case.layer, len(case.input_shape) if case.several else 1)

    def drawn(shape, domain, integer):
        low, high = domain or (-1, 1)
        return rng.integers(low, high, (5, *shape)) if integer else rng.uniform(low, high, (5, *shape)).astype(dtype)

    if not case.several:
        return drawn(case.input_shape, case.domain, integers[0])
    domains = case.domain or [None] * len(integers)
    each = zip(case.input_shape, domains, integers, strict=True)
    names = case.layer.inputs if isinstance(case.layer, Graph) else map(str, range(len(integers)))
    return {name: drawn(*one) for name, one in zip(names, each, strict=True)}


def network_of(case, dtype):
    """The network of a layer alone; one of several inputs is the node of a graph."""
    if not case.several:
        return Network(case.layer, case.input_shape, seed=7, dtype=dtype)
    names = [str(i) for i in range(len(case.input_shape))]
    whole = isinstance(case.layer, Graph)
    graph = case.layer if whole else Graph(("y", case.layer, *names), inputs=names)
    names = graph.inputs
    return Network(graph, dict(zip(names, case.input_shape, strict=True)), seed=7, dtype=dtype)


def moved(network):
    """The network, with other parameters than those of its start."""
    network.theta = np.random.default_rng(2).normal(size=network.theta.size)
    return network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_layer_predicts_the_same_bits_after_it_was_loaded(tmp_path, case, dtype):
    network = moved(network_of(case, dtype))
    chainrule_runs.save(tmp_path / "net", network)
    loaded = chainrule_runs.load(tmp_path / "net")
    assert loaded.layers == network.layers
    assert [type(one) for one in loaded.layers] == [type(one) for one in network.layers]
    assert (loaded.dtype, loaded.input_shape) == (network.dtype, network.input_shape)
    assert loaded.theta.tobytes() == network.theta.tobytes()
    x = sample(case, dtype)
    np.testing.assert_equal(loaded.predict(x), network.predict(x))


def test_the_cases_are_of_every_layer_that_is_installed():
    kinds = {type(case.layer) for case in CASES}
    for entry in registry.default.entries("layers"):
        assert registry.default.load(entry) in kinds, entry


def test_compositions_of_compositions_come_back(tmp_path):
    inner = Chain(layer("affine_relu", units=4), Residual(layer("affine", units=4)))
    network = moved(
        Network(
            [Concat(inner, layer("tanh"), Residual(inner)), layer("dropout", rate=0.5), layer("affine", units=2)], 4
        )
    )
    chainrule_runs.save(tmp_path / "net", network)
    loaded = chainrule_runs.load(tmp_path / "net")
    assert loaded.layers == network.layers
    assert dict(loaded.slices) == dict(network.slices)
    assert loaded.theta.tobytes() == network.theta.tobytes()


def test_any_reader_of_safetensors_finds_the_parameters_by_name(tmp_path):
    network = moved(Network([layer("flatten"), layer("affine", units=3)], (2, 2)))
    chainrule_runs.save(str(tmp_path / "deep" / "net"), network)
    arrays = safetensors.numpy.load_file(tmp_path / "deep" / "net" / "parameters.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {"1.W": (3, 4), "1.b": (3,)}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, network.parameters[name])
    assert {path.name for path in (tmp_path / "deep" / "net").iterdir()} == {"parameters.safetensors", "recipe.toml"}


# Layers and losses of the user's own


@dataclass(frozen=True)
class Bent(Elementwise):
    slope: float = 0.5
    between: tuple[Elementwise, ...] = ()

    def forward(self, x):
        return x + self.slope * x * x

    def derivative(self, x, y):
        return 1 + 2 * self.slope * x


@dataclass(frozen=True)
class Forgetful(Elementwise):
    """It keeps another setting than the one that it is given."""

    slope: float = 0.5

    def __post_init__(self):
        object.__setattr__(self, "slope", self.slope + 1)

    def forward(self, x):
        return x * self.slope

    def derivative(self, x, y):
        return self.slope + 0 * x


@dataclass(frozen=True)
class Secret(Bent):
    hidden: object = field(default=None)


@dataclass(frozen=True)
class Weighted(Loss):
    weights: object = 1.0

    def value(self, scores, targets):
        return (self.weights * (scores - targets) ** 2).sum(axis=1)

    def gradient(self, scores, targets):
        return 2 * self.weights * (scores - targets)


def test_a_layer_and_a_loss_of_ones_own_come_back(tmp_path):
    network = moved(Network([layer("affine", units=1), Bent(0.25, (layer("tanh"), Bent()))], 2))
    chainrule_runs.save(tmp_path / "net", network, loss=Weighted(3.0))
    saved = open_saved(tmp_path / "net")
    assert saved.network.layers == network.layers
    assert saved.loss == Weighted(3.0)
    x = np.ones((2, 2))
    np.testing.assert_array_equal(saved.network.predict(x), network.predict(x))


def local():
    @dataclass(frozen=True)
    class Local(Elementwise):
        def forward(self, x):
            return x

        def derivative(self, x, y):
            return 1 + 0 * x

    return Local()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Secret(hidden=np.ones(2)), "layer 1, Secret(slope=0.5, between=(), hidden=array([1., 1.])), cannot"),
        (lambda: Secret(hidden=lambda x: x), "layer 1, Secret(slope=0.5, between=(), hidden=<function"),
        (local, "layer 1, local.<locals>.Local(), cannot be said in a recipe: "),
        (Forgetful, "layer 1, Forgetful(slope=1.5), comes out of a recipe as another: expected "),
    ],
)  # fmt: skip
def test_a_layer_that_a_recipe_cannot_say_is_refused_and_nothing_is_written(tmp_path, make, message):
    network = Network([layer("tanh"), make()], 2)
    with pytest.raises(SettingError, match=f"^{re.escape(message)}"):
        chainrule_runs.save(tmp_path / "net", network)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"network": "net"}, "network: expected a Network, got 'net'"),
        ({"loss": "logistic"}, "loss: expected a Loss, or None, got 'logistic'"),
        ({"loss": Weighted(np.ones(1))}, "loss, Weighted(weights=array([1.])), cannot be said in a recipe"),
        ({"classes": "ab"}, "classes: expected a list of names, one for each class, got 'ab'"),
        ({"classes": [0, 1]}, "classes: expected a list of names, one for each class, got [0, 1]"),
        ({"classes": ["a", "b", "a"]}, "classes: expected names that differ, got ('a', 'b', 'a')"),
        ({"classes": 2}, "classes: expected a list of names, one for each class, got 2"),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path, changes, message):
    settings = {"network": Network(layer("affine", units=2), 2), **changes}
    with pytest.raises(SettingError, match=f"^{re.escape(message)}"):
        chainrule_runs.save(tmp_path / "net", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_written_twice(tmp_path):
    network = Network(layer("affine", units=2), 2)
    chainrule_runs.save(tmp_path / "net", network)
    with pytest.raises(SettingError, match="folder: expected one without a run"):
        chainrule_runs.save(tmp_path / "net", network)


@pytest.mark.parametrize("name", ["parameters.safetensors", "history.jsonl", "history.png", "checkpoint-2.safetensors"])
def test_a_folder_with_files_of_those_names_is_left_alone(name, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(SettingError, match=f"it has {name}; name another"):
        chainrule_runs.save(tmp_path, Network(layer("affine", units=2), 2))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("path", ["a\0b", "", 3, None, b"net"])
def test_what_is_no_path_is_refused(path, folder, recipe):
    opened = read_recipe(recipe())
    before = set(folder.rglob("*"))
    for use in (
        lambda: chainrule_runs.save(path, Network(layer("affine", units=2), 2)),
        lambda: chainrule_runs.load(path),
        lambda: RunFolder.start(path, opened),
        lambda: RunFolder.resume(path),
    ):
        with pytest.raises(SettingError, match=re.escape(f"folder: expected the path of a folder, got {path!r}")):
            use()
    assert set(folder.rglob("*")) == before


# What does not fit


@pytest.fixture
def net(tmp_path):
    layers = [layer("affine_relu", units=4), layer("affine", units=2)]
    chainrule_runs.save(tmp_path / "net", moved(Network(layers, 3)), loss=loss("cross_entropy"))
    return tmp_path / "net"


def edit(folder, old, new):
    text = (folder / "recipe.toml").read_text()
    assert old in text
    (folder / "recipe.toml").write_text(text.replace(old, new, 1))


DIFFER = "the recipe's network and the file differ: expected"
ANOTHER = "parameters.safetensors belongs to another network than recipe.toml"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("units = 4", "units = 5", f"parameter '0.W': {DIFFER} (5, 3), got (4, 3)"),
        ("units = 2", "units = 3", f"parameter '1.W': {DIFFER} (3, 4), got (2, 4)"),
        ("    3,", "    7,", f"parameter '0.W': {DIFFER} (4, 7), got (4, 3)"),
        ("layers = [", 'layers = [ "tanh",', f"parameter '1.W': {DIFFER} (4, 3), got (2, 4)"),
        ("float32", "float64", "parameter '0.W': expected float64, got float32"),
        ("affine_relu", "affine", ANOTHER),
        ("he", "glorot", ANOTHER),
    ],
)
def test_a_recipe_of_another_network_is_refused(net, old, new, message):
    edit(net, old, new)
    with pytest.raises(CheckpointError, match=re.escape(message)):
        chainrule_runs.load(net)


@pytest.mark.parametrize(
    "units, message",
    [
        ([4, 2, 2], f"parameter '2.W': {DIFFER} (2, 2), got none"),
        ([4], f"parameter '1.W': {DIFFER} no such parameter, got (2, 4)"),
    ],
)
def test_parameters_that_only_one_of_the_two_has_are_named(net, tmp_path, units, message):
    chainrule_runs.save(tmp_path / "other", Network([layer("affine", units=n) for n in units], 3))
    shutil.copy(tmp_path / "other" / "recipe.toml", net)
    with pytest.raises(CheckpointError, match=re.escape(message)):
        chainrule_runs.load(net)


@pytest.mark.parametrize("name", ["recipe.toml", "parameters.safetensors"])
def test_a_folder_without_one_of_the_two_is_told(net, name):
    (net / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        chainrule_runs.load(net)


@pytest.mark.parametrize(
    "distributions", [["chainrule-affine"], ["chainrule-affine", "chainrule-losses"], ["chainrule-losses"]]
)
def test_a_plug_in_that_is_missing_is_named_with_the_command_that_brings_it(net, uninstall, distributions):
    uninstall(*distributions)
    with pytest.raises(PluginError) as error:
        chainrule_runs.load(net)
    folders = [r"\S*/plugins/" + distribution.removeprefix("chainrule-") for distribution in distributions]
    assert re.search(f"pip install {' '.join(folders)}$", str(error.value)), error.value
    assert "no plug-in offers" in str(error.value)


@pytest.mark.parametrize("metadata", [b"", b"Name: made-wave\n", b"Name: made-wave\nAuthor: J\xfcrgen\n"])
def test_a_plug_in_whose_metadata_are_damaged_is_named_like_one_that_is_missing(net, tmp_path, monkeypatch, metadata):
    info = tmp_path / "site" / "made_wave-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_bytes(metadata)
    monkeypatch.syspath_prepend(info.parent)
    edit(net, "[versions]\n", '[versions]\nmade-wave = "1.0"\n')
    edit(net, 'use = "affine_relu", units = 4, start = "he"', 'use = "made_wave"')
    with pytest.raises(PluginError, match=r"no plug-in offers 'made_wave' in layers; pip install made-wave$"):
        chainrule_runs.load(net)


def test_a_module_that_is_missing_is_named(net):
    edit(net, 'use = "affine_relu", units = 4, start = "he"', 'use = "nowhere_at_all:Bent"')
    with pytest.raises(PluginError, match=r"nowhere_at_all:Bent.*No module named 'nowhere_at_all'"):
        chainrule_runs.load(net)
