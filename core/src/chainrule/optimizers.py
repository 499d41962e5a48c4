"""The path by which plug-ins know `chainrule.learning.optimizers`: the same names."""

from .learning.optimizers import *
