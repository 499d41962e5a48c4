"""Pictures, Parquet and Arrow from the recipe to the decision: trained with, evaluated, predicted."""

import csv
import json

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

import chainrule_runs
from chainrule import Network, layer

RECIPE = """\
[data]
{data}
[network]
layers = [{{ use = "flatten" }}, {{ use = "affine", units = {classes} }}]
[training]
loss = "cross_entropy"
optimizer = {{ use = "adam", learning_rate = 0.05 }}
batch_size = 8
epochs = 20
"""
PICTURES = """\
use = "images"
path = "pictures"
size = [6, 8]
colour = "grey"
scale = 0.00392
"""
RNG = np.random.default_rng(5)


def train(chainrule, folder, data, classes):
    (folder / "recipe.toml").write_text(RECIPE.format(data=data, classes=classes))
    shown = chainrule("train", "recipe.toml", "--out", "run")
    assert (shown.status, shown.err) == (0, "")


def error_of(chainrule, *arguments):
    shown = chainrule("evaluate", "run", *arguments, "--json")
    assert (shown.status, shown.err) == (0, "")
    return json.loads(shown.out)["error"]


def decided(chainrule, file):
    shown = chainrule("predict", "run", file)
    assert (shown.status, shown.err) == (0, "")
    return [row["decision"] for row in csv.DictReader(shown.out.splitlines())]


@pytest.fixture
def pictures(folder):
    """Pictures of two classes, bright above and bright below, in two formats and several sizes."""
    image = pytest.importorskip("PIL.Image", reason="pillow is of the extra chainrule-data[images]")
    for i in range(40):
        array = RNG.integers(0, 100, (12 + i % 3, 16, 3)).astype(np.uint8)
        bright = slice(0, 6) if i % 2 else slice(6, None)
        array[bright] += 120
        path = folder / "pictures" / ("above" if i % 2 else "below") / f"{i}.{'png' if i % 4 > 1 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(array).save(path)
    return folder / "pictures"


def test_pictures_train_and_one_of_them_is_predicted(chainrule, folder, pictures):
    train(chainrule, folder, PICTURES, 2)
    assert error_of(chainrule) == error_of(chainrule, "--part", "train") == 0
    for file in pictures.rglob("*.*"):
        assert decided(chainrule, file) == [file.parent.name]
    one = next((pictures / "above").glob("*.png"))
    assert error_of(chainrule, one) == 0
    (folder / "below").mkdir()
    assert error_of(chainrule, one.rename(folder / "below" / one.name)) == 1  # its class is its folder's name


def test_a_folder_of_pictures_is_predicted_file_by_file(chainrule, folder, pictures):
    train(chainrule, folder, PICTURES, 2)
    shown = chainrule("predict", "run", "pictures")
    assert (shown.status, shown.err) == (0, "")
    rows = list(csv.DictReader(shown.out.splitlines()))
    assert len(rows) == 40
    assert [row["file"].partition("/")[0] for row in rows] == [row["decision"] for row in rows]
    assert error_of(chainrule, "pictures") == 0
    loose = folder / "loose"
    loose.mkdir()
    for name in ("b.png", "a.png"):
        next((pictures / "above").glob("*.png")).rename(loose / name)
    assert chainrule("predict", "run", "loose", "--out", "out.csv").status == 0
    lines = (folder / "out.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["file", "a.png", "b.png"]
    (folder / "empty").mkdir()
    shown = chainrule("predict", "run", "empty")
    assert (shown.status, shown.err) == (2, "Error: empty: expected pictures of .png, .jpg, .jpeg, got none\n")
    shown = chainrule("predict", "run", "pictures", "--target", "kind")
    assert shown.err == "Error: --target: expected none, as a folder's files take none, got 'kind'\n"


def test_a_folder_is_no_file_to_what_was_trained_without_data(chainrule, folder):
    network = Network([layer("affine", units=2)], 3)
    chainrule_runs.save(folder / "net", network)
    shown = chainrule("predict", "net", "net")
    assert shown.status == 2
    assert shown.err.startswith("Error: net: expected a file, got a folder; a run reads folders as its own data")


def test_a_run_of_pictures_of_one_size_refuses_another(chainrule, folder, pictures):
    image = pytest.importorskip("PIL.Image")
    for file in pictures.rglob("*.*"):
        image.open(file).resize((8, 6)).save(file)
    train(chainrule, folder, PICTURES.replace("size = [6, 8]\n", ""), 2)
    image.new("L", (9, 9)).save("other.png")
    shown = chainrule("predict", "run", "other.png")
    told = "other.png: expected (N, 6, 8, 1), got (N, 9, 9, 1); the network was made for samples of that shape"
    assert (shown.status, shown.err) == (2, f"Error: {told}\n")


def test_a_class_that_the_run_does_not_have_is_told(chainrule, folder, pictures):
    train(chainrule, folder, PICTURES, 2)
    (pictures / "above").rename(folder / "beside")
    shown = chainrule("evaluate", "run", next((folder / "beside").glob("*.png")))
    assert shown.status == 2
    assert "the targets: expected the classes of the run, above, below, got beside" in shown.err


@pytest.fixture
def columns():
    x = RNG.uniform(size=(60, 2)).round(3)
    return {"width": x[:, 0], "height": x[:, 1], "kind": np.where(x[:, 0] > x[:, 1], "flat", "tall")}


@pytest.mark.parametrize("form, ending", [("parquet", "parquet"), ("arrow", "feather")])
def test_a_table_of_arrow_trains_and_others_are_predicted(chainrule, folder, columns, form, ending):
    pa = pytest.importorskip("pyarrow", reason="it is of the group more: uv run --group more pytest")
    feather, parquet = pytest.importorskip("pyarrow.feather"), pytest.importorskip("pyarrow.parquet")
    write = {"parquet": parquet.write_table, "feather": feather.write_feather}
    write[ending](pa.table(columns), f"table.{ending}")
    train(chainrule, folder, f'use = "{form}"\npath = "table.{ending}"\ntarget = "kind"', 2)
    assert error_of(chainrule) < 0.2
    whole = decided(chainrule, f"table.{ending}")
    assert np.mean(np.array(whole) != columns["kind"]) == pytest.approx(error_of(chainrule, f"table.{ending}"))
    names = ["kind", "height", "width"]  # in another order, and as csv
    rows = zip(*(columns[name] for name in names), strict=True)
    (folder / "table.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]))
    assert decided(chainrule, "table.csv") == whole
    for other, write_other in write.items():
        write_other(pa.table({name: columns[name] for name in ("height", "width")}), f"features.{other}")
        assert decided(chainrule, f"features.{other}") == whole


def test_a_run_of_a_csv_predicts_parquet(chainrule, folder, columns):
    pa = pytest.importorskip("pyarrow", reason="it is of the group more: uv run --group more pytest")
    rows = zip(*columns.values(), strict=True)
    (folder / "table.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in [[*columns], *rows]))
    train(chainrule, folder, 'use = "csv"\npath = "table.csv"\ntarget = "kind"', 2)
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(dict(reversed(columns.items()))), "table.parquet")
    assert decided(chainrule, "table.parquet") == decided(chainrule, "table.csv")
    assert error_of(chainrule, "table.parquet") == error_of(chainrule, "table.csv")
    parquet.write_table(pa.table({"width": [1.0], "size": [2.0]}), "other.parquet")
    shown = chainrule("predict", "run", "other.parquet")
    told = "other.parquet: no column 'height'; the network takes width, height"
    assert (shown.status, shown.err) == (2, f"Error: {told}\n")
