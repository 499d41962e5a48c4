"""The path by which plug-ins know `chainrule.assembly.offers`: the same names."""

from .assembly.offers import *
