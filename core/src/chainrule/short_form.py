"""The path by which plug-ins know `chainrule.functions.short_form`: the same module."""

import sys

from .functions import short_form as home
from .functions.short_form import *

sys.modules[__name__] = home
