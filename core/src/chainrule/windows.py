"""The path by which plug-ins know `chainrule.functions.windows`: the same names."""

from .functions.windows import *
