"""The API's own documentation: the OpenAPI document, and a page at /api/docs to read and try it."""

from typing import Any

from apiflask import APIFlask
from flask import Blueprint, render_template

from fablab.web.access import PUBLIC, access

SPEC = "openapi.spec"

blueprint = Blueprint("api_docs", __name__)


def init_app(app: APIFlask) -> None:
    """Opens the OpenAPI document to everybody and serves the page. What a caller may do is decided at each call."""
    app.view_functions[SPEC] = access(PUBLIC)(app.view_functions[SPEC])
    app.register_blueprint(blueprint)
    app.spec_processor(_tags_once)


def _tags_once(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """Blueprints may share a tag; the document names each tag once."""
    if isinstance(spec, dict) and "tags" in spec:
        spec["tags"] = list({tag["name"]: tag for tag in spec["tags"]}.values())
    return spec


@blueprint.get("/api/docs")
@access(PUBLIC)
def page() -> str:
    """The documentation, with the caller's own session or token for trying things out."""
    return render_template("web/api_docs.html", spec=SPEC)
