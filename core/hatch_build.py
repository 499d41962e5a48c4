"""Puts `offers.json` into what is built of chainrule: what the distributions of the repository offer."""

import json
import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class OffersHook(BuildHookInterface):
    """Reads the entry points of every distribution of the clone; a source distribution brings the file along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless the clone itself will be read."""
        clone = Path(self.root).parent
        if version == "editable" or not (clone / "plugins").is_dir():
            return
        module = runpy.run_path(str(Path(self.root, "src", "chainrule", "assembly", "offers.py")))
        self.made = tempfile.TemporaryDirectory()
        file = Path(self.made.name, module["NAME"])
        file.write_text(json.dumps(module["of_clone"](clone), indent=1) + "\n", encoding="utf-8")
        package = "src/chainrule" if self.target_name == "sdist" else "chainrule"
        build_data["force_include"][str(file)] = f"{package}/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made."""
        if hasattr(self, "made"):
            self.made.cleanup()
