"""The photo of a resource: checked by its content, kept under a name of our own beside the database."""

import secrets
from datetime import datetime
from pathlib import Path

from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.db import lock, transaction
from fablab.core.errors import Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.resources.models import Resource
from fablab.resources.pictures import picture

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 50_000_000

MIMETYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


def folder() -> Path:
    """Where photos are kept."""
    return config().path(Path("var/photos"))


def set_photo(actor: Actor, resource_id: int, content: bytes, now: datetime) -> Resource:
    """Replaces the photo. Managers. Raises Invalid for what is no picture or too large, NotFound."""
    _need_manager(actor)
    name = f"{secrets.token_hex(16)}.{_ending(content)}"
    folder().mkdir(parents=True, exist_ok=True)
    file = folder() / name
    file.write_bytes(content)
    try:
        return _keep(actor, resource_id, name, now)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def remove_photo(actor: Actor, resource_id: int, now: datetime) -> Resource:
    """Takes the photo away; none is fine too. Managers."""
    _need_manager(actor)
    return _keep(actor, resource_id, None, now)


def photo_file(resource: Resource) -> tuple[Path, str]:
    """File and content type of the photo. Raises NotFound where there is none."""
    file = folder() / (resource.photo or "none")
    if resource.photo is None or not file.is_file():
        raise NotFound("There is no photo.")
    return file, MIMETYPES[file.suffix.removeprefix(".")]


def _keep(actor: Actor, resource_id: int, name: str | None, now: datetime) -> Resource:
    with transaction():
        resource = lock(Resource, resource_id)
        if resource is None or resource.retired_at is not None:
            raise NotFound(f"There is no resource {resource_id}.")
        old, resource.photo = resource.photo, name
        audit.record(actor, "resource.photo", resource, now, before={"photo": old}, after={"photo": name})
        events.append("resource.changed", now, resource_id=str(resource.id))
    if old:
        (folder() / old).unlink(missing_ok=True)
    return resource


def _ending(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise Invalid({"photo": "must have at most 8 MiB"})
    found = picture(content)
    if found is None:
        raise Invalid({"photo": "must be a PNG, JPEG or WebP picture"})
    if found.width * found.height > MAX_PIXELS:
        raise Invalid({"photo": "must have at most 50 million pixels"})
    return found.ending


def _need_manager(actor: Actor) -> None:
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("this needs the role manager")
