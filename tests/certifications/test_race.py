"""What is entered, granted, withdrawn and held back at once stays true: threads, on both databases."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

from flask import Flask
from sqlalchemy import select

from fablab.certifications import granting, requirements, retiring, service, suspending
from fablab.certifications.linking import Circle
from fablab.certifications.models import Grant, Inclusion, Requirement, Suspension
from fablab.certifications.rules import Held
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, FablabError, NotFound
from fablab.resources.models import Resource
from tests.factories import NOW, make_actor, make_certification, make_grant, make_machine, make_person

ROUNDS = 4


def at_once(app: Flask, acts: Sequence[Callable[[], Any]]) -> list[type[FablabError] | None]:
    """Does all of it at the same time; of each the kind of error, None for done."""
    gate = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> type[FablabError] | None:
        with app.app_context():
            gate.wait(timeout=30)
            try:
                act()
            except FablabError as error:
                return type(error)
            finally:
                db.session.remove()
            return None

    with ThreadPoolExecutor(len(acts)) as threads:
        told = list(threads.map(one, acts))
    db.session.rollback()  # what is read from here on is read anew
    return told


def test_of_links_that_close_a_circle_together_one_is_refused(app: Flask) -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    for _ in range(ROUNDS):
        ids = [make_certification().id for _ in range(3)]
        pairs = list(zip(ids, [*ids[1:], ids[0]], strict=True))
        told = at_once(app, [partial(service.change, actor, one, {"includes": [other]}, NOW) for one, other in pairs])
        assert sorted(told, key=str) == [Circle, None, None]
        rows = select(Inclusion.certification_id, Inclusion.included_id).where(Inclusion.certification_id.in_(ids))
        assert len(db.session.execute(rows).all()) == 3, "two entered, and the one that follows"


def test_nothing_is_granted_around_a_suspension_that_begins_just_then(app: Flask) -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    for _ in range(ROUNDS):
        laser, person = make_certification(), make_person()
        make_grant(person, laser)
        ident, holder, later = laser.id, person.id, NOW + timedelta(seconds=1)
        told = at_once(
            app,
            [
                partial(suspending.suspend, actor, ident, holder, "talk", NOW),
                *[partial(granting.grant, actor, ident, holder, "seen", later)] * 3,
                partial(suspending.suspend, actor, ident, holder, "talk", NOW),
            ],
        )
        assert sorted([told[0], told[-1]], key=str) == [Conflict, None]
        assert set(told[1:-1]) <= {None, Denied}
        held = db.session.scalars(select(Grant).where(Grant.person_id == holder)).all()
        assert all(one.suspended_at == NOW for one in held)


def test_what_is_withdrawn_and_given_free_at_once_ends_withdrawn(app: Flask) -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    for _ in range(ROUNDS):
        laser, person = make_certification(), make_person()
        grant = make_grant(person, laser).id
        ident, holder = laser.id, person.id
        held = suspending.suspend(actor, ident, holder, "talk", NOW).id
        told = at_once(
            app,
            [
                partial(suspending.lift, actor, held, "", NOW),
                partial(granting.revoke_all, actor, ident, holder, "no", NOW),
                partial(suspending.lift, actor, held, "", NOW),
                partial(granting.revoke, actor, grant, "no", NOW),
            ],
        )
        assert [told.count(None), told.count(Conflict)] == [2, 2]
        found = db.session.get_one(Grant, grant, populate_existing=True)
        assert (found.revoked_at, found.suspended_at) == (NOW, None)
        assert db.session.get_one(Suspension, held, populate_existing=True).ended_at == NOW


def test_what_is_taken_out_of_use_is_not_asked_for_and_the_other_way_round(app: Flask) -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    for _ in range(ROUNDS):
        ident, machine = make_certification().id, make_machine().id
        told = at_once(
            app,
            [
                partial(retiring.retire, actor, ident, NOW),
                partial(requirements.require, actor, Resource, machine, Held(ident), NOW),
            ],
        )
        assert told in ([None, NotFound], [retiring.StillAsked, None])
        asked = db.session.scalar(select(Requirement).where(Requirement.resource_id == machine))
        assert (asked is None) is (told[0] is None)
