from pathlib import Path

import pytest

from chainrule import registry


@pytest.fixture
def mistake(chainrule):
    """A function that trains, expects exit status 2, and returns the one line of the error."""

    def train(*arguments):
        shown = chainrule("train", *arguments)
        assert shown.status == 2
        assert shown.err.startswith("Error: ")
        assert shown.err.count("\n") == 1
        return shown.err.removeprefix("Error: ").rstrip("\n")

    return train


# Which recipe


@pytest.mark.parametrize("command", ["train", "summary", "gradcheck"])
def test_an_unknown_recipe_gets_a_near_match(chainrule, command):
    shown = chainrule(command, "digit")
    assert shown.status == 2
    assert shown.err == (
        "Error: no recipe 'digit'; did you mean digits? recipes that ship: chars, chars-gru, digits, digits-cnn, "
        "digits-resnet, lenet, xor; or the path of a TOML file\n"
    )


def test_a_missing_file_is_named(mistake):
    assert mistake("nope.toml").startswith("recipe nope.toml: no such file")


def test_a_folder_is_no_recipe(mistake, folder):
    (folder / "folder.toml").mkdir()
    assert mistake("folder.toml").startswith("recipe folder.toml: [Errno 21]")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[data]\nuse = \n", "Invalid value (at line 2, column 7)"),
        (b"[data]\n[data]\n", "Cannot declare ('data',) twice (at line 2, column 6)"),
        (b"\x89PNG\r\n", "'utf-8' codec can't decode byte 0x89"),
    ],
)
def test_a_file_that_is_no_toml_is_named_with_the_place(mistake, folder, content, reason):
    (folder / "broken.toml").write_bytes(content)
    assert mistake("broken.toml").startswith(f"recipe broken.toml: {reason}")


def test_an_empty_file_misses_a_network(mistake, folder):
    (folder / "empty.toml").write_text("")
    assert (
        mistake("empty.toml")
        == "network: missing key; the keys here are data, network, training, prefer, modules, versions"
    )


# What is in it


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 3", "", "training.epochs: missing key; "),
        ("epochs = 3", "epoch = 3", "training.epoch: unknown key; did you mean epochs?"),
        ("epochs = 3", 'epochs = "3"', "training.epochs: expected a whole number, got '3'"),
        ("epochs = 3", "epochs = 3.0", "training.epochs: expected a whole number, got 3.0"),
        ("epochs = 3", "epochs = true", "training.epochs: expected a whole number, got True"),
        ("epochs = 3", "epochs = 0", "training.epochs: expected a positive int, got 0"),
        (
            "epochs = 3",
            "epochs = 3\n[plots]",
            "plots: unknown key; the keys here are data, network, training, prefer, modules",
        ),
        ("batch_size = 4", 'batch_size = "half"', "training.batch_size: expected 'all' or a positive int, got 'half'"),
        ("batch_size = 4", "batch_size = 9", "training.batch_size: expected 'all' or an int from 1 to 8"),
        ("batch_size = 4", "batch_size = 4\nseed = -1", "training.seed: expected an int of at least 0, got -1"),
        ("batch_size = 4", 'batch_size = 4\nhooks = ["none_such"]', "training.hooks[0]: no plug-in offers 'none_such'"),
        ('"cross_entropy"', "5", "training.loss: expected a string or a table, got 5"),
        ('"cross_entropy"', '"cross_entropi"', "training.loss: no plug-in offers 'cross_entropi' in losses; did you "),
        ('"cross_entropy"', '{ use = "cross_entropy", margin = 1 }', "training.loss.margin: cross_entropy has no such"),
        ('"sgd"', '"sdg"', "training.optimizer: no plug-in offers 'sdg' in optimizers; did you mean sgd?"),
        (", learning_rate = 0.5", "", "training.optimizer.learning_rate: sgd needs this setting"),
        ("= 0.5", "= -0.5", "training.optimizer.learning_rate: expected a positive number or a Schedule, got -0.5"),
        ("units = 2", 'units = "2"', "network.layers[2].units: expected a positive int, got '2'"),
        ("units = 2", "units = 2.0", "network.layers[2].units: expected a positive int, got 2.0"),
        ("units = 2", "unit = 2", "network.layers[2].unit: affine has no such setting; did you mean units?"),
        (", units = 2", "", "network.layers[2].units: affine needs this setting"),
        ('{ use = "tanh" }', "5", 'network.layers[1]: expected a name, or a table with a name under "use", got 5'),
        ('use = "tanh"', "units = 5", 'network.layers[1]: expected a name, or a table with a name under "use"'),
        ('"tanh"', '"tahn"', "network.layers[1]: no plug-in offers 'tahn' in layers; did you mean tanh?"),
        ("[network]", '[network]\ndtype = "float16"', "network.dtype: expected float32 or float64, got 'float16'"),
        ('"kind"', '"kinds"', "{folder}/table.csv, line 1: no column 'kinds'; did you mean 'kind'?"),
        ('"kind"', "7", "{folder}/table.csv: target: expected a column from 0 to 2, got 7"),
        (
            '"table.csv"',
            '"tabel.csv"',
            "{folder}/tabel.csv: no such file; a path in a recipe is relative to the recipe",
        ),
        ('"table.csv"', "5", "data.path: expected a path, got 5"),
        ('"kind"', '"kind", split = "half"', "data.split: expected one of 'stratified', 'random', 'ordered', 'none'"),
        ('"kind"', '"kind", delimeter = ";"', "data.delimeter: csv has no such setting; did you mean delimiter?"),
        ('"kind"', '"kind", delimiter = ";;"', "data.delimiter: expected "),
        ('"kind"', '"kind", header = "no"', "data.header: expected "),
        ('"csv"', '"cvs"', "data: no plug-in offers 'cvs' in data; did you mean csv?"),
    ],
)
def test_a_wrong_key_is_told_with_its_path(mistake, recipe, old, new, message):
    path = recipe((old, new))
    assert mistake(path).startswith(message.format(folder=path.parent))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("epochs = 3", "epochs = 0", "training.epochs"),
        ("batch_size = 4", 'batch_size = "half"', "training.batch_size"),
        ("batch_size = 4", 'batch_size = 4\nhooks = ["none_such"]', "training.hooks[0]"),
        ('"cross_entropy"', '"cross_entropi"', "training.loss"),
        ("= 0.5", "= -0.5", "training.optimizer.learning_rate"),
        ("units = 2", 'units = "2"', "network.layers[2].units"),
        ("[network]", '[network]\ndtype = "float16"', "network.dtype"),
        ('"kind"', '"kind", split = "half"', "data.split"),
        ('"kind"', '"kind", scale = "1/255"', "data.scale"),
        ('"kind"', '"kind", test_fraction = 2', "data.test_fraction"),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_the_data_are_read(chainrule, recipe, folder, old, new, key):
    path = recipe((old, new))
    (path.parent / "table.csv").unlink()
    shown = chainrule("train", path, "--out", "run")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(f"Error: {key}: ")
    assert not (folder / "run").exists()


@pytest.mark.parametrize("command", ["gradcheck", "summary"])
def test_other_commands_tell_a_mistake_before_the_data_are_read_too(chainrule, recipe, command):
    path = recipe(("units = 2", 'units = "2"'))
    (path.parent / "table.csv").unlink()
    shown = chainrule(command, path)
    assert shown.status == 2
    assert shown.err.startswith("Error: network.layers[2].units: ")


def test_layers_that_do_not_fit_the_classes_are_told_before_training(chainrule, recipe):
    shown = chainrule("train", recipe(("units = 2", "units = 1")))
    assert shown.status == 2
    assert "epoch" not in shown.out
    assert "cross_entropy targets: " in shown.err


def test_a_module_that_is_not_there_is_told_with_the_layers_place(chainrule, recipe):
    shown = chainrule("train", recipe(('"tanh"', '"no_such_module:Layer"')))
    assert shown.status == 1
    assert shown.err.startswith("Error: network.layers[1]: layer 'no_such_module:Layer' cannot be loaded: ModuleNotFou")


def test_a_cell_that_is_no_number_is_told_with_line_and_column(mistake, recipe):
    path = recipe()
    table = path.parent / "table.csv"
    table.write_text(table.read_text().replace("0.8,0.2", "0.8,?"))
    missing = "; the value is missing: fill it in, or drop the row"
    missing += '; missing = "mean" takes the mean, missing = "drop" drops it'
    assert mistake(path) == f"{table}, line 3, column 'height': expected a finite number, got '?'{missing}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_a_recipe(chainrule, recipe, encoding):
    path = recipe()
    path.write_text(path.read_text(), encoding=encoding)
    shown = chainrule("train", path)
    assert shown.status == 0, shown.err


LABELS = "width,height,kind\n" + "".join(f"{i / 9},{i % 3},{i % 3 + 1}\n" for i in range(9))


def test_labels_from_1_are_told_with_the_setting_that_counts_them_from_0(chainrule, mistake, recipe):
    path = recipe(("units = 2", "units = 3"), ('"kind"', '"kind", split = "none"'))
    (path.parent / "table.csv").write_text(LABELS)
    told = mistake(path)
    assert "cross_entropy targets: expected classes 0 to 2, got 3 at " in told
    assert told.endswith("; classes = true under [data] counts labels so, whatever they are")
    shown = chainrule("train", path, "--set", "data.classes=true")
    assert shown.status == 0, shown.err


@pytest.mark.parametrize("command", ["train", "gradcheck"])
@pytest.mark.parametrize(
    ("labels", "changes", "hint"),
    [
        ("1 2 3", {}, "classes = true under [data] counts labels so"),
        ("0.5 1 2", {}, "classes = true under [data] makes classes of labels; for real numbers, use a loss such as"),
        ("1 2 1", {"loss": "logistic", "units": 1}, "classes = true under [data] numbers two other labels 0 and 1"),
        ("1 0 1", {"loss": "signed_logistic", "units": 1}, "got 0.0 at (1, 0); for 0 and 1 use logistic"),
        ("1 2 3", {"loss": "squared_error", "units": 2}, "one target for each score, and as many scores as targets"),
    ],
)
def test_no_hint_of_the_command_line_is_python(chainrule, recipe, command, labels, changes, hint):
    path = recipe(
        ("units = 2", f"units = {changes.get('units', 3)}"),
        ('"cross_entropy"', f'"{changes.get("loss", "cross_entropy")}"'),
        ('"kind"', '"kind", split = "none"'),
        ("batch_size = 4", 'batch_size = "all"'),
    )
    rows = "".join(f"{i},{-i},{label}\n" for i, label in enumerate(labels.split()))
    (path.parent / "table.csv").write_text("width,height,kind\n" + rows)
    shown = chainrule(command, path)
    assert shown.status == 2
    assert hint in shown.err
    for python in ("np.", "targets.", "astype", "reshape", "()"):
        assert python not in shown.err


def test_a_network_that_no_memory_holds_is_refused(chainrule):
    shown = chainrule("train", "xor", "--set", "network.layers=[{use='affine', units=1000000000000000000}]")
    assert shown.status == 1
    assert shown.err.startswith("Error: a network of 3,000,000,000,000,000,000 parameters: expected no more memory ")


# --set


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "override 'training.epochs'; write section.key=value, such as training.epochs=5"),
        ("=5", "override '=5'; write section.key=value"),
        ("training.=5", "override 'training.=5'; write section.key=value"),
        ("training.epochs=", "training.epochs: expected a whole number, got ''"),
        ("training.epochs=many", "training.epochs: expected a whole number, got 'many'"),
        ("training.epoch=5", "training.epoch: unknown key; did you mean epochs?"),
        ("trainin.epochs=5", "trainin: unknown key; did you mean training?"),
        ("training=5", "training: expected a table, got 5"),
        (
            "training.loss.margin=1",
            "override 'training.loss.margin=1': no 'margin' in training.loss: expected a table, got 'logistic'",
        ),
        (
            "network.layers[7].units=3",
            "override 'network.layers[7].units=3': no '7' in network.layers: expected a table",
        ),
    ],
)
def test_a_bad_override_is_told(mistake, assignment, message):
    assert mistake("xor", "--set", assignment).startswith(message)


def test_the_last_override_of_a_key_holds(chainrule):
    shown = chainrule("train", "xor", "--set", "training.epochs=9", "--set", "training.epochs=2")
    assert "epoch 2/2" in shown.out


def test_a_path_in_an_override_is_relative_to_the_current_folder(chainrule, folder, recipe):
    path = recipe()
    (path.parent / "table.csv").rename(folder / "moved.csv")
    assert chainrule("summary", path, "--set", "data.path=moved.csv").status == 0


def test_a_misspelt_command_is_answered_with_the_nearest(chainrule):
    shown = chainrule("trian", "digits")
    assert shown.status == 2
    assert "No such command 'trian'. Did you mean train?" in shown.err


@pytest.mark.parametrize(
    ("command", "distribution"),
    [("predict", "chainrule-runs"), ("evaluate", "chainrule-runs"), ("plot", "chainrule-plots")],
)
def test_a_command_that_is_not_installed_is_named_with_what_brings_it(chainrule, monkeypatch, command, distribution):
    found = [entry for entry in registry.default.entries() if entry.distribution != distribution]
    monkeypatch.setattr(registry, "default", registry.Registry(lambda: found))
    shown = chainrule(command, "run")
    assert (shown.status, shown.out) == (2, "")
    folder = Path(__file__).parents[2] / distribution.removeprefix("chainrule-")
    hint = f"{distribution} brings it: pip install {folder}"
    assert shown.err.endswith(f"Error: No such command '{command}'; {hint}\n"), shown.err
