"""Who holds a certification: the rule as a table, and what holds for every history of grants."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fablab.certifications.rules import Every, GrantFacts, Held, Required, Standing, ended, grant_denials, standing

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SOON = timedelta(days=30)
LASER, SAW = 1, 2


def asks(*ids: int) -> Required:
    """What asks for all of these."""
    return Required(Every(tuple(Held(one) for one in ids)), {LASER: {"en": "Laser"}, SAW: {"en": "Saw"}})


def held(**over: object) -> GrantFacts:
    """The laser, granted a month ago, without an end."""
    values: dict[str, object] = {"certification_id": 1, "granted_at": AT - 30 * DAY}
    return GrantFacts(**(values | over))  # type: ignore[arg-type]  # tests name the fields


CASES = {
    "nothing asked": ([], [], []),
    "held": ([LASER], [held()], []),
    "nothing held": ([LASER], [], ["not_certified"]),
    "another held": ([SAW], [held()], ["not_certified"]),
    "granted later": ([LASER], [held(granted_at=AT + SECOND)], ["not_certified"]),
    "granted now": ([LASER], [held(granted_at=AT)], []),
    "ends a second later": ([LASER], [held(valid_until=AT + SECOND)], []),
    "ends now": ([LASER], [held(valid_until=AT)], ["certification_expired"]),
    "withdrawn now": ([LASER], [held(revoked_at=AT)], ["certification_revoked"]),
    "withdrawn later": ([LASER], [held(revoked_at=AT + SECOND)], []),
    "unused for just not too long": ([LASER], [held(lapse_after_unused=30 * DAY + SECOND)], []),
    "unused for too long": ([LASER], [held(lapse_after_unused=30 * DAY)], ["certification_lapsed_unused"]),
    "used in time": ([LASER], [held(lapse_after_unused=30 * DAY, last_used_at=AT - DAY)], []),
    "renewed": ([LASER], [held(valid_until=AT - DAY), held(granted_at=AT - DAY)], []),
    "withdrawn and given again": ([LASER], [held(revoked_at=AT - DAY), held(granted_at=AT - DAY)], []),
    "ended twice: the last end counts": (
        [LASER],
        [held(valid_until=AT - DAY), held(revoked_at=AT - 2 * DAY)],
        ["certification_expired"],
    ),
    "ends in two ways: the first counts": (
        [LASER],
        [held(valid_until=AT - DAY, revoked_at=AT - 2 * DAY)],
        ["certification_revoked"],
    ),
    "two asked, none held": ([LASER, SAW], [], ["not_certified", "not_certified"]),
    "two asked, one held": ([SAW, LASER], [held()], ["not_certified"]),
}


@pytest.mark.parametrize(("asked", "grants", "codes"), CASES.values(), ids=CASES)
def test_the_rule(asked: list[int], grants: list[GrantFacts], codes: list[str]) -> None:
    assert [denial.code for denial in grant_denials(asks(*asked), grants, AT)] == codes


def test_a_denial_names_the_certification_and_since_when() -> None:
    [denial] = grant_denials(asks(LASER), [held(valid_until=AT - DAY)], AT)
    assert denial.params == {
        "certification_id": "1",
        "certification_name": {"en": "Laser"},
        "since": (AT - DAY).isoformat(),
    }


STANDINGS = {
    "never": ([], Standing("none")),
    "for ever": ([held()], Standing("held")),
    "for long": ([held(valid_until=AT + 31 * DAY)], Standing("held", AT + 31 * DAY, "certification_expired")),
    "for thirty days": ([held(valid_until=AT + SOON)], Standing("lapsing", AT + SOON, "certification_expired")),
    "unused soon": ([held(lapse_after_unused=31 * DAY)], Standing("lapsing", AT + DAY, "certification_lapsed_unused")),
    "the longest counts": (
        [held(valid_until=AT + DAY), held(valid_until=AT + 90 * DAY)],
        Standing("held", AT + 90 * DAY, "certification_expired"),
    ),
    "one without an end beside one that ends": ([held(valid_until=AT + DAY), held()], Standing("held")),
    "ended": ([held(valid_until=AT - DAY)], Standing("certification_expired", AT - DAY)),
    "withdrawn": ([held(revoked_at=AT)], Standing("certification_revoked", AT)),
    "to come": ([held(granted_at=AT + DAY)], Standing("none")),
}


@pytest.mark.parametrize(("grants", "found"), STANDINGS.values(), ids=STANDINGS)
def test_the_standing(grants: list[GrantFacts], found: Standing) -> None:
    assert standing(grants, AT, SOON) == found


instants = st.integers(-60, 60).map(lambda days: AT + timedelta(days=days))
histories = st.lists(
    st.builds(
        GrantFacts,
        certification_id=st.just(1),
        granted_at=instants,
        valid_until=st.none() | instants,
        lapse_after_unused=st.none() | st.integers(1, 60).map(lambda days: timedelta(days=days)),
        last_used_at=st.none() | instants,
        revoked_at=st.none() | instants,
    ),
    max_size=6,
)


@given(histories, st.randoms())
def test_the_order_of_grants_does_not_matter(grants: list[GrantFacts], chance: random.Random) -> None:
    shuffled = grants.copy()
    chance.shuffle(shuffled)
    assert standing(shuffled, AT, SOON) == standing(grants, AT, SOON)
    codes = [[one.code for one in grant_denials(asks(LASER), some, AT)] for some in (grants, shuffled)]
    assert codes[0] == codes[1]


@given(histories)
def test_the_standing_and_the_rule_agree(grants: list[GrantFacts]) -> None:
    assert standing(grants, AT, SOON).holds is (grant_denials(asks(LASER), grants, AT) == [])


@given(histories)
def test_another_grant_never_takes_a_right_away(grants: list[GrantFacts]) -> None:
    assert grant_denials(asks(LASER), [*grants, held()], AT) == []


@given(histories, instants)
def test_what_has_ended_stays_ended(grants: list[GrantFacts], later: datetime) -> None:
    for grant in grants:
        if ended(grant, AT) is not None and later >= AT:
            assert ended(grant, later) is not None
