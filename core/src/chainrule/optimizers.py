"""The path by which plug-ins know `chainrule.learning.optimizers`: the same module."""

import sys

from .learning import optimizers as home
from .learning.optimizers import *

sys.modules[__name__] = home
