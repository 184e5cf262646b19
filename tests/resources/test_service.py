"""Resources: filters, service state, photos, on both databases."""

import struct
import zlib
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Role
from fablab.core.audit import AuditEntry
from fablab.core.config import Config
from fablab.core.db import db
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.resources import photos, service
from fablab.resources.models import Kind, ServiceState
from fablab.resources.pictures import picture
from tests import factories as make
from tests.factories import NOW

MANAGER = {"role": Role.MANAGER}


def png(width: int = 3, height: int = 2) -> bytes:
    """A real, grey PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(min(height, 10))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.usefixtures("app")
def test_filters_all_must_fit_and_accents_do_not_matter() -> None:
    hall = make.make_place("Hall")
    corner = make.make_place("Corner", parent_id=hall.id)
    laser = make.make_machine("Découpeuse laser", place_id=corner.id, model="Trotec")
    room = make.make_machine("Salle", kind=Kind.ROOM, place_id=hall.id)
    make.make_machine("Gone", retired_at=NOW)
    assert [one.id for one in service.list_resources()] == [laser.id, room.id]
    assert [one.id for one in service.list_resources(search="decoupeuse TROTEC")] == [laser.id]
    assert [one.id for one in service.list_resources(place_id=hall.id)] == [laser.id, room.id]
    assert [one.id for one in service.list_resources(place_id=hall.id, kind=Kind.ROOM)] == [room.id]
    assert service.list_resources(search="nothing") == []
    assert [(place.id, depth) for place, depth in service.places()] == [(hall.id, 0), (corner.id, 1)]
    assert [path["en"] for path in service.place_path(corner.id)] == ["Hall", "Corner"]


@pytest.mark.usefixtures("app")
def test_out_of_service_is_told_written_down_and_reviewed() -> None:
    staff, laser = make.make_actor(make.make_person(role=Role.INSTRUCTOR)), make.make_machine()
    service.take_out_of_service(staff, laser.id, " lens broken ", NOW)
    assert (laser.service_state, laser.service_note) == (ServiceState.OUT_OF_SERVICE, "lens broken")
    assert [event.kind for event in db.session.scalars(select(Event))] == ["resource.status"]
    (entry,) = db.session.scalars(select(AuditEntry))
    assert (entry.before, entry.after) == (
        {"service_state": "in_service", "service_note": ""},
        {"service_state": "out_of_service", "service_note": "lens broken"},
    )
    (row,) = db.session.scalars(select(Outbox))
    assert row.payload["resource_id"] == laser.id
    with pytest.raises(Conflict):
        service.take_out_of_service(staff, laser.id, "lens broken", NOW)
    service.put_into_service(staff, laser.id, NOW)
    assert laser.service_state is ServiceState.IN_SERVICE


@pytest.mark.usefixtures("app")
def test_only_staff_close_only_managers_change() -> None:
    maker, instructor = make.make_actor(make.make_person()), make.make_actor(make.make_person(role=Role.INSTRUCTOR))
    laser = make.make_machine()
    with pytest.raises(Forbidden):
        service.take_out_of_service(maker, laser.id, "no", NOW)
    with pytest.raises(Forbidden):
        service.change(instructor, laser.id, {"model": "x"}, NOW)
    with pytest.raises(Invalid):
        service.take_out_of_service(instructor, laser.id, "  ", NOW)
    manager = make.make_actor(make.make_person(**MANAGER))
    with pytest.raises(Invalid):
        service.change(manager, laser.id, {"retired_at": NOW}, NOW)
    with pytest.raises(Invalid):
        service.change(manager, laser.id, {"place_id": 99}, NOW)
    service.retire(manager, laser.id, NOW)
    with pytest.raises(NotFound):
        service.get_resource(laser.id)


def test_photos_are_known_by_their_content(app: Flask, config: Config) -> None:
    manager, laser = make.make_actor(make.make_person(**MANAGER)), make.make_machine()
    service_folder = config.path(Path("var/photos"))
    photos.set_photo(manager, laser.id, png(), NOW)
    file, mimetype = photos.photo_file(laser)
    assert (mimetype, file.parent, file.read_bytes()) == ("image/png", service_folder, png())
    photos.set_photo(manager, laser.id, png(5, 5), NOW)
    assert not file.exists()
    for wrong in (
        b"",
        b"<svg onload=alert(1)>",
        b"GIF89a" + bytes(20),
        png(10_000, 10_000),
        png() + bytes(photos.MAX_BYTES),
    ):
        with pytest.raises(Invalid):
            photos.set_photo(manager, laser.id, wrong, NOW)
    assert len(list(service_folder.iterdir())) == 1
    photos.remove_photo(manager, laser.id, NOW)
    with pytest.raises(NotFound):
        photos.photo_file(laser)


JPEG = b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x0b\x08\x00\x10\x00\x20\x01\x01\x11\x00"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(7, 9), ("png", 7, 9)),
        (JPEG, ("jpg", 32, 16)),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x1f\0\0\x0f\0\0", ("webp", 32, 16)),
        (JPEG[:14], None),
        (png()[:18], None),
        (b"RIFF\0\0\0\0WEBPVP8X", None),
        (b"", None),
    ],
)
def test_pictures(content: bytes, expected: tuple[str, int, int] | None) -> None:
    found = picture(content)
    assert (None if found is None else (found.ending, found.width, found.height)) == expected
