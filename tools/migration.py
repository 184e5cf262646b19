"""Writes the next migration from what the models have and the last migration has not: `make migration NAME=…`.

The numbers are one line, 0001, 0002, …; `migrations/HEAD` names the last, so that two branches that both add one
collide in git and not in a lab. Read what it wrote: triggers, data and renamed columns are not seen by the comparison.
"""

import re
import sys
import tempfile
from pathlib import Path
from secrets import token_urlsafe

from flask_migrate import revision

from fablab.core import schema
from fablab.core.app import PACKAGE, create_core_app
from fablab.core.config import load_config


def write(name: str) -> Path:
    """The new file; its body is empty where models and migrations agree. Raises SchemaError."""
    number = f"{int(schema.head()) + 1:04d}"
    schema.upgrade()
    revision(message=name.replace("_", " ").capitalize() + ".", rev_id=number, autogenerate=True)
    written = next((PACKAGE / "migrations" / "versions").glob(f"{number}_*.py"))
    (PACKAGE / "migrations" / "HEAD").write_text(written.stem + "\n")
    return written


def main(arguments: list[str]) -> None:
    """Writes the migration named on the command line and says where it is."""
    if len(arguments) != 1 or not re.fullmatch(r"[a-z][a-z0-9_]*", arguments[0]):
        sys.exit("Say what it does in small letters: make migration NAME=adds_workshops")
    with tempfile.TemporaryDirectory() as folder:
        key, file = Path(folder) / "secret_key", Path(folder) / "config.toml"
        key.write_text(token_urlsafe(48))
        file.write_text(f'[web]\nsecret_key_file = "{key}"\n[database]\nurl = "sqlite:///{folder}/models.db"\n')
        with create_core_app(load_config(file)).app_context():
            print(f"Wrote {write(arguments[0]).relative_to(PACKAGE.parent)}; read it before you commit it.")


if __name__ == "__main__":
    main(sys.argv[1:])
