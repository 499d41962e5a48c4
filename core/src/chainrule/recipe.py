"""The path by which plug-ins know `chainrule.assembly.recipe`: the same names."""

from .assembly.recipe import *
