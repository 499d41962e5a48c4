"""The path by which plug-ins know `chainrule.conformance.differences`: the same names."""

from .conformance.differences import *
