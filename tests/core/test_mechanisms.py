"""Events, outbox and audit log: nothing out of order, nothing delivered by two, nothing changed unseen."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from fablab.core import audit, events, outbox
from fablab.core.actor import system
from fablab.core.db import db, transaction
from tests import factories as make

SECOND = timedelta(seconds=1)


def test_events_come_back_in_order_after_the_last_seen(app: Flask) -> None:
    for number in range(3):
        with transaction():
            events.append("test.happened", make.NOW, number=number)
    first = events.since(0)
    assert [event.data["number"] for event in first] == [0, 1, 2]
    assert [event.data["number"] for event in events.since(first[0].id)] == [1, 2]
    assert events.newest_id() == first[-1].id


def test_an_event_of_a_failed_transaction_never_happened(app: Flask) -> None:
    def fail() -> None:
        with transaction():
            events.append("test.happened", make.NOW)
            raise LookupError("too late")

    with pytest.raises(LookupError):
        fail()
    assert events.newest_id() == 0


def put(**over: object) -> None:
    with transaction():
        outbox.put("device", "1", {"off": True}, make.NOW, **over)  # type: ignore[arg-type]  # due_at only


def test_a_delivery_is_claimed_once(app: Flask) -> None:
    put()
    with transaction():
        assert [row.payload for row in outbox.claim("device", make.NOW)] == [{"off": True}]
    with transaction():
        assert outbox.claim("device", make.NOW) == []


def test_a_claim_runs_out_so_that_a_crash_loses_nothing(app: Flask) -> None:
    put()
    with transaction():
        outbox.claim("device", make.NOW)
    with transaction():
        again = outbox.claim("device", make.NOW + outbox.CLAIM_FOR + SECOND)
        assert [row.attempts for row in again] == [2]


def test_what_is_done_or_not_due_or_of_another_kind_is_not_claimed(app: Flask) -> None:
    put()
    put(due_at=make.NOW + timedelta(hours=1))
    with transaction():
        (row,) = outbox.claim("device", make.NOW)
        outbox.done(row.id, make.NOW)
    with transaction():
        assert outbox.claim("device", make.NOW + outbox.CLAIM_FOR + SECOND) == []
        assert outbox.claim("mail", make.NOW + timedelta(days=1)) == []


def test_a_failed_delivery_comes_back_when_it_is_due_again(app: Flask) -> None:
    put()
    with transaction():
        (row,) = outbox.claim("device", make.NOW)
        outbox.failed(row.id, "the broker is away", make.NOW + 10 * SECOND)
    with transaction():
        assert outbox.claim("device", make.NOW + 5 * SECOND) == []
        (row,) = outbox.claim("device", make.NOW + 10 * SECOND)
        assert row.last_error == "the broker is away"


def write_audit(count: int = 3) -> None:
    person = make.make_person()
    for number in range(count):
        with transaction():
            audit.record(
                system("cli"), "person.changed", person, make.NOW, before={"n": number}, after={"n": number + 1}
            )


def test_the_audit_log_tells_before_and_after(app: Flask) -> None:
    write_audit()
    person_id = db.session.scalar(text("SELECT id FROM person"))
    newest = audit.history("person", str(person_id))[0]
    assert (newest.before, newest.after, newest.via) == ({"n": 2}, {"n": 3}, "cli")
    assert audit.verify() is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        pytest.param("UPDATE audit_entry SET via = 'web' WHERE id = 2", 2, id="changed"),
        pytest.param("DELETE FROM audit_entry WHERE id = 2", 3, id="removed"),
        pytest.param("UPDATE audit_entry SET id = 99 WHERE id = 1", 2, id="moved"),
    ],
)
def test_tampering_with_the_audit_log_is_found(app: Flask, tampering: str, broken: int) -> None:
    write_audit()
    with db.engine.begin() as connection:
        connection.execute(text(tampering))
    db.session.remove()
    assert audit.verify() == broken
