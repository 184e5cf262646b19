"""Addresses of built front-end files: a plain name (`app.js`) becomes the file with its content hash.

`frontend/build.mjs` writes them and `manifest.json` into `static/dist/`. A hashed file never changes, so browsers may
keep it for ever.
"""

import json
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, url_for

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"


class AssetsMissing(RuntimeError):
    """The front end was not built, or has no such file."""


def init_app(app: Flask) -> None:
    """Gives templates `asset_url` and lets browsers keep hashed files."""
    app.jinja_env.globals["asset_url"] = asset_url
    app.after_request(_keep_hashed)


def asset_url(name: str) -> str:
    """The address of a built file by its plain name. Raises AssetsMissing when it was not built."""
    found = _manifest(DIST).get(name)
    if found is None:
        raise AssetsMissing(f"the front end has no {name}: build it with `make assets`")
    return url_for("static", filename=f"dist/{found}")


@cache
def _manifest(folder: Path) -> dict[str, str]:
    try:
        names: dict[str, str] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AssetsMissing("the front end is not built: build it with `make assets`") from None
    return names


def _keep_hashed(response: Response) -> Response:
    if request.endpoint == "static" and request.path.startswith("/static/dist/") and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
