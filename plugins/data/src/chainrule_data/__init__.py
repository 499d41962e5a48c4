"""Data sets that ship (xor, digits), and readers for csv, Parquet, Arrow, npz and idx files, pictures and texts."""

from .arrow_reader import read_arrow, read_parquet
from .csv_reader import read_csv
from .digits import digits
from .frame_reader import read_frame
from .idx_reader import read_idx
from .images_reader import read_images
from .npz_reader import read_npz
from .table_preparation import TablePreparation
from .text_reader import read_text
from .xor import xor

__all__ = [
    "TablePreparation",
    "digits",
    "read_arrow",
    "read_csv",
    "read_frame",
    "read_idx",
    "read_images",
    "read_npz",
    "read_parquet",
    "read_text",
    "xor",
]
