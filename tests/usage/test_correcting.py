"""Usage that is derived again while somebody cancels the booking that it belongs to: neither waits in a ring."""

from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from fablab.core import audit
from fablab.core.actor import system
from fablab.core.db import db
from fablab.reservations import service
from fablab.reservations.models import Reservation
from fablab.usage import recording
from fablab.usage.changes import SessionChange
from fablab.usage.models import UsageSession
from fablab.usage.recording import Derived
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_closing_race import meanwhile

HOUR = timedelta(hours=1)


def test_correcting_writes_the_log_last(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    laser, ada = make.make_machine(), make.make_person()
    device = make.make_device(laser)
    booked = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 3 * HOUR)
    begun = NOW + HOUR + timedelta(minutes=5)
    gone = make.save(
        UsageSession(device_id=device.id, resource_id=laser.id, key="wrong", started_at=NOW, updated_at=NOW)
    )
    told = [Derived(device.id, laser.id, SessionChange(key="right", start_at=begun.timestamp()))]
    ident, gone_id, desk = booked.id, gone.id, system("cli")
    cancelled = partial(service.cancel, make.make_actor(ada), ident, NOW)
    corrected = partial(recording.correct, desk, told, [gone_id], begun)
    first, second = meanwhile(app, monkeypatch, "cancelled", cancelled, corrected)
    assert not isinstance(first, Exception), first
    assert not isinstance(second, Exception), second
    assert db.session.get_one(Reservation, ident).started_at is None
    actions = [one.action for one in audit.history("usage_session", str(gone_id))]
    assert "usage.withdrawn" in actions
