"""Addresses of built front-end files: a plain name (`app.js`) becomes the file with its content hash.

`frontend/build.mjs` writes them and `manifest.json` into `static/dist/`. A hashed file never changes, so browsers may
keep it for ever.
"""

import json
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, Response, request, url_for
from markupsafe import Markup

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"


class AssetsMissing(RuntimeError):
    """The front end was not built, or has no such file."""


def init_app(app: Flask) -> None:
    """Gives templates `asset_url` and lets browsers keep hashed files."""
    app.jinja_env.globals.update(asset_url=asset_url, svg_icon=icon)
    app.after_request(_keep_hashed)


def asset_url(name: str) -> str:
    """The address of a built file by its plain name. Raises AssetsMissing when it was not built."""
    return _address(DIST, name, request.root_path)


def built(name: str) -> Path:
    """Where a built file lies, by its plain name. Raises AssetsMissing when it was not built."""
    return DIST / _hashed(DIST, name)


@lru_cache(maxsize=1024)
def _address(folder: Path, name: str, _root: str) -> str:
    return url_for("static", filename=f"dist/{_hashed(folder, name)}")


def _hashed(folder: Path, name: str) -> str:
    found = _manifest(folder).get(name)
    if found is None:
        raise AssetsMissing(f"the front end has no {name}: build it with `make assets`")
    return found


@lru_cache(maxsize=1024)
def _icon(name: str, label: str, large: bool, sprite: str) -> Markup:
    look = "icon icon-large" if large else "icon"
    said = Markup('role="img" aria-label="%s"') % label if label else Markup('aria-hidden="true"')
    drawn = Markup('<svg class="%s" %s focusable="false"><use href="%s#%s"></use></svg>')
    return drawn % (look, said, sprite, name)


def icon(name: str, label: str = "", large: bool = False) -> Markup:
    """An icon of the sprite; see macros/icons.html."""
    return _icon(str(name), str(label), large, asset_url("sprite.svg"))


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
