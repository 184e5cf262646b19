"""Built front-end files: their addresses, their licences, and that templates name only icons that are in the sprite."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask

from fablab.web import assets, names, navigation
from tests.meta.tree import ROOT
from tests.tools import absent

ICONS = ROOT / "frontend" / "src" / "icons.json"
NAMED = re.compile(r"""\b(?:icon|empty)\(["']([a-z0-9-]+)["']""")


@pytest.fixture
def built() -> Path:
    """The folder of built files; the test is skipped where nobody has built them."""
    if not (assets.DIST / "manifest.json").exists():
        absent("the front end is not built: `make assets`")
    return assets.DIST


def test_an_asset_goes_by_its_plain_name_to_a_file_that_is_there(app: Flask, built: Path) -> None:
    with app.test_request_context():
        url = assets.asset_url("app.js")
    assert re.fullmatch(r"/static/dist/app-[A-Z0-9]+\.js", url)
    assert (built / Path(url).name).exists()


def test_an_unknown_asset_is_named(app: Flask, built: Path) -> None:
    with app.test_request_context(), pytest.raises(assets.AssetsMissing, match=r"no other\.js"):
        assets.asset_url("other.js")


def test_without_a_build_one_is_told_how_to_make_one(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "DIST", tmp_path)
    with app.test_request_context(), pytest.raises(assets.AssetsMissing, match="make assets"):
        assets.asset_url("app.js")


def test_every_file_of_the_manifest_exists_and_nothing_names_another_host(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    assert set(manifest) >= {"app.js", "app.css", "wall.js", "theme.js", "sprite.svg", "swagger-ui.css", "api-docs.js"}
    for name in manifest.values():
        assert (built / name).exists()
    css = (built / manifest["app.css"]).read_text(encoding="utf-8")
    assert not re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import\s*[\"'(]", css)


def test_the_licences_of_what_is_bundled_are_beside_it(built: Path) -> None:
    texts = (built / "LICENSES.txt").read_text(encoding="utf-8")
    for name in ("htmx.org", "@tabler/core", "@tabler/icons", "uplot", "swagger-ui-dist"):
        assert f"\n{name} " in texts


def test_templates_name_only_icons_that_are_in_the_sprite() -> None:
    known = set(json.loads(ICONS.read_text()))
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert set(NAMED.findall(text)) <= known, path.name


def test_the_icons_of_states_menu_and_kinds_are_in_the_sprite(app: Flask) -> None:
    known = set(json.loads(ICONS.read_text()))
    assert {icon for _path, _text, icon, _role in navigation.ENTRIES} <= known
    assert set(names.KIND_ICONS.values()) <= known
    states = app.jinja_env.get_template("macros/states.html").module
    assert {states.state_icon(state).strip() for state in names.STATES} <= known  # type: ignore[attr-defined]  # a macro
