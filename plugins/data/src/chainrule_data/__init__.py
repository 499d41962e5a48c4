"""Data sets that ship (xor, digits), and readers for csv, npz and idx files and for texts."""

from .csv_reader import read_csv
from .digits import digits
from .idx_reader import read_idx
from .npz_reader import read_npz
from .table_preparation import TablePreparation
from .text_reader import read_text
from .xor import xor

__all__ = ["TablePreparation", "digits", "read_csv", "read_idx", "read_npz", "read_text", "xor"]
