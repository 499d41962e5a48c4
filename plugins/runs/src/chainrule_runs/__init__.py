"""Runs that survive a kill, and networks as files."""

from .early_stopping import EarlyStopping
from .logs import CSVLog, JSONLLog
from .run_folder import RunFolder
from .saved import load, save

__all__ = ["CSVLog", "EarlyStopping", "JSONLLog", "RunFolder", "load", "save"]
