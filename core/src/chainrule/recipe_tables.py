"""The path by which plug-ins know `chainrule.assembly.recipe_tables`: the same names."""

from .assembly.recipe_tables import *
