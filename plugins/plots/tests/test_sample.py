from dataclasses import dataclass

import numpy as np
import pytest

from chainrule import DataError, Jacobian, Layer, Network, Reshape, ShapeError
from chainrule_plots import draw_activations, outputs
from chainrule_plots.sample import read_sample


@dataclass(frozen=True)
class Squares(Layer):
    """A layer that takes indices."""

    integer_input = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return (x * x).astype(np.float32)

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:]))


@pytest.fixture
def indices():
    return Network([Squares()], 3)


def test_numbers_of_a_csv_file_are_indices_where_the_network_takes_them(indices, tmp_path, texts):
    (tmp_path / "a.csv").write_text("1,2.0,3\n")
    sample = read_sample(tmp_path / "a.csv", indices)
    assert sample.dtype.kind == "i"
    assert outputs(indices, sample)[1].tolist() == [1, 4, 9]
    assert "layer 0, Squares(): 3 numbers" in texts(draw_activations(indices, sample))


def test_numbers_that_are_no_indices_are_refused(indices, tmp_path):
    (tmp_path / "a.csv").write_text("1,2.5,3\n")
    with pytest.raises(DataError, match="expected integers, got float64; it takes indices"):
        draw_activations(indices, read_sample(tmp_path / "a.csv", indices))


def test_the_error_has_both_shapes(indices, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 1)))
    with pytest.raises(ShapeError) as caught:
        read_sample(tmp_path / "a.npy", indices)
    assert (caught.value.expected, caught.value.got) == ((3,), (3, 1))


def test_bytes_that_are_no_text_are_refused(indices, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"a\.csv: 'utf-8' codec can't decode"):
        read_sample(tmp_path / "a.csv", indices)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00\x76\x00{"])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_file_cut_short_is_refused(indices, tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"--activations .*{name}: "):
        read_sample(tmp_path / name, indices)
