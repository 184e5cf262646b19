"""Which rules the staff may set aside, and which nobody may."""

import pytest

from fablab.core.actor import Role
from fablab.core.denials import CODES, Denial
from fablab.reservations.overriding import OVERRIDABLE, split

NEVER = {
    "slot_taken",
    "person_disabled",
    "resource_out_of_service",
    "not_certified",
    "certification_expired",
    "certification_lapsed_unused",
    "certification_revoked",
    "in_past",
}


def test_what_nobody_may_set_aside() -> None:
    assert not any(NEVER & codes_ for codes_ in OVERRIDABLE.values())
    assert all(codes_ <= set(CODES) for codes_ in OVERRIDABLE.values())


def test_each_role_may_set_aside_what_the_one_before_it_may() -> None:
    sets = [OVERRIDABLE[role] for role in Role]
    assert not sets[0]
    assert all(one <= other for one, other in zip(sets, sets[1:], strict=False))


def test_danger_is_never_set_aside() -> None:
    danger, works = Denial("blocked", {"danger": True}), Denial("blocked", {"danger": False})
    remaining, applied = split([danger, works], {"blocked": "I know what I do"}, Role.ADMINISTRATOR)
    assert (remaining, applied) == ([danger], [{"code": "blocked", "reason": "I know what I do"}])


@pytest.mark.parametrize(
    ("role", "overrides", "remaining", "applied"),
    [
        (Role.MAKER, {"too_long": "please"}, ["too_long", "slot_taken"], []),
        (Role.INSTRUCTOR, {}, ["too_long", "slot_taken"], []),
        (Role.INSTRUCTOR, {"too_long": "  "}, ["too_long", "slot_taken"], []),
        (Role.INSTRUCTOR, {"too_long": " course "}, ["slot_taken"], [{"code": "too_long", "reason": "course"}]),
        (Role.MANAGER, {"slot_taken": "mine", "too_short": "no"}, ["too_long", "slot_taken"], []),
    ],
)
def test_split(role: Role, overrides: dict[str, str], remaining: list[str], applied: list[dict[str, str]]) -> None:
    found, kept = split([Denial("too_long"), Denial("slot_taken")], overrides, role)
    assert ([one.code for one in found], kept) == (remaining, applied)
