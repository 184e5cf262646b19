"""Puts into the wheel what the checkout has beside the packages: templates, the example configuration, built assets.

A wheel runs without the checkout, so `templates/` and `config.example.toml` go into the `fablab` package, and
`tools/assets.py` builds the front end and compiles the translations where that has not been done yet.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BESIDE_THE_PACKAGE = {
    "templates": "fablab/templates",
    "config.example.toml": "fablab/config.example.toml",
}


class FablabBuildHook(BuildHookInterface):
    """Called by hatchling for every wheel; an editable install uses the checkout as it is and needs none of this."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the missing assets and names the files to include. Raises CalledProcessError when a tool fails."""
        if version == "editable":
            return
        root = Path(self.root)
        subprocess.run([sys.executable, str(root / "tools" / "assets.py"), "--missing"], check=True, cwd=root)
        for source, target in BESIDE_THE_PACKAGE.items():
            if (root / source).exists():
                build_data["force_include"][str(root / source)] = target
