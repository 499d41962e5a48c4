"""Networks of several inputs and outputs: what trains, evaluates and predicts them from files of arrays by name."""

import csv
import io
import struct
from pathlib import Path

import numpy as np
import pytest

import chainrule_runs
from chainrule import Dataset, Graph, Join, Network, SettingError, loss
from chainrule_affine import Affine
from chainrule_runs.inputs import own_data, read_evaluated, read_samples
from chainrule_runs.saved import open_saved

RNG = np.random.default_rng(0)
LEFT, RIGHT = RNG.normal(size=(2, 40, 3)).astype(np.float32)
SAME = np.where((LEFT * RIGHT).sum(axis=1) > 0, "yes", "no")
KIND, SIZE = (LEFT.sum(axis=1) > 0).astype(int), RIGHT[:, :1]

PAIRS = """\
data = { use = "npz", path = "pairs.npz", x = ["left", "right"], y = "same" }
[network]
inputs = ["left", "right"]
nodes = [
  { name = "a", from = "left", use = "affine_relu", units = 4 },
  { name = "b", from = "right", same = "a" },
  { name = "both", from = ["a", "b"], use = "multiply" },
  { name = "y", from = "both", use = "affine", units = 2 },
]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.3 }
batch_size = 8
epochs = 2
"""
TWO = """\
data = { use = "npz", path = "pairs.npz", x = ["left", "right"], y = ["kind", "size"] }
[network]
inputs = ["left", "right"]
outputs = ["kind", "size"]
nodes = [
  { name = "sum", from = ["left", "right"], use = "add" },
  { name = "kind", from = "sum", use = "affine", units = 2 },
  { name = "size", from = "sum", use = "affine", units = 1 },
]
[training]
loss = { use = "chainrule_losses:WeightedSum", losses = { kind = "cross_entropy", size = "squared_error" } }
optimizer = { use = "sgd", learning_rate = 0.1 }
batch_size = 8
epochs = 2
"""


@pytest.fixture
def train(chainrule, folder):
    """Train a recipe beside its npz, into the folder `run`; return what was shown."""
    np.savez(folder / "pairs.npz", left=LEFT, right=RIGHT, same=SAME, kind=KIND, size=SIZE)

    def train(text, *options):
        (folder / "recipe.toml").write_text(text)
        return chainrule("train", "recipe.toml", "--out", "run", *options)

    return train


def trained(train, text):
    shown = train(text)
    assert shown.status == 0, shown.err
    return open_saved(Path("run"))


def test_a_network_of_two_inputs_trains_from_a_recipe(chainrule, train):
    shown = train(PAIRS)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("recipe.toml: 32 training and 8 test samples\n")
    assert chainrule("summary", "recipe.toml").out.startswith("recipe.toml: 32 training and 8 test samples\n")
    assert chainrule("gradcheck", "recipe.toml").out.endswith("all derivatives agree\n")
    assert "the run is finished" in chainrule("train", "--resume", "run").out
    data = own_data("run")
    assert data.input_shape == {"left": (3,), "right": (3,)}
    assert data.classes == ("no", "yes")


def test_it_predicts_files_that_have_its_inputs(chainrule, train, folder):
    saved = trained(train, PAIRS)
    np.savez(folder / "bare.npz", right=RIGHT[:5], left=LEFT[:5], more=np.ones(2))
    scores = saved.network.predict({"left": LEFT[:5], "right": RIGHT[:5]})
    shown = chainrule("predict", "run", "bare.npz")
    assert (shown.status, shown.err) == (0, "")
    head, *rows = csv.reader(io.StringIO(shown.out))
    assert head == ["decision", "score no", "score yes"]
    assert [row[0] for row in rows] == [("no", "yes")[k] for k in scores.argmax(axis=1)]
    assert [row[1:] for row in rows] == [list(map(str, row)) for row in scores]
    assert chainrule("predict", "run", "bare.npz", "--out", "out.npz").status == 0
    with np.load(folder / "out.npz") as out:
        np.testing.assert_array_equal(out["scores"], scores)


def test_it_is_evaluated_on_its_own_data_and_on_a_file(chainrule, train, folder):
    trained(train, PAIRS)
    own = chainrule("evaluate", "run", "--part", "train").out.splitlines()
    assert own[0].startswith("32 samples: loss ")
    rows = [i for i, same in enumerate(SAME) if same == "yes"]  # one class alone: it keeps its number
    np.savez(folder / "yes.npz", left=LEFT[rows], right=RIGHT[rows], same=SAME[rows])
    assert read_evaluated(open_saved("run"), folder / "yes.npz").y.tolist() == [1] * len(rows)
    shown = chainrule("evaluate", "run", "yes.npz")
    assert shown.out.startswith(f"{len(rows)} samples: loss ")
    assert any(line.split()[:2] == ["yes", str(len(rows))] for line in shown.out.splitlines())


def test_a_file_without_its_inputs_is_told(chainrule, train, folder):
    trained(train, PAIRS)
    files = {
        "half": ({"left": LEFT}, ": no array 'right'; the file has left"),
        "short": ({"left": LEFT, "right": RIGHT[:3]}, ": x: expected arrays of the same samples by name, got {'left'"),
        "wide": ({"left": LEFT, "right": LEFT[:, :2]}, ": 'right': expected (N, 3), got (N, 2); the network was made"),
    }
    for name, (arrays, message) in files.items():
        np.savez(folder / f"{name}.npz", **arrays)
        shown = chainrule("predict", "run", f"{name}.npz")
        assert (shown.status, shown.out) == (2, "")
        assert shown.err.startswith(f"Error: {name}.npz{message}")


def test_a_file_of_one_array_is_told_to_be_one(chainrule, train, folder):
    trained(train, PAIRS)
    (folder / "in.csv").write_text("1,2\n3,4\n")  # which nobody has to mend before
    (folder / "in.idx").write_bytes(struct.pack(">HBB2I", 0, 8, 2, 1, 2) + b"\0\1")
    for name in ("in.csv", "in.idx"):
        for command in ("predict", "evaluate"):
            shown = chainrule(command, "run", name)
            assert (shown.status, shown.out) == (2, "")
            assert shown.err == (
                f"Error: {name}: expected a file of several arrays, left, right, as the network takes them, got one of "
                f"{name[2:]}, which holds one array; an npz has arrays by name\n"
            )


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (
            PAIRS,
            'data.x="left"',
            "network.input_shape: expected a shape for each of left, right, by name, got (3,); "
            'give data of these names: of an npz, x = ["left", "right"]',
        ),
        (
            PAIRS,
            'data.x=["left", "size"]',
            "network.input_shape: expected a shape for each of left, right, by name, got {'left': (3,), 'size': (1,)}; "
            'give data of these names: of an npz, x = ["left", "right"]',
        ),
        (
            PAIRS,
            'network={layers = [{use = "affine", units = 2}]}',
            "network.input_shape: expected one shape, for one input, got {'left': (3,), 'right': (3,)}; "
            "the data are arrays by name: give one, or make inputs of them",
        ),
        (PAIRS, "data.scale=0.5", "data.scale: expected none: x are several arrays by name, got 0.5"),
        (PAIRS, 'data.y=["kind", "size"]', "arrays by name: expected one array, got kind, size; give one of them"),
        (
            TWO,
            'data.y="kind"',
            "training: targets: expected those of kind, size, by name, got ndarray; give arrays by the names of the",
        ),
    ],
)
def test_data_and_network_of_another_number_of_arrays_are_told(train, text, change, message):
    shown = train(text, "--set", change)
    assert shown.status == 2
    assert shown.err.startswith(f"Error: {message}")


def test_each_output_has_columns_and_arrays_of_its_name(chainrule, train, folder):
    saved = trained(train, TWO)
    scores = saved.network.predict({"left": LEFT, "right": RIGHT})
    shown = chainrule("predict", "run", "pairs.npz")
    assert (shown.status, shown.err) == (0, "")
    head, *rows = csv.reader(io.StringIO(shown.out))
    assert head == ["kind decision", "size decision", "kind score 0", "kind score 1", "size score"]
    kinds, sizes = scores["kind"], scores["size"]
    expected = [[str(k.argmax()), str(s[0]), *map(str, k), str(s[0])] for k, s in zip(kinds, sizes, strict=True)]
    assert rows == expected
    assert chainrule("predict", "run", "pairs.npz", "--out", "out.npz").status == 0
    with np.load(folder / "out.npz") as out:
        assert {*out} == {"kind scores", "size scores", "kind decisions", "size decisions"}
        for name in ("kind", "size"):
            np.testing.assert_array_equal(out[f"{name} scores"], scores[name])
        np.testing.assert_array_equal(out["kind decisions"], kinds.argmax(axis=1))
    evaluated = chainrule("evaluate", "run", "pairs.npz")
    measured = chainrule("evaluate", "run", "--part", "train")
    assert evaluated.out.startswith("40 samples: loss ")
    assert measured.out.startswith("32 samples: loss ")
    assert len(evaluated.out.splitlines()) == len(measured.out.splitlines()) == 1  # of two outputs there is no matrix


def test_a_network_that_was_saved_by_hand_takes_the_names_of_its_ends(folder):
    nodes = [("join", Join(), "left", "right"), ("kind", Affine(2), "join"), ("size", Affine(1), "join")]
    graph = Graph(*nodes, inputs=("left", "right"), outputs=("kind", "size"))
    network = Network(graph, {"left": (3,), "right": (3,)}, seed=3)
    chainrule_runs.save(folder / "net", network)
    np.savez(folder / "in.npz", left=LEFT, right=RIGHT, kind=KIND, size=SIZE)
    saved = open_saved(folder / "net")
    samples = read_samples(saved, folder / "in.npz")
    assert ([*samples.x.arrays], samples.y) == (["left", "right"], None)
    evaluated = read_evaluated(saved, folder / "in.npz")
    assert [*evaluated.y.arrays] == ["kind", "size"]
    with pytest.raises(SettingError, match=r"^columns: expected None, as the network takes arrays by name, got \('a',"):
        chainrule_runs.save(folder / "other", network, columns=["a", "b"])
    chainrule_runs.save(folder / "named", network, loss=loss("squared_error"), classes=["no", "yes"])
    assert open_saved(folder / "named").classes is None


def read_halves(path: Path, target: str | None = None):
    """Read an array whose left half is one input, and whose right half is another."""
    whole = np.load(path)
    return Dataset({"left": whole[:, :3], "right": whole[:, 3:]}, None if target is None else np.zeros(len(whole), int))


def test_a_third_party_s_reader_may_name_the_arrays_itself(chainrule, train, folder, offer):
    offer(".npy", read_halves, "chainrule-data", group="data")  # of a distribution that is there
    offer(".npy", read_halves)
    np.save(folder / "pairs.npy", np.hstack([LEFT, RIGHT]))
    mine = PAIRS.replace('x = ["left", "right"], y = "same"', 'target = "none"')
    saved = trained(train, mine.replace('"npz", path = "pairs.npz"', '".npy", path = "pairs.npy"'))
    shown = chainrule("predict", "run", "pairs.npy")
    assert (shown.status, shown.err) == (0, "")
    scores = saved.network.predict({"left": LEFT, "right": RIGHT})
    assert [row[1:] for row in csv.reader(io.StringIO(shown.out))][1:] == [list(map(str, row)) for row in scores]


def test_arrays_by_name_are_no_samples_of_one_input(chainrule, folder, offer):
    offer(".npy", read_halves)
    np.save(folder / "pairs.npy", np.hstack([LEFT, RIGHT]))
    chainrule_runs.save(folder / "net", Network(Affine(2), 3))
    shown = chainrule("predict", "net", "pairs.npy")
    expected = "Error: pairs.npy: expected one array, got left, right; the network was made for them\n"
    assert (shown.status, shown.err) == (2, expected)
