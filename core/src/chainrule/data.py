"""The path by which plug-ins know `chainrule.learning.data`: the same module."""

import sys

from .learning import data as home
from .learning.data import *

sys.modules[__name__] = home
