"""Many runs: recipes trained with other settings, and runs side by side."""

from .compare import compare
from .points import points
from .sweep import Sweep

__all__ = ["Sweep", "compare", "points"]
