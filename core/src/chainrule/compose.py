"""The path by which plug-ins know `chainrule.functions.compose`: the same names."""

from .functions.compose import *
