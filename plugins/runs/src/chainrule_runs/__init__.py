"""Runs that survive a kill, and networks as files."""

from .early_stopping import EarlyStopping
from .logs import CSVLog, JSONLLog
from .model import Model, open_model
from .run_folder import RunFolder
from .saved import load, save
from .warm_start import start_from

__all__ = ["CSVLog", "EarlyStopping", "JSONLLog", "Model", "RunFolder", "load", "open_model", "save", "start_from"]
