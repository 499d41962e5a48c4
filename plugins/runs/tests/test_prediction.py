"""`chainrule predict`."""

import csv
import gzip
import io
import os
import re
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

import chainrule_runs
from chainrule import Network, layer, loss, read_recipe
from chainrule_runs.inputs import read_samples
from chainrule_runs.prediction import predict, write
from chainrule_runs.saved import open_saved

from .conftest import KINDS, POINTS, table

PICTURES = np.random.default_rng(1).integers(0, 256, (300, 4, 4), np.uint8)  # more than a batch of predictions
NUMBERS = PICTURES.sum(axis=(1, 2)) // 700 % 3


BY_ORDER = "Warning: in.csv: its columns are taken in their order, as the network does not know them by name\n"


def shown_as(decisions, scores, classes=None):
    """The table that should be shown, written by hand."""
    names = ["score"] if scores.shape[1] == 1 else [f"score {i}" for i in range(scores.shape[1])]
    if classes is not None:
        names = [f"score {name}" for name in classes]
    lines = [["decision", *names]] + [[str(d), *map(str, row)] for d, row in zip(decisions, scores, strict=True)]
    return "".join(",".join(line) + "\n" for line in lines)


def write_idx(path, array):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


# Tables


@pytest.mark.parametrize(
    "text",
    [
        table(POINTS),
        table(POINTS, KINDS),
        table(POINTS, header=False),
        "\n" + table(POINTS, header=False),
        "\ufeff" + table(POINTS, KINDS),
        "kind,width,height\n" + "".join(f"{kind},{x},{y}\n" for kind, (x, y) in zip(KINDS, POINTS, strict=True)),
    ],
)
def test_a_table_is_read_with_and_without_header_and_targets(chainrule, trained, folder, text):
    run = trained()
    (folder / "in.csv").write_text(text, encoding="utf-8")
    scores = run.network.predict(POINTS)
    expected = shown_as(np.array(["flat", "tall"])[run.network.decide(POINTS, run.loss)], scores, ["flat", "tall"])
    warned = "Warning: in.csv has no header: its columns are taken for width, height, in this order\n"
    shown = chainrule("predict", "run", "in.csv")
    assert (shown.status, shown.err, shown.out) == (0, "" if "width" in text else warned, expected)


@pytest.mark.parametrize("target", ["kind", "2", "-1"])
def test_target_leaves_out_the_column_that_no_recipe_names(chainrule, folder, target):
    network = Network(layer("affine", units=2), 2)
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"))
    (folder / "in.csv").write_text(table(POINTS, KINDS))
    scores = network.predict(POINTS)
    shown = chainrule("predict", "net", "in.csv", "--target", target)
    assert (shown.status, shown.err, shown.out) == (0, BY_ORDER, shown_as(scores.argmax(axis=1), scores))


@pytest.mark.parametrize("target", ["2", "-1"])
@pytest.mark.parametrize("count", [1, 20])
def test_a_first_line_with_a_class_of_the_run_is_a_sample(chainrule, trained, folder, target, count):
    run = trained()
    (folder / "in.csv").write_text(table(POINTS[:count], KINDS[:count], header=False))
    (folder / "bare.csv").write_text(table(POINTS[:count]))
    expected = chainrule("predict", run.folder, "bare.csv")
    assert len(expected.out.splitlines()) == 1 + count
    assert chainrule("predict", "run", "in.csv", "--target", target).out == expected.out
    evaluated = chainrule("evaluate", "run", "in.csv", "--target", target)
    assert evaluated.status == 0, evaluated.err
    assert f"{count} sample" in evaluated.out


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_first_line_that_may_be_either_is_refused_not_guessed(chainrule, trained, folder, command):
    """Else a sample would be lost, or the header be one, and nobody would see it."""
    trained()
    chainrule_runs.save(folder / "net", Network(layer("affine", units=2), 2), loss=loss("cross_entropy"))
    lines = table(POINTS, KINDS, header=False)
    (folder / "in.csv").write_text(lines)
    (folder / "one.csv").write_text(lines.splitlines()[0])
    (folder / "named.csv").write_text("0,1,kind\n" + lines)
    for path, word in (("one.csv", KINDS[0]), ("named.csv", "kind")):
        shown = chainrule(command, "net", path, "--target", "-1")
        assert (shown.status, shown.out) == (2, "")
        assert shown.err == (
            f"Error: {path}, line 1: expected a header, or a sample, got numbers and '{word}', which may be either; "
            "write the names of the columns above it\n"
        )

    def classes(path):
        said = f"Warning: {path}: the network has no names for its classes: flat is 0, tall is 1\n"
        return said if command == "evaluate" else ""

    shown = chainrule(command, "net", "in.csv", "--target", "-1")  # its first kind comes again, and so it is no name
    assert (shown.status, shown.err) == (0, classes("in.csv"))
    shown = chainrule(command, "net", "named.csv", "--target", "kind")
    assert (shown.status, shown.err) == (0, BY_ORDER.replace("in.csv", "named.csv") + classes("named.csv"))
    shown = chainrule("evaluate", "run", "in.csv")
    assert (shown.status, shown.out) == (2, "")
    assert "in.csv: target: expected a whole number, got 'kind'; a table without a header has positions" in shown.err


@pytest.mark.parametrize("kinds", [None, KINDS])
@pytest.mark.parametrize("suffix", ["csv", "CSV"])
def test_a_table_is_read_as_that_of_the_recipe(chainrule, trained, folder, recipe, kinds, suffix):
    other = 'path = "other.csv", target = -1, header = false, delimiter = ";"'
    (recipe().parent / "other.csv").write_text(table(POINTS, KINDS, header=False, delimiter=";"))
    run = trained(('path = "table.csv", target = "kind"', other))
    (folder / f"in.{suffix}").write_text(table(POINTS, kinds, header=False, delimiter=";"))
    shown = chainrule("predict", "run", f"in.{suffix}")
    assert shown.status == 0, shown.err
    assert [line.split(",")[0] for line in shown.out.splitlines()[1:]] == [
        ["flat", "tall"][k] for k in run.network.decide(POINTS, run.loss)
    ]


def test_the_scale_of_the_recipe_is_applied_as_in_training(chainrule, trained, folder):
    run = trained(('target = "kind"', 'target = "kind", scale = 0.25'))
    (folder / "in.csv").write_text(table(POINTS))
    expected = run.network.predict(POINTS * 0.25)
    assert [line.split(",")[1:] for line in chainrule("predict", "run", "in.csv").out.splitlines()[1:]] == [
        [str(score) for score in row] for row in expected
    ]


# Pictures


@pytest.fixture
def pictures(chainrule, recipe, folder):
    """A run on pictures of bytes, scaled and shaped by its recipe."""
    path = recipe(
        ('{ use = "csv", path = "table.csv", target = "kind" }',
         f'{{ use = "npz", path = "p.npz", x = "pictures", y = "kind", scale = {1 / 255}, shape = [4, 4, 1] }}'),
        ('{ use = "affine_relu", units = 4 }', '{ use = "conv2d", filters = 2, kernel = 2 }, { use = "flatten" }'),
        ("units = 2", "units = 3"),
    )  # fmt: skip
    np.savez(path.parent / "p.npz", pictures=PICTURES, kind=NUMBERS)
    shown = chainrule("train", path, "--out", "run", "--set", "training.epochs=1")
    assert shown.status == 0, shown.err
    return folder / "run"


@pytest.mark.parametrize("name", ["p.npz", "p.idx", "p.idx.gz", "t10k-images-idx3-ubyte", "flat.csv"])
def test_pictures_of_every_format_are_prepared_as_the_run_s_own_were(chainrule, folder, pictures, name):
    x = np.float32(1 / 255) * PICTURES.astype(np.float32)
    if name == "p.npz":
        np.savez(folder / name, pictures=PICTURES)
    elif name == "flat.csv":
        np.savetxt(folder / name, PICTURES.reshape(-1, 16), "%d", ",")
        x = (1 / 255) * PICTURES.astype(np.float64)
    else:
        write_idx(folder / name, PICTURES)
    network = chainrule_runs.load(pictures)
    saved = open_saved(pictures)
    expected = np.concatenate([scores for _, scores in predict(saved, x[..., np.newaxis])])
    np.testing.assert_allclose(expected, network.predict(x[..., np.newaxis]), rtol=1e-5, atol=1e-6)
    assert expected.dtype == np.float32
    shown = chainrule("predict", "run", name)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == shown_as(expected.argmax(axis=1), expected)


def write_many(folder, suffix, count):
    if suffix == "idx":
        return write_idx(folder / "many.idx", np.zeros((count, 28, 28), np.uint8))
    path = folder / "many.csv"
    path.write_text((",".join("0" * 784) + "\n") * count)
    return path


@pytest.mark.parametrize(
    ("suffix", "counts", "held"),
    [("idx", (2_000, 16_000), 16 * 256 * 784), ("csv", (2_000, 6_000), 2 * 8 * 2**20)],
)
def test_what_is_large_is_read_batch_by_batch(folder, suffix, counts, held):
    def peak(count):
        path = write_many(folder, suffix, count)
        tracemalloc.start()
        assert sum(len(scores) for _, scores in predict(saved, read_samples(saved, path).x)) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    network = Network([layer("flatten"), layer("affine", units=2)], (28, 28, 1))
    chainrule_runs.save(folder / "net", network, loss=loss("cross_entropy"))
    saved = open_saved(folder / "net")
    _, few, many = map(peak, (counts[0], *counts))  # once before, as modules are imported when they are needed
    assert few < held
    assert many - few < (counts[1] - counts[0]) * 784 / 2  # half a byte for each number more


# Decisions


@pytest.mark.parametrize(
    "name, units, classes, alphabet",
    [
        ("cross_entropy", 3, None, {"0", "1", "2"}),
        ("cross_entropy", 3, ["a", "b", "c, d"], {"a", "b", "c, d"}),
        ("cross_entropy", 3, ["a", "b"], {"a", "b", "2"}),
        ("multiclass_hinge", 2, ["no", "yes"], {"no", "yes"}),
        ("logistic", 1, None, {"0", "1"}),
        ("logistic", 1, ["no", "yes"], {"no", "yes"}),
        ("signed_logistic", 1, None, {"-1", "1"}),
        ("signed_logistic", 1, ["no", "yes"], {"no", "yes"}),
        ("logistic", 2, ["no", "yes"], {"0", "1"}),
        ("signed_logistic", 2, None, {"-1", "1"}),
        ("squared_error", 1, None, None),
        ("squared_error", 2, None, None),
    ],
)
def test_decisions_are_of_the_loss_s_own_alphabet(chainrule, folder, name, units, classes, alphabet):
    network = Network(layer("affine", units=units), 2, dtype=np.float64)
    network.theta = np.random.default_rng(5).normal(size=network.theta.size)
    x = np.random.default_rng(6).normal(size=(60, 2))
    chainrule_runs.save(folder / "net", network, loss=loss(name), classes=classes)
    (folder / "in.csv").write_text(table(x, header=False))
    shown = chainrule("predict", "net", "in.csv")
    assert (shown.status, shown.err) == (0, "")
    head, *rows = csv.reader(io.StringIO(shown.out))
    scores = network.predict(x)
    decisions = network.decide(x, loss(name)).reshape(60, -1)
    columns = decisions.shape[1]
    assert head[:columns] == (["decision"] if columns == 1 else ["decision 0", "decision 1"])
    assert len(head) == columns + units
    assert [row[columns:] for row in rows] == [[str(score) for score in row] for row in scores]
    if alphabet is None:
        assert [row[:columns] for row in rows] == [[str(score) for score in row] for row in scores]
        return
    assert {cell for row in rows for cell in row[:columns]} == alphabet
    names = [*(classes or []), *map(str, range(len(classes or []), units))]
    if classes is None or columns > 1:
        assert [[int(cell) for cell in row[:columns]] for row in rows] == decisions.tolist()
    elif columns == 1 == units:
        assert [row[0] for row in rows] == [names[int(decision > 0)] for decision in decisions[:, 0]]
    else:
        assert [row[0] for row in rows] == [names[decision] for decision in decisions[:, 0]]


def test_a_network_that_was_saved_without_a_loss_has_scores_alone(chainrule, folder):
    network = Network(layer("affine", units=2), 2)
    chainrule_runs.save(folder / "net", network)
    (folder / "in.csv").write_text(table(POINTS))
    head, *rows = csv.reader(io.StringIO(chainrule("predict", "net", "in.csv").out))
    assert head == ["score 0", "score 1"]
    assert rows == [[str(score) for score in row] for row in network.predict(POINTS)]
    assert chainrule("predict", "net", "in.csv", "--out", "out.npz").status == 0
    with np.load("out.npz", allow_pickle=False) as arrays:
        assert list(arrays) == ["scores"]


# Where they go


def test_out_has_what_is_shown(chainrule, trained, folder):
    run = trained()
    (folder / "in.csv").write_text(table(POINTS))
    shown = chainrule("predict", "run", "in.csv").out
    for out in ("out.csv", "out.npz"):
        told = chainrule("predict", "run", "in.csv", "--out", out)
        assert (told.status, told.out, told.err) == (0, f"20 samples: {out}\n", "")
    assert (folder / "out.csv").read_text(encoding="utf-8") == shown
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["scores"], run.network.predict(POINTS))
        assert arrays["scores"].dtype == np.float32
        assert arrays["decisions"].tolist() == [line.split(",")[0] for line in shown.splitlines()[1:]]
    assert {path.name for path in folder.iterdir()} == {"home", "run", "in.csv", "out.csv", "out.npz"}


@pytest.mark.parametrize("layers", ["flatten", "conv2d"])
@pytest.mark.parametrize("saved_with", [None, "squared_error", "cross_entropy"])
def test_an_npz_is_what_numpy_would_have_written(folder, layers, saved_with):
    layers = [layer("conv2d", filters=3, kernel=2)] if layers == "conv2d" else [layer("flatten")]
    network = Network(layers, (4, 4, 1), dtype=np.float64)
    if saved_with == "cross_entropy":
        network = Network([*layers, *([] if len(network.output_shape) == 1 else [layer("flatten")])], (4, 4, 1))
    chainrule_runs.save(folder / "net", network, loss=None if saved_with is None else loss(saved_with))
    saved = open_saved(folder / "net")
    x = PICTURES[..., np.newaxis] / 255
    write(saved, x, folder / "out.npz")
    batches = list(predict(saved, x))
    expected = {"scores": np.concatenate([scores for _, scores in batches])}
    if saved_with is not None:
        expected["decisions"] = np.concatenate([decisions for decisions, _ in batches])
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        assert list(arrays) == list(expected)
        for name, array in expected.items():
            assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.skipif(os.name == "nt", reason="a pipe that is closed is another error on Windows")
@pytest.mark.parametrize("count", [3, 3_000])
def test_a_pipe_that_is_closed_leaves_no_traceback(chainrule, trained, folder, count):
    trained()
    (folder / "in.csv").write_text(table(POINTS[np.arange(count) % 20]))
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    code = "from chainrule_cli.main import main; main(['predict', 'run', 'in.csv'])"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=folder, env=environment)
    os.close(writing)
    assert process.stderr == b""


# What is wrong


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (["run", "missing.csv"], 2, "Error: missing.csv: no such file\n"),
        (["run", "missing.csv", "--out", "in.csv"], 2, "Error: missing.csv: no such file\n"),
        (["run", "in.asc"], 2, "Error: in.asc: expected a file of -ubyte, -ubyte.gz, .arrow, .csv, .csv.gz, "),
        (["run", "in"], 2, "Error: in: expected a file of -ubyte, -ubyte.gz, .arrow, .csv, .csv.gz, .feather, "),
        (["run", "folder.csv"], 2, "Error: folder.csv: cannot be read: IsADirectoryError: "),
        (["run", "empty.csv"], 2, "Error: empty.csv, line 1: expected a table, got an empty file"),
        (["run", "wide.csv"], 2, "Error: wide.csv: expected (N, 2), got (N, 3); the network was made for samples of"),
        (["run", "other.npz"], 2, "Error: other.npz: no array 'x'; the file has z\n"),
        (["run", "deep.npz"], 2, "Error: deep.npz: expected (N, 2), got (N, 2, 2); the network was made for"),
        (["run", "words.csv"], 2, "Error: words.csv, line 3, column 'height': expected a finite number, got 'high'"),
        (["run", "bad.idx"], 2, "Error: bad.idx, byte 0: expected the four bytes of an IDX header"),
        (["run", "in.csv", "--target", "width"], 2, "Error: in.csv, line 1: no column 'width'; the network takes"),
        (["run", "in.gz"], 2, "Error: in.gz: expected a file of -ubyte, -ubyte.gz, .arrow, .csv, .csv.gz, .feather, "),
        (["run", "in.csv", "--target", "kin"], 2, "Error: in.csv, line 1: no column 'kin'; the columns are width"),
        (["run", "in.csv", "--target", "7"], 2, "Error: in.csv: target: expected a column from 0 to 1, got 7"),
        (["run", "deep.npz", "--target", "x"], 2, "Error: --target: expected none, as .npz files take none, got 'x'"),
        (["run", "in.csv", "--out", "out.txt"], 2, "Error: --out: expected a file of .csv or .npz, got 'out.txt'\n"),
        (["run", "in.csv", "--out", "in.csv"], 2, "Error: --out: expected another file than the input, got 'in.csv'\n"),
        (["run", "in.csv", "--out", "link.csv"], 2, "Error: --out: expected another file than the input, got"),
        (["run", "in.csv", "--out", "no/out.csv"], 1, "Error: no/out.csv cannot be written: No such file or directory"),
        (["run", "in.csv", "--out", "folder.csv"], 1, "Error: folder.csv cannot be written: Is a directory"),
        (["home", "in.csv"], 1, "Error: home/parameters.safetensors cannot be read: No such file or directory; name"),
        (["nothing", "in.csv"], 1, "Error: nothing holds no run: it has no recipe.toml; name the folder that"),
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_is_told(chainrule, trained, folder, arguments, status, message):
    trained()
    (folder / "in.csv").write_text(table(POINTS))
    (folder / "link.csv").symlink_to("in.csv")
    (folder / "folder.csv").mkdir()
    (folder / "empty.csv").write_text("")
    (folder / "wide.csv").write_text("1,2,3\n4,5,6\n")
    (folder / "words.csv").write_text("width,height\n1,2\n3,high\n")
    (folder / "bad.idx").write_bytes(b"not idx")
    np.savez(folder / "other.npz", z=POINTS)
    np.savez(folder / "deep.npz", x=np.zeros((3, 2, 2)))
    before = {path.name for path in folder.iterdir()}
    shown = chainrule("predict", *arguments)
    assert (shown.status, shown.out) == (status, "")
    assert shown.err.startswith(message), shown.err
    assert {path.name for path in folder.iterdir()} == before
    assert (folder / "in.csv").read_text() == table(POINTS)


def test_a_column_too_many_may_be_the_targets(chainrule, trained, folder):
    trained()
    (folder / "in.csv").write_text(table(POINTS, POINTS[:, 0], header=False))
    shown = chainrule("predict", "run", "in.csv")
    assert shown.err.endswith("of that shape; --target leaves the column of the targets out\n"), shown.err
    assert chainrule("predict", "run", "in.csv", "--target", "2").status == 0
    (folder / "in.csv").write_text(table(POINTS, POINTS[:, 0]).replace("kind", "other"))
    shown = chainrule("predict", "run", "in.csv")
    assert shown.err == "Warning: in.csv: columns that the network does not know are left out: other\n"
    assert chainrule("predict", "run", "in.csv", "--target", "other").status == 0


def test_samples_are_named_where_numbers_were_expected(chainrule, trained, folder):
    trained()
    (folder / "in.csv").write_text("width,height\n1,nan\n")
    shown = chainrule("predict", "run", "in.csv")
    assert re.match(r"Error: in\.csv, line 2, column 'height': expected a finite number, got 'nan'", shown.err)


def test_a_run_is_used_after_its_data_are_gone(chainrule, trained, folder):
    run = trained()
    (folder / "home" / "table.csv").unlink()
    (folder / "in.csv").write_text(table(POINTS))
    assert chainrule("predict", "run", "in.csv").status == 0
    assert set(safetensors.numpy.load_file(run.folder / "parameters.safetensors")) == set(run.network.parameters)
    assert read_recipe(run.folder / "recipe.toml").table["data"]["path"] == str(folder / "home" / "table.csv")
