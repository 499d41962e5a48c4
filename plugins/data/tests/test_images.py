"""Pictures in folders, written by pillow from arrays that the reader has to give back."""

import re
import sys
import tracemalloc

import numpy as np
import pytest

import chainrule
from chainrule import ChainruleWarning, DataError, PluginError, SettingError
from chainrule_data import images_reader, read_images

Image = pytest.importorskip("PIL.Image", reason="pillow is of the extra chainrule-data[images]")
RNG = np.random.default_rng(2)


@pytest.fixture
def write(tmp_path):
    """A function that writes an array as a picture into the folder of a class, and returns the path."""

    def write(name, array=None, **settings):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        array = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8) if array is None else array
        (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(path, **settings)
        return path

    return write


def pictures(count, *shape):
    return [RNG.integers(0, 256, shape).astype(np.uint8) for _ in range(count)]


def refused(path, reason, place="", **settings):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path / place)) + reason):
        np.asarray(read_images(path, **settings).x)


# What is read


def test_a_folder_is_a_class_and_both_are_in_alphabetical_order(write, tmp_path):
    arrays = pictures(4, 4, 5, 3)
    for name, array in zip(("dog/b.png", "cat/x.PNG", "dog/a.png", "bird/10.png"), arrays, strict=True):
        write(name, array, format="PNG")
    data = read_images(tmp_path)
    assert data.classes == ("bird", "cat", "dog")
    assert data.y.tolist() == [0, 1, 2, 2]
    assert data.x.dtype == np.uint8
    assert np.array_equal(data.x, [arrays[3], arrays[1], arrays[2], arrays[0]])
    assert data.x_test is None


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.JPG"])
def test_jpeg_is_read(write, tmp_path, name):
    smooth = np.full((8, 8, 3), 90, np.uint8)
    write(f"one/{name}", smooth, format="JPEG")
    assert np.abs(read_images(tmp_path).x.astype(int) - smooth).max() <= 3


def test_grey_has_one_channel(write, tmp_path):
    (grey,) = pictures(1, 4, 5)
    write("one/a.png", grey)
    write("one/b.png", np.dstack([grey] * 3))
    data = read_images(tmp_path, colour="grey")
    assert np.array_equal(data.x, [grey[..., None]] * 2)
    assert np.array_equal(read_images(tmp_path).x, [np.dstack([grey] * 3)] * 2)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_pictures_of_every_mode_become_the_same_colours(write, tmp_path, mode):
    white = Image.new("RGB", (3, 2), "white").convert(mode)
    write("one/a." + ("jpg" if mode in ("CMYK", "YCbCr") else "png"), white)
    assert np.array_equal(read_images(tmp_path).x, np.full((1, 2, 3, 3), 255))


def test_of_one_size_and_resized_if_asked(write, tmp_path):
    write("one/a.png", np.full((4, 6, 3), 10, np.uint8))
    write("one/b.png", np.full((9, 3, 3), 200, np.uint8))
    for size, shape in ((3, (3, 3)), ([2, 5], (2, 5)), ((7, 1), (7, 1))):
        x = read_images(tmp_path, size=size).x
        assert x.shape == (2, *shape, 3)
        assert (x[0] == 10).all()
        assert (x[1] == 200).all()


def test_half_the_size_is_the_mean_of_what_is_there(write, tmp_path):
    write("one/a.png", np.repeat(np.repeat(np.array([[40, 200], [200, 40]], np.uint8), 8, 0), 8, 1))
    half = read_images(tmp_path, size=8, colour="grey").x[0, ..., 0].astype(int)
    assert half[:3, :3].tolist() == [[40] * 3] * 3
    assert abs(half.mean() - 120) < 1


def test_a_camera_that_lay_on_its_side_is_turned_back(write, tmp_path):
    (array,) = pictures(1, 4, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row of the picture is what should be its right side
    write("one/a.png", array, exif=exif)
    assert np.array_equal(read_images(tmp_path).x[0], np.rot90(array, -1))
    write("one/b.png", np.rot90(array, -1))
    assert read_images(tmp_path).x.shape == (2, 5, 4, 3)


def test_one_picture_has_the_class_of_its_folder(write, monkeypatch, tmp_path):
    path = write("dog/a.png")
    for given in (path, str(path)):
        data = read_images(given)
        assert (len(data.x), data.y.tolist(), data.classes) == (1, [0], ("dog",))
    data = read_images(path, labelled=False)
    assert (data.y, data.classes) == (None, None)
    monkeypatch.chdir(path.parent)
    assert read_images("a.png").classes == ("dog",)


def test_without_labels_pictures_may_lie_anywhere(write, tmp_path):
    arrays = pictures(2, 4, 5, 3)
    write("b.png", arrays[0])
    assert np.array_equal(read_images(tmp_path, labelled=False).x, arrays[:1])
    write("dog/a.png", arrays[1])
    data = read_images(tmp_path, labelled=False)
    assert (data.y, data.classes) == (None, None)
    assert np.array_equal(data.x, arrays)


def test_a_test_part_has_the_classes_and_the_size_of_training(write, tmp_path):
    for name in ("train/cat/a.png", "train/dog/a.png", "train/dog/b.png", "test/dog/z.png"):
        write(name)
    data = chainrule.dataset("images", path=tmp_path / "train", test_path=tmp_path / "test")
    assert (data.y.tolist(), data.y_test.tolist(), data.classes) == ([0, 1, 1], [1], ("cat", "dog"))
    assert data.x_test.shape == (1, 4, 5, 3)


def test_a_validation_part_may_have_a_folder_of_its_own(write, tmp_path):
    for name in ("train/cat/a.png", "train/dog/a.png", "train/dog/b.png", "held/dog/z.png", "cows/cow/z.png"):
        write(name)
    data = chainrule.dataset("images", path=tmp_path / "train", validation_path=tmp_path / "held", split="none")
    assert (data.y.tolist(), data.y_validation.tolist(), data.x_test) == ([0, 1, 1], [1], None)
    assert data.x_validation.shape == (1, 4, 5, 3)
    with pytest.raises(DataError, match="got cow; that part has classes that training knows nothing of"):
        read_images(tmp_path / "train", validation_path=tmp_path / "cows")


def test_the_split_is_that_of_any_data(write, tmp_path):
    for i in range(20):
        write(f"{'cat' if i < 10 else 'dog'}/{i:02}.png")
    data = chainrule.dataset("images", path=tmp_path, scale=1 / 255, test_fraction=0.2)
    assert (len(data.x), sorted(data.y_test.tolist())) == (16, [0, 0, 1, 1])
    assert 0.5 < data.x.max() <= 1


# What is larger than memory


@pytest.fixture
def large(monkeypatch):
    """Nothing is small enough to be read at once."""
    monkeypatch.setattr(images_reader, "IN_MEMORY", 0)


def test_a_large_set_is_read_when_it_is_used(write, tmp_path, large):
    arrays = pictures(6, 4, 5, 3)
    files = [write(f"{'ab'[i > 2]}/{i}.png", array) for i, array in enumerate(arrays)]
    data = chainrule.dataset("images", path=tmp_path, split="ordered", test_fraction=0.34)
    assert not isinstance(data.x, np.ndarray)
    assert (data.x.shape, data.x.dtype, data.x_test.shape) == ((4, 4, 5, 3), np.uint8, (2, 4, 5, 3))
    assert np.array_equal(data.x[[2, 0, 2]], [arrays[2], arrays[0], arrays[2]])
    assert np.array_equal(data.x_test[:], arrays[4:])
    assert np.array_equal(data.x[-1], arrays[3])
    files[1].write_bytes(b"")
    assert np.array_equal(data.x[2:], arrays[2:4])
    with pytest.raises(DataError, match=re.escape(str(files[1]))):
        data.x[:2]


def test_memory_is_that_of_the_rows(write, tmp_path):
    shape, count = (200, 300, 3), 100  # 18 MB
    for i in range(count):
        write(f"one/{i}.png", np.full(shape, i, np.uint8))
    tracemalloc.start()
    try:
        data = read_images(tmp_path)
        assert data.x.nbytes == count * np.prod(shape)
        assert sum(int(data.x[i : i + 10].sum(dtype=int)) for i in range(0, count, 10)) == sum(range(100)) * np.prod(
            shape
        )
        assert tracemalloc.get_traced_memory()[1] < data.x.nbytes / 4
    finally:
        tracemalloc.stop()


# What is wrong


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"colour": "color"}, "colour: expected one of 'rgb', 'grey', got 'color'"),
        ({"size": 0}, "size: expected an int of at least 1 or a pair of them, got 0"),
        ({"size": [2, 3, 3]}, "size: expected an int of at least 1 or a pair of them, got [2, 3, 3]"),
        ({"labelled": 1}, "labelled: expected True or False, got 1"),
    ],
)
def test_wrong_settings_are_told(write, tmp_path, settings, message):
    write("one/a.png")
    with pytest.raises(SettingError) as told:
        read_images(tmp_path, **settings)
    assert str(told.value) == message


def test_nothing_there_is_told(tmp_path):
    refused(tmp_path / "gone", ": no such file; a path in a recipe is relative to the recipe")
    (tmp_path / "one").mkdir()
    refused(tmp_path, r": expected pictures of .png, .jpg, .jpeg, in a folder for each class, got none$")
    refused(tmp_path, r": expected pictures of .png, .jpg, .jpeg, got none$", labelled=False)


def test_a_picture_in_no_class_is_told(write, tmp_path):
    write("dog/a.png")
    write("b.png")
    refused(tmp_path, r": expected pictures of .*, in a folder for each class, got b.png in none$")


def test_what_is_no_picture_is_left_out_with_a_warning(write, tmp_path):
    write("dog/a.png")
    for name in ("list.txt", "dog/b.gif", "dog/.hidden"):
        (tmp_path / name).touch()
    (tmp_path / "dog" / "inner").mkdir()
    told = r": what is no picture of .png, .jpg, .jpeg is left out: list.txt, dog.b.gif, dog.inner$"
    with pytest.warns(ChainruleWarning, match=re.escape(str(tmp_path)) + told):
        assert len(read_images(tmp_path).x) == 1
    for i in range(9):
        (tmp_path / f"{i}.txt").touch()
    with pytest.warns(ChainruleWarning, match=r": 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, …$"):
        read_images(tmp_path)


def test_another_size_is_told_with_what_resizes_them(write, tmp_path):
    write("dog/a.png")
    write("dog/b.png", np.zeros((4, 6, 3), np.uint8))
    first = re.escape(str(tmp_path / "dog" / "a.png"))
    refused(
        tmp_path,
        rf": expected 4×5, as {first}, got 4×6; size = .height, width. resizes",
        "dog/b.png",
    )
    write("test/dog/a.png", np.zeros((2, 6, 3), np.uint8))
    write("train/dog/a.png")
    with pytest.raises(DataError, match=r"a.png: expected 4×5, as the others, got 2×6; size = .height, width. resizes"):
        read_images(tmp_path / "train", test_path=tmp_path / "test")


def test_a_class_that_training_does_not_have_is_told(write, tmp_path):
    write("train/cat/a.png")
    write("train/dog/a.png")
    write("test/cow/a.png")
    told = r": expected a class of cat, dog, got cow; that part has classes that training knows nothing of$"
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "test" / "cow")) + told):
        read_images(tmp_path / "train", test_path=tmp_path / "test")


def test_a_damaged_file_is_told(write, tmp_path):
    whole = write("dog/a.png", RNG.integers(0, 256, (40, 40, 3)).astype(np.uint8)).read_bytes()
    reason = r": cannot be read: .*; it may be damaged, or of another format$"
    for content in (b"", b"no picture", whole[:8], whole[: len(whole) // 2], whole[:60] + b"\0" * 40 + whole[100:]):
        (tmp_path / "dog" / "a.png").write_bytes(content)
        refused(tmp_path, reason, "dog/a.png")


def test_another_format_under_the_name_is_refused(write, tmp_path):
    write("dog/a.png", np.zeros((4, 4, 3), np.uint8), format="GIF")
    refused(tmp_path, ": cannot be read: UnidentifiedImageError", "dog/a.png")


def test_a_header_that_declares_more_than_fits_is_told(write, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    write("dog/a.png")
    refused(tmp_path, ": cannot be read: DecompressionBombError", "dog/a.png")


def test_more_than_eight_bits_are_refused_and_not_cut_off(write, tmp_path):
    write("dog/a.png", np.full((4, 5), 40000, np.uint16))
    told = ": expected a picture of 8 bits a channel, got I;16; save it with 8 bits a channel"
    refused(tmp_path, told, "dog/a.png")


def test_without_pillow_what_brings_it_is_told(write, tmp_path, monkeypatch):
    write("dog/a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(PluginError) as told:
        read_images(tmp_path)
    assert str(told.value) == "pillow, which reads pictures, is not installed; pip install pillow"
