from pathlib import Path

import numpy as np
import pytest

from chainrule import Dataset, confusion_matrix, registry
from chainrule_plots import draw_activations, draw_history, draw_weights, render

PNG = b"\x89PNG\r\n\x1a\n"
REGRESSION = """\
data = { use = "csv", path = "table.csv", target = "y" }
network = { layers = [{ use = "affine", units = 1 }] }
[training]
loss = "squared_error"
optimizer = { use = "sgd", learning_rate = 0.01 }
batch_size = "all"
epochs = 1
"""


@pytest.fixture
def drawn(monkeypatch):
    """The figures that commands write, which are written, too."""
    from chainrule_plots import canvas, command

    figures = []

    def keep(figure, path):
        figures.append(figure)
        canvas.save(figure, path)

    monkeypatch.setattr(command, "save", keep)
    return figures


@pytest.fixture
def regression(runs, tmp_path):
    (tmp_path / "regression").mkdir()
    (tmp_path / "regression" / "table.csv").write_text("x,y\n" + "".join(f"{i},{2 * i}.5\n" for i in range(10)))
    return runs("regression", REGRESSION)


def test_curves_of_one_run(digits, chainrule):
    ran = chainrule("plot", digits.folder)
    path = digits.folder / "history.png"
    assert (ran.status, ran.out, ran.err) == (0, f"{path}\n", "")
    assert path.read_bytes() == render(draw_history({"digits": digits.history}), ".png")


def test_curves_of_several_runs_go_into_the_current_folder(digits, xor, chainrule, tmp_path):
    ran = chainrule("plot", digits.folder, xor.folder, digits.folder)
    assert (ran.status, ran.out) == (0, "history.png\n")
    expected = draw_history({"digits": digits.history, "xor": xor.history})
    assert (tmp_path / "history.png").read_bytes() == render(expected, ".png")
    assert not (digits.folder / "history.png").exists()


def test_runs_of_one_name_are_told_apart_by_their_paths(runs, xor_recipe, chainrule, drawn):
    for name in ("a/xor", "b/xor"):
        runs(name, xor_recipe)
    assert chainrule("plot", "a/xor", "b/xor").status == 0
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels[:2] == ["a/xor", "b/xor"]


def test_a_run_is_named_by_its_folder_from_inside(xor, chainrule, drawn, texts, monkeypatch):
    monkeypatch.chdir(xor.folder)
    ran = chainrule("plot", ".")
    assert (ran.status, ran.out) == (0, "history.png\n")
    assert "xor: loss and error of 3 epochs" in texts(drawn[0])


def test_a_file_of_one_s_own_svg_too(digits, chainrule, tmp_path):
    (tmp_path / "mine.svg").write_text("an older picture")
    ran = chainrule("plot", digits.folder, "--out", "mine.svg")
    assert (ran.status, ran.out) == (0, "mine.svg\n")
    assert (tmp_path / "mine.svg").read_bytes() == render(draw_history({"digits": digits.history}), ".svg")
    assert not (digits.folder / "history.png").exists()


def test_weights(digits, chainrule):
    ran = chainrule("plot", digits.folder, "--weights")
    path = digits.folder / "weights.png"
    assert (ran.status, ran.out) == (0, f"{path}\n")
    expected = draw_weights(digits.network, title="digits: first-layer weights")
    assert path.read_bytes() == render(expected, ".png")


def test_confusion_of_the_test_data(digits, chainrule, drawn, texts):
    ran = chainrule("plot", digits.folder, "--confusion")
    assert (ran.status, ran.out) == (0, f"{digits.folder / 'confusion.png'}\n")
    axes = drawn[0].axes[0]
    printed = np.zeros((10, 10), int)
    for text in axes.texts:
        j, k = (int(place) for place in text.get_position())
        printed[k, j] = int(text.get_text())
    decided = digits.network.predict(digits.data.x_test).argmax(axis=1)
    np.testing.assert_array_equal(printed, confusion_matrix(digits.data.y_test, decided, 10))
    wrong = int((decided != digits.data.y_test).sum())
    size = len(decided)
    assert f"digits: confusion matrix of the test data\nerror {100 * wrong / size:.2f} %: {wrong} of {size} " in texts(
        drawn[0]
    )
    assert digits.history[-1].e_out.error == wrong / size


def test_without_a_test_part_the_training_part_is_drawn_and_named(xor, chainrule, drawn, texts):
    assert chainrule("plot", xor.folder, "--confusion", "--activations", "3").status == 0
    activations, confusion = drawn
    assert "xor: confusion matrix of the training data (no test part)" in texts(confusion)
    assert "of 4 samples" in texts(confusion)
    assert "xor: activations, row 3 of the training data (no test part)" in texts(activations)


def test_activations_of_a_row(digits, chainrule, drawn, texts):
    ran = chainrule("plot", digits.folder, "--activations", "17")
    assert (ran.status, ran.out) == (0, f"{digits.folder / 'activations.png'}\n")
    x, y = digits.data.x_test[17:18], digits.data.y_test[17]
    decided = digits.network.predict(x).argmax()
    title = f"digits: activations, row 17 of the test data\nclass {y}, decided {decided}"
    assert title in texts(drawn[0])
    expected = draw_activations(digits.network, x[0], title=title, classes=digits.data.classes)
    assert (digits.folder / "activations.png").read_bytes() == render(expected, ".png")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_activations_of_a_file(digits, chainrule, tmp_path, suffix):
    x = np.asarray(digits.data.x_test[4], np.float64)
    path = tmp_path / f"sample{suffix}"
    if suffix == ".csv":
        path.write_text(",".join(map(repr, x.reshape(-1).tolist())) + "\n\n")
    else:
        (np.save if suffix == ".npy" else np.savez)(path, x)
    assert chainrule("plot", digits.folder, "--activations", path).status == 0
    expected = draw_activations(digits.network, x, title=f"digits: activations, sample{suffix}")
    assert (digits.folder / "activations.png").read_bytes() == render(expected, ".png")


def test_several_kinds_at_once(digits, chainrule):
    ran = chainrule("plot", digits.folder, "--confusion", "--weights", "--activations", "0")
    paths = [digits.folder / f"{kind}.png" for kind in ("weights", "activations", "confusion")]
    assert ran.out.splitlines() == [str(path) for path in paths]
    assert all(path.read_bytes().startswith(PNG) for path in paths)


def test_curves_need_no_network_and_no_data(digits, chainrule, monkeypatch):
    monkeypatch.setattr(registry, "find", registry.Registry(lambda: []).find)
    (digits.folder / "recipe.toml").write_text("")
    from chainrule_plots.command import plot

    plot.main([str(digits.folder)], standalone_mode=False)
    assert (digits.folder / "history.png").is_file()


def test_a_loss_without_classes_has_activations_without_them(regression, chainrule, drawn, texts):
    assert chainrule("plot", regression.folder, "--activations", "1").status == 0
    assert "regression: activations, row 1 of the test data\none sample" in texts(drawn[0])


def test_a_run_that_is_being_written_is_drawn_as_far_as_it_is(digits, chainrule, drawn):
    with (digits.folder / "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "e_in"')
    assert chainrule("plot", digits.folder).status == 0
    assert drawn[0].axes[0].lines[0].get_xdata().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: expected the folder of a run, got no such folder; chainrule train RECIPE --out"),
        (["digits", "."], ".: expected the folder of a run, got no history.jsonl in it"),
        (["digits", ".", "--weights"], ".: expected the folder of a run, got no recipe.toml in it"),
        (["digits", "xor", "--weights"], "--weights: expected one run, got 2; several are for their curves"),
        (["digits", "xor", "--activations", "1"], "--activations: expected one run, got 2"),
        (["digits", "xor", "--confusion"], "--confusion: expected one run, got 2"),
        (["digits", "--out", "a.pdf"], "--out: expected a file that ends in .png or .svg, got 'a.pdf'"),
        (["digits", "--out", "a"], "--out: expected a file that ends in .png or .svg, got 'a'"),
        (["digits", "--out", "no/a.png"], "--out: expected a file in a folder that there is, got 'no/a.png'"),
        (
            ["digits", "--weights", "--confusion", "--out", "a.png"],
            "--out: expected one kind of picture, got 'weights, confusion'; leave --out away",
        ),
        (["digits", "--activations", "36"], "--activations: row of the test data: expected 0 to 35, got 36"),
        (["digits", "--weights", "--activations", "36"], "row of the test data: expected 0 to 35, got 36"),
        (["digits", "--activations=-1"], "--activations: row of the test data: expected 0 to 35, got -1"),
        (["xor", "--activations", "4"], "row of the training data (no test part): expected 0 to 3, got 4"),
        (
            ["digits", "--activations", "a.png"],
            "--activations a.png: expected the number of a row, or a file .npy, .npz",
        ),
        (
            ["digits", "--activations", "seven"],
            "seven: expected the number of a row, or a file .npy, .npz or .csv, got no",
        ),
        (["digits", "--activations", "no.npy"], "--activations no.npy: No such file or directory"),
        (["digits", "--activations", "flat.npy"], "--activations flat.npy: expected (8, 8, 1), got (64,)"),
        (
            ["digits", "--activations", "batch.npy"],
            "--activations batch.npy: expected (8, 8, 1), got (1, 8, 8, 1); that is a batch: keep one of its rows",
        ),
        (["digits", "--activations", "two.npz"], "two.npz: one array is wanted, and it has 2: x, y"),
        (
            ["digits", "--activations", "text.npy"],
            "--activations text.npy: not a file that numpy.save or numpy.savez wrote",
        ),
        (["digits", "--activations", "objects.npy"], "--activations objects.npy: Object arrays cannot be loaded"),
        (["digits", "--activations", "short.csv"], "--activations short.csv: expected (8, 8, 1), got (3,)"),
        (["digits", "--activations", "nan.npy"], "--activations nan.npy: expected finite numbers, got nan or inf"),
        (["digits", "--activations", "words.csv"], "words.csv: could not convert string to float: 'a'"),
        (["digits", "--activations", "rows.csv"], "rows.csv: one row of numbers is wanted, and it has 2"),
        (["digits", "--activations", "none.csv"], "none.csv: one row of numbers is wanted, and it has 0"),
        (
            ["regression", "--confusion"],
            "--confusion: loss: expected one that decides for one class for each sample, got",
        ),
    ],
)
def test_mistakes_are_told(arguments, message, digits, xor, regression, chainrule, tmp_path):
    x = np.asarray(digits.data.x_test[0])
    np.save(tmp_path / "flat.npy", x.reshape(-1))
    np.save(tmp_path / "batch.npy", x[np.newaxis])
    np.savez(tmp_path / "two.npz", x=x, y=x)
    np.save(tmp_path / "nan.npy", np.where(x > 0, x, np.nan))
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    (tmp_path / "short.csv").write_text("1,2,3\n")
    (tmp_path / "words.csv").write_text("a,b\n")
    (tmp_path / "rows.csv").write_text("1,2\n1,2\n")
    (tmp_path / "none.csv").write_text("\n")
    before = set(tmp_path.rglob("*"))
    ran = chainrule("plot", *arguments)
    assert ran.status == 2
    assert message in ran.err
    assert ran.out == ""
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("options", [[], ["--weights"], ["--activations", "0"], ["--confusion"]])
def test_a_picture_that_cannot_be_written_is_told(options, digits, chainrule, tmp_path):
    (tmp_path / "a.png").mkdir()
    ran = chainrule("plot", "digits", *options, "--out", "a.png")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "Error: a.png cannot be written: Is a directory; --out names another file\n"


def test_a_saved_network_has_the_pictures_that_need_no_data(digits, chainrule, tmp_path):
    (digits.folder / "history.jsonl").unlink()
    network = (digits.folder / "recipe.toml").read_text().partition("[training]")[0].partition("\n")[2]
    (digits.folder / "recipe.toml").write_text(network)
    np.save(tmp_path / "a.npy", digits.data.x_test[0])
    for option in (["--weights"], ["--activations", "a.npy"]):
        assert chainrule("plot", digits.folder, *option).status == 0
    for option in (["--confusion"], ["--activations", "3"]):
        ran = chainrule("plot", digits.folder, *option)
        assert (ran.status, ran.err) == (
            2,
            "Error: digits: expected a run with data, got a network that was saved without; "
            "--weights, and --activations of a file, need none\n",
        )
    ran = chainrule("plot", digits.folder)
    assert ran.err.startswith(f"Error: {digits.folder}: expected the folder of a run, got no history.jsonl in it; ")
    assert {path.name for path in digits.folder.iterdir()} == {"recipe.toml", "weights.png", "activations.png"}


def test_no_epoch_has_finished(digits, chainrule):
    (digits.folder / "history.jsonl").write_text('{"epoch"')
    ran = chainrule("plot", digits.folder)
    assert ran.status == 2
    assert ran.err == "Error: history of digits: expected at least one epoch, got none; none was finished\n"


def test_a_broken_history_names_its_line(digits, chainrule):
    with (digits.folder / "history.jsonl").open("a") as file:
        file.write("[]\n")
    ran = chainrule("plot", digits.folder)
    assert ran.status == 2
    assert ran.err.startswith(f"Error: {digits.folder / 'history.jsonl'}, line 3: not an object; an epoch is ")


def test_no_targets_no_confusion(xor, chainrule, monkeypatch):
    monkeypatch.setattr("chainrule.Recipe.dataset", lambda recipe: Dataset(xor.data.x, None))
    ran = chainrule("plot", xor.folder, "--confusion")
    assert (ran.status, ran.err) == (2, "Error: --confusion: targets: expected a class for each sample, got none\n")


def test_a_missing_chainrule_runs_is_named_with_the_command_that_brings_it(digits, chainrule, monkeypatch):
    find = registry.Registry(lambda: [e for e in registry.installed_entries() if e.group != "runs"]).find
    monkeypatch.setattr(registry, "find", find)
    ran = chainrule("plot", digits.folder, "--weights")
    assert ran.status == 1
    assert "the trained network of" in ran.err
    assert f"pip install {Path(__file__).parents[2]}/runs" in ran.err


def test_no_run_is_a_mistake(chainrule):
    ran = chainrule("plot")
    assert ran.status == 2
    assert "Missing argument 'RUN…'" in ran.err
