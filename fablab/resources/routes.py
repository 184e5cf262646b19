"""What the staff do at a machine's page: close it, open it again, change its photo. The page itself shows what many
packages know, so it is in `fablab.pages`."""

from flask import Blueprint, flash, redirect, request, send_file
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Invalid
from fablab.resources import photos, service
from fablab.web.access import access, actor

blueprint = Blueprint("equipment", __name__, url_prefix="/resources")


@blueprint.get("/<int:resource_id>/photo")
@access(Role.MAKER)
def photo(resource_id: int) -> Response:
    """The photo, as a file that nothing runs from."""
    file, mimetype = photos.photo_file(service.get_resource(resource_id))
    return send_file(file, mimetype=mimetype, as_attachment=True, download_name=file.name, max_age=3600)


@blueprint.post("/<int:resource_id>/out-of-service")
@access(Role.INSTRUCTOR, scope="manage")
def close(resource_id: int) -> Response:
    """Takes it out of service with a note."""
    try:
        service.take_out_of_service(actor(), resource_id, request.form.get("note", ""), clock.now())
        flash(_("It is out of service now."), "success")
    except Invalid:
        flash(_("Please say why it is out of service, in at most 500 characters."), "error")
    except Conflict:
        flash(_("It was out of service already."), "info")
    return _back(resource_id)


@blueprint.post("/<int:resource_id>/in-service")
@access(Role.INSTRUCTOR, scope="manage")
def reopen(resource_id: int) -> Response:
    """Puts it back into service."""
    try:
        service.put_into_service(actor(), resource_id, clock.now())
        flash(_("It can be used again."), "success")
    except Conflict:
        flash(_("It was in service already."), "info")
    return _back(resource_id)


@blueprint.post("/<int:resource_id>/photo")
@access(Role.MANAGER, scope="manage")
def set_photo(resource_id: int) -> Response:
    """Replaces the photo by the uploaded one."""
    upload = request.files.get("photo")
    content = upload.read(photos.MAX_BYTES + 1) if upload else b""
    try:
        photos.set_photo(actor(), resource_id, content, clock.now())
        flash(_("The new photo is there."), "success")
    except Invalid:
        flash(_("This is no PNG, JPEG or WebP picture of at most 8 MiB."), "error")
    return _back(resource_id)


def _back(resource_id: int) -> Response:
    return redirect(f"/resources/{resource_id}", code=303)
