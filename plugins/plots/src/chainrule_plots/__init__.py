"""Pictures of chainrule's runs. matplotlib is imported when something is drawn."""

from .activations import draw_activations, outputs
from .canvas import render, save
from .confusion import draw_confusion
from .curves import draw_history
from .decisions import Decisions, decisions
from .hook import HistoryPlot
from .predicted import draw_predicted
from .runs import load_network, read_history
from .weights import draw_weights

__all__ = [
    "Decisions",
    "HistoryPlot",
    "decisions",
    "draw_activations",
    "draw_confusion",
    "draw_history",
    "draw_predicted",
    "draw_weights",
    "load_network",
    "outputs",
    "read_history",
    "render",
    "save",
]
__version__ = "0.1.0"
