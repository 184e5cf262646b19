"""The pages of the booking rules and the closures: what they say, whom they let, what they refuse."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.people.models import MembershipPlan
from fablab.reservations.models import PolicyLevel, PolicyOverride, Reservation, ReservationState
from fablab.resources.models import Closure, Kind, OpeningException, Resource, ResourceGroup
from tests import factories as make
from tests.web_helpers import post, sign_in

ENGLISH = {"Accept-Language": "en"}
CLOSURE = {"resource_id": "", "from_time": "", "until_time": "", "reason_fr": "Travaux", "reason_en": "Works"}


@pytest.fixture
def manager(app: Flask, client: FlaskClient) -> FlaskClient:
    """A manager's browser, in English."""
    sign_in(client, make.make_person(role=Role.MANAGER))
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def override(level: PolicyLevel, target: object, **rules: object) -> None:
    make.save(PolicyOverride(level=level, target=str(target), rules=rules, changed_at=make.NOW))


def booked_tomorrow(laser: Resource, **over: object) -> Reservation:
    at = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    return make.make_reservation(make.make_person(name="Grace"), [laser], at, at + timedelta(hours=1), **over)


def closure_form(laser: Resource) -> dict[str, str]:
    today = clock.now().date()
    days = {"from_day": today.isoformat(), "until_day": (today + timedelta(days=3)).isoformat()}
    return CLOSURE | days | {"resource_id": str(laser.id)}


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_everybody_reads_the_rules_and_where_each_comes_from(app: Flask, client: FlaskClient) -> None:
    group = make.save(ResourceGroup(name=make.texts("Lasers")))
    plan = make.save(MembershipPlan(name=make.texts("Student")))
    laser = make.make_machine("Laser", group_id=group.id, capacity=3)
    override(PolicyLevel.KIND, "machine", max_minutes=240)
    override(PolicyLevel.GROUP, group.id, buffer_after_minutes=10)
    override(PolicyLevel.RESOURCE, laser.id, approval=True)
    override(PolicyLevel.PLAN, plan.id, max_future_count=2)
    sign_in(client, make.make_person(plan_id=plan.id))
    page = client.get(f"/resources/{laser.id}/rules", headers=ENGLISH).text
    for key, sentence, origin in (
        ("max_minutes", "A booking lasts at most 4 hours.", "kind"),
        ("buffer_after_minutes", "10 minutes are kept free after each booking", "group"),
        ("approval", "The staff must accept each booking.", "resource"),
        ("max_future_count", "You can have at most 2 bookings to come.", "plan"),
        ("min_minutes", "A booking lasts at least 15 minutes.", "config"),
    ):
        line = page.split(f'data-key="{key}"')[1].split("</li>")[0]
        assert sentence in line
        assert f'data-origin="{origin}"' in line
    assert "3 people" in page
    assert "Change its rules" not in page


def test_the_page_says_when_it_is_closed(app: Flask, client: FlaskClient) -> None:
    now = clock.now()
    room = make.make_machine("Room", kind=Kind.ROOM)
    make.save(
        Closure(
            resource_id=room.id,
            starts_at=now + timedelta(days=1),
            ends_at=now + timedelta(days=2),
            reason=make.texts("New floor"),
            danger=True,
            created_at=now,
        )
    )
    day = now.date() + timedelta(days=5)
    make.save(OpeningException(day=day, hours=["10:00-11:30"], reason=make.texts("Party")))
    sign_in(client, make.make_person())
    page = client.get(f"/resources/{room.id}/rules", headers=ENGLISH).text
    assert "New floor" in page
    assert "Danger" in page
    assert "10:00–11:30" in page
    assert "Party" in page


@pytest.mark.parametrize("path", ["/rules", "/rules/kind/machine", "/closures", "/closures/new", "/closures/days/new"])
def test_pages_answer(manager: FlaskClient, path: str) -> None:
    assert manager.get(path).status_code == 200


@pytest.mark.parametrize("path", ["kind/spaceship", "group/9", "plan/x", "role/king", "resource/99", "nothing/1"])
def test_there_are_no_rules_of_what_does_not_exist(manager: FlaskClient, path: str) -> None:
    assert manager.get(f"/rules/{path}").status_code == 404
    assert post(manager, f"/rules/{path}", page="/rules").status_code == 404


def test_a_manager_sets_rules_and_takes_them_back(manager: FlaskClient) -> None:
    form = {
        "max_minutes": "120",
        "endless_max_future_count": "yes",
        "approval": "yes",
        "supervision": "buddy",
        "quiet_hours": "own",
        "quiet_days_0": "saturday",
        "quiet_from_0": "00:00",
        "quiet_until_0": "00:00",
    }
    assert post(manager, "/rules/kind/machine", form).status_code == 303
    rules = db.session.scalars(select(PolicyOverride)).one().rules
    assert rules == {
        "max_minutes": 120,
        "max_future_count": None,
        "approval": True,
        "supervision": "buddy",
        "quiet_hours": [{"days": ["saturday"], "from": "00:00", "until": "00:00"}],
    }
    shown = manager.get("/rules/kind/machine").text
    assert 'value="120"' in shown
    assert "Sat all day" in manager.get("/rules").text
    assert "Without it: 8 hours (the lab)" in shown
    post(manager, "/rules/kind/machine", {"max_minutes": "90"})
    db.session.expire_all()
    assert db.session.scalars(select(PolicyOverride)).one().rules == {"max_minutes": 90}
    post(manager, "/rules/kind/machine/reset", page="/rules")
    db.session.expire_all()
    assert db.session.scalars(select(PolicyOverride)).one().rules == {}


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        ({"max_minutes": "2"}, "max_minutes", "from 5 to 525600"),
        ({"step_minutes": "x"}, "step_minutes", "from 5 to 240"),
        ({"max_future_count": "0"}, "max_future_count", "from 1 to 1000"),
        ({"min_minutes": "600"}, "min_minutes", "must not be longer than the longest"),
        ({"supervision": "king"}, "supervision", "choose one of the list"),
        ({"quiet_hours": "own", "quiet_days_0": "monday"}, "quiet_hours", "choose days, a begin and an end"),
        (
            {"quiet_hours": "own", "quiet_days_0": "monday", "quiet_from_0": "1", "quiet_until_0": "2"},
            "quiet_hours",
            "",
        ),
    ],
)
def test_a_wrong_rule_is_named_with_what_is_allowed(
    manager: FlaskClient, form: dict[str, str], field: str, sentence: str
) -> None:
    answer = post(manager, "/rules/kind/machine", form)
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.text
    assert sentence in answer.text
    assert count(PolicyOverride) == 0


def test_groups_and_plans_are_added_renamed_removed(manager: FlaskClient) -> None:
    post(manager, "/rules/groups", {"group_fr": "Lasers", "group_en": "Laser cutters"}, page="/rules")
    group = db.session.scalars(select(ResourceGroup)).one()
    assert group.name == {"fr": "Lasers", "en": "Laser cutters"}
    override(PolicyLevel.GROUP, group.id, max_minutes=60)
    post(manager, f"/rules/groups/{group.id}/rename", {f"group_{group.id}_fr": "Découpe"}, page="/rules")
    db.session.expire_all()
    assert group.name == {"fr": "Découpe"}
    laser = make.make_machine(group_id=group.id)
    post(manager, f"/rules/groups/{group.id}/remove", page="/rules")
    assert count(ResourceGroup) == 1, "a machine is in it"
    post(manager, f"/resources/{laser.id}/edit", {"kind": "machine", "name_fr": "L", "risk_class": "c"})
    post(manager, f"/rules/groups/{group.id}/remove", page="/rules")
    assert (count(ResourceGroup), count(PolicyOverride)) == (0, 0)
    assert post(manager, "/rules/plans", {"plan_fr": " "}, page="/rules").status_code == 422
    post(manager, "/rules/plans", {"plan_fr": "Nuit"}, page="/rules")
    plan = db.session.scalars(select(MembershipPlan)).one()
    person = make.make_person(plan_id=plan.id)
    post(manager, f"/rules/plans/{plan.id}/remove", page="/rules")
    assert count(MembershipPlan) == 1, "somebody has it"
    form = {"name": "Ada", "language": "fr", "audience": "citizen", "plan_id": ""}
    post(manager, f"/people/{person.id}/edit", form)
    post(manager, f"/rules/plans/{plan.id}/remove", page="/rules")
    assert count(MembershipPlan) == 0


# -- closures ---------------------------------------------------------------------------------------------------------


def test_a_closure_that_hits_nobody_is_kept_at_once(manager: FlaskClient) -> None:
    laser = make.make_machine("Laser")
    assert post(manager, "/closures/new", closure_form(laser)).status_code == 303
    kept = db.session.scalars(select(Closure)).one()
    assert kept.reason == {"fr": "Travaux", "en": "Works"}
    assert "Works" in manager.get("/closures").text
    post(manager, f"/closures/{kept.id}/remove", page="/closures")
    assert count(Closure) == 0


@pytest.mark.parametrize(
    ("choice", "state", "message"),
    [
        ("keep", ReservationState.BOOKED, "reservation_in_closure"),
        ("cancel", ReservationState.CANCELLED, "reservation_cancelled"),
    ],
)
def test_whom_it_hits_is_shown_first_and_the_manager_chooses(
    manager: FlaskClient, choice: str, state: ReservationState, message: str
) -> None:
    laser, other = make.make_machine("Laser"), make.make_machine("Saw")
    reservation, elsewhere = booked_tomorrow(laser), booked_tomorrow(other)
    asked = post(manager, "/closures/new", closure_form(laser))
    assert asked.status_code == 200
    assert "Grace" in asked.text
    assert "1 booking is at this time." in asked.text
    assert count(Closure) == 0
    post(manager, "/closures/new", closure_form(laser) | {"choice": choice})
    db.session.expire_all()
    assert (reservation.state, elsewhere.state) == (state, ReservationState.BOOKED)
    assert [one.message for one in db.session.scalars(select(Notice))] == [message]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"reason_fr": "", "reason_en": ""}, "reason_fr"),
        ({"until_day": "2020-01-01"}, "until_day"),
        ({"from_day": "x"}, "from_day"),
        ({"resource_id": "99"}, "resource_id"),
        ({"from_day": "2027-03-28", "from_time": "02:30", "until_day": "2027-03-29"}, "from_time"),
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(manager: FlaskClient, over: dict[str, str], field: str) -> None:
    answer = post(manager, "/closures/new", closure_form(make.make_machine()) | over)
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.text
    assert count(Closure) == 0


def test_a_day_with_other_hours(manager: FlaskClient) -> None:
    day = (clock.now().date() + timedelta(days=9)).isoformat()
    form = {"resource_id": "", "day": day, "open": "other", "hours": "09:00-12:00, 14:00–16:00", "reason_fr": "Fête"}
    post(manager, "/closures/days/new", form)
    kept = db.session.scalars(select(OpeningException)).one()
    assert kept.hours == ["09:00-12:00", "14:00-16:00"]
    wrong = post(manager, "/closures/days/new", form | {"hours": "12:00-09:00"})
    assert (wrong.status_code, 'id="wrong-hours"' in wrong.text) == (422, True)
    post(manager, f"/closures/days/{kept.id}/remove", page="/closures")
    assert count(OpeningException) == 0


def test_public_holidays_in_one_click(manager: FlaskClient) -> None:
    year = clock.now().year + 1
    shown = manager.get(f"/closures/holidays?country=FR&region=57&year={year}").text
    assert "Saint Stephen" in shown
    days = [f"{year}-01-01", f"{year}-12-26"]
    query = {"country": "FR", "region": "57", "year": str(year), "day": days}
    assert post(manager, "/closures/holidays", query).status_code == 303
    kept = db.session.scalars(select(OpeningException).order_by(OpeningException.day)).all()
    assert [(str(one.day), one.hours) for one in kept] == [(day, []) for day in days]
    assert kept[0].reason == {"fr": "Jour de l'an", "en": "New Year's Day"}
    post(manager, "/closures/holidays", query)
    assert count(OpeningException) == 2, "what is set stays"
    assert "Set already" in manager.get(f"/closures/holidays?country=FR&region=57&year={year}").text
    assert manager.get("/closures/holidays?country=XX&year=x").status_code == 200


def test_who_has_booked_a_holiday_is_shown_before_and_the_manager_chooses(manager: FlaskClient) -> None:
    laser, year = make.make_machine("Laser"), clock.now().year + 1
    at = datetime(year, 7, 14, 9, tzinfo=UTC)
    reservation = make.make_reservation(make.make_person(name="Grace"), [laser], at, at + timedelta(hours=1))
    page = f"/closures/holidays?country=FR&year={year}"
    shown = manager.get(page).text
    assert "Grace" in shown
    assert "1 booking is on one of these days" in shown
    form = {"country": "FR", "region": "", "year": str(year), "day": [f"{year}-07-14"], "choice": "cancel"}
    post(manager, "/closures/holidays", form, page=page)
    db.session.expire_all()
    assert reservation.state is ReservationState.CANCELLED
    assert "Grace" not in manager.get(page).text
