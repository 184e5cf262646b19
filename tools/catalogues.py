"""Collects the texts of programs and templates into the catalogues: `make i18n`.

English is the source language and has no catalogue. New texts come in untranslated; texts that are gone are dropped.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "fablab" / "translations"
LANGUAGES = ("fr", "bg")
MAPPING = """
[python: fablab/**.py]
[python: firmware_bridge/**.py]
[jinja2: templates/**.html]
[jinja2: templates/**.txt]
[jinja2: templates/**.subject]
"""


def babel(*arguments: str) -> None:
    """Runs one pybabel command from the root. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", "--quiet", *arguments], cwd=ROOT, check=True)


def collect(template: Path, mapping: Path) -> None:
    """Writes every text with the files it stands in."""
    mapping.write_text(MAPPING)
    layout = ["--add-location=file", "--sort-by-file", "--no-wrap", "--project=Fablab", "--add-comments=Translators:"]
    babel("extract", "-F", str(mapping), "-k", "lazy_gettext", "-k", "_l", *layout, "-o", str(template), ".")


def main() -> None:
    """Brings every catalogue up to date."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "messages.pot"
        collect(template, Path(folder) / "babel.cfg")
        for language in LANGUAGES:
            known = (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").exists()
            where = ["-i", str(template), "-d", str(TRANSLATIONS), "-l", language, "--no-wrap"]
            if known:
                babel("update", *where, "--no-fuzzy-matching", "--ignore-obsolete", "--ignore-pot-creation-date")
            else:
                babel("init", *where)


if __name__ == "__main__":
    main()
