"""The decision at the badge reader as a table: a case that is allowed, and what each change of it gives."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fablab.certifications.rules import NOTHING, Either, GrantFacts, Held, Level, Required
from fablab.interlock.rules import AccessFacts, BadgeFacts, access_denials, lease_s, revoke_how
from fablab.people.rules import PersonFacts
from fablab.resources.rules import Calendar, Opening, ResourceFacts

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=PARIS).astimezone(UTC)
CALENDAR = Calendar(PARIS, {"monday": (Opening(time(9), time(19)),)}, frozenset({date(2026, 3, 9)}))
LASER = Required(Held(1), {1: {"en": "Laser"}})
HELD = GrantFacts(1, MONDAY - timedelta(days=30))

ALLOWED = AccessFacts(
    at=MONDAY,
    calendar=CALENDAR,
    person=PersonFacts(active=True, member_until=date(2026, 12, 31)),
    resource=ResourceFacts(in_service=True),
    badge=BadgeFacts(),
    required=LASER,
    grants=(HELD,),
)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


def test_who_has_everything_may() -> None:
    assert access_denials(ALLOWED) == []


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"resource": None}, ["blocked"]),
        ({"badge": None}, ["badge_unknown"]),
        ({"badge": None, "by_badge": False}, []),
        ({"badge": BadgeFacts(revoked_at=MONDAY)}, ["badge_revoked"]),
        ({"badge": BadgeFacts(revoked_at=MONDAY + timedelta(seconds=1))}, []),
        ({"person": None}, ["person_disabled"]),
        ({"person": PersonFacts(active=False, member_until=None)}, ["person_disabled"]),
        ({"person": PersonFacts(active=True, member_until=date(2026, 3, 1))}, ["membership_expired"]),
        ({"person": PersonFacts(active=True, member_until=date(2026, 3, 2))}, []),
        ({"resource": ResourceFacts(in_service=False, service_note="belt")}, ["resource_out_of_service"]),
        ({"grants": ()}, ["not_certified"]),
        ({"grants": (replace(HELD, revoked_at=MONDAY),)}, ["certification_revoked"]),
        ({"grants": (replace(HELD, valid_until=MONDAY),)}, ["certification_expired"]),
        ({"grants": (replace(HELD, lapse_after_unused=timedelta(days=30)),)}, ["certification_lapsed_unused"]),
        ({"required": NOTHING, "grants": ()}, []),
        ({"at": local(2, 8, 59)}, ["outside_opening_hours"]),
        ({"at": local(2, 9)}, []),
        ({"at": local(2, 19)}, ["outside_opening_hours"]),
        ({"at": local(3, 0)}, ["outside_opening_hours"]),
        ({"at": local(9, 10)}, ["lab_closed"]),
        ({"reserved_by_other_until": MONDAY + timedelta(hours=1)}, ["reserved_by_other"]),
        ({"in_use_by_other": True}, ["blocked"]),
        (
            {
                "badge": BadgeFacts(revoked_at=MONDAY),
                "person": PersonFacts(active=False, member_until=date(2026, 1, 1)),
                "resource": ResourceFacts(in_service=False),
                "grants": (),
                "reserved_by_other_until": MONDAY + timedelta(hours=1),
            },
            [
                "badge_revoked",
                "person_disabled",
                "membership_expired",
                "resource_out_of_service",
                "not_certified",
                "reserved_by_other",
            ],
        ),
    ],
)
def test_each_fact_that_speaks_against_is_named(change: dict[str, Any], codes: list[str]) -> None:
    assert [denial.code for denial in access_denials(replace(ALLOWED, **change))] == codes


def test_nothing_is_said_about_the_holder_of_an_unknown_badge() -> None:
    facts = replace(ALLOWED, badge=None, person=None, resource=ResourceFacts(in_service=False))
    assert [denial.code for denial in access_denials(facts)] == ["badge_unknown"]


@pytest.mark.parametrize(
    ("configured", "risk", "device", "expected"),
    [(60, "a", None, 30), (60, "b", None, 60), (3600, "b", None, 120), (3600, "c", 60, 60), (60, "?", None, 30)],
)
def test_a_lease_is_as_short_as_the_strictest_wants(
    configured: float, risk: str, device: float | None, expected: float
) -> None:
    assert lease_s(configured, risk, device) == expected


def test_what_is_not_known_is_as_dangerous_as_can_be() -> None:
    assert [revoke_how(one) for one in ("a", "b", "c", "?")] == ["now", "job", "idle", "now"]


SUPERVISED = replace(HELD, level=Level.SUPERVISED)
EITHER = Required(Either((Held(1), Held(2))), {1: {"en": "Laser"}, 2: {"en": "Fibre"}})


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"grants": (SUPERVISED,)}, ["needs_supervisor"]),
        ({"grants": (SUPERVISED,), "supervised": True}, []),
        ({"grants": (SUPERVISED, HELD)}, []),
        ({"grants": (SUPERVISED, replace(HELD, revoked_at=MONDAY))}, ["needs_supervisor"]),
        ({"grants": (SUPERVISED, replace(HELD, level=Level.INSTRUCTOR))}, []),
        ({"grants": (replace(SUPERVISED, valid_until=MONDAY),)}, ["certification_expired"]),
        ({"grants": (replace(SUPERVISED, valid_until=MONDAY),), "supervised": True}, ["certification_expired"]),
        ({"grants": (replace(SUPERVISED, certification_id=9, counts_as={1}),)}, ["needs_supervisor"]),
        ({"grants": (replace(SUPERVISED, certification_id=2), HELD), "required": EITHER}, []),
        ({"grants": (replace(SUPERVISED, certification_id=2),), "required": EITHER}, ["needs_supervisor"]),
        ({"grants": (replace(SUPERVISED, certification_id=2),)}, ["not_certified"]),
        ({"grants": (replace(SUPERVISED, certification_id=2), HELD)}, []),
        ({"grants": (SUPERVISED,), "required": NOTHING}, []),
        (
            {"grants": (SUPERVISED,), "in_use_by_other": True, "at": local(2, 8)},
            ["needs_supervisor", "outside_opening_hours", "blocked"],
        ),
    ],
)
def test_who_is_certified_at_level_supervised_needs_an_instructor_there(
    change: dict[str, Any], codes: list[str]
) -> None:
    assert [denial.code for denial in access_denials(replace(ALLOWED, **change))] == codes
