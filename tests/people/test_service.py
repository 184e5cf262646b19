"""People, badges and tokens: who may change whom, and what is written down about it; on both databases."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core import audit
from fablab.core.actor import Role, system
from fablab.core.badges import uid_hash
from fablab.core.db import db
from fablab.core.errors import Conflict, FablabError, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.people import badges, service, tokens
from fablab.people.models import ApiToken, Badge, Person
from tests.factories import NOW, make_actor, make_person

pytestmark = pytest.mark.usefixtures("app")
DAY = timedelta(days=1)


def test_somebody_new_is_a_maker_in_the_labs_language() -> None:
    made = service.add(make_actor(make_person(role=Role.MANAGER)), {"name": " Zoë ", "email": "ZOE@example.org"}, NOW)
    assert (made.name, made.email, made.role, made.language) == ("Zoë", "zoe@example.org", Role.MAKER, "fr")
    assert audit.history("person", str(made.id))[0].after == {"name": "Zoë", "email": "zoe@example.org"}


FAULTY = {
    "no name": ({}, "name"),
    "empty name": ({"name": "  "}, "name"),
    "long name": ({"name": "x" * 201}, "name"),
    "control character": ({"name": "a\x00b"}, "name"),
    "turned text": ({"name": "a\u202eb"}, "name"),
    "invisible character": ({"name": "a\u200bb"}, "name"),
    "no address": ({"name": "A", "email": "a"}, "email"),
    "two addresses": ({"name": "A", "email": "a@b.c, d@e.f"}, "email"),
    "line break": ({"name": "A", "email": "a@b.c\nBcc: x@y.z"}, "email"),
    "unknown role": ({"name": "A", "role": "god"}, "role"),
    "unknown language": ({"name": "A", "language": "xx"}, "language"),
    "unknown audience": ({"name": "A", "audience": "martian"}, "audience"),
    "long ago": ({"name": "A", "member_until": date(1, 1, 1)}, "member_until"),
    "unknown field": ({"name": "A", "password": "x"}, "password"),
}


@pytest.mark.parametrize(("values", "field"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_field_is_named(values: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        service.add(system("cli"), values, NOW)
    assert field in refused.value.fields
    assert db.session.scalars(select(Person)).all() == []


def test_an_address_belongs_to_one_person() -> None:
    make_person(email="ada@example.org")
    with pytest.raises(Conflict):
        service.add(system("cli"), {"name": "B", "email": "Ada@Example.org"}, NOW)


MAY_CHANGE = [
    (Role.MAKER, "own", {"language": "fr"}, True),
    (Role.MAKER, "own", {"name": "B"}, False),
    (Role.MAKER, "own", {"member_until": None}, False),
    (Role.INSTRUCTOR, Role.MAKER, {"name": "B"}, False),
    (Role.MANAGER, Role.MAKER, {"name": "B"}, True),
    (Role.MANAGER, Role.MAKER, {"role": "instructor"}, False),
    (Role.MANAGER, Role.INSTRUCTOR, {"name": "B"}, False),
    (Role.MANAGER, "own", {"name": "B"}, True),
    (Role.MANAGER, "own", {"role": "administrator"}, False),
    (Role.ADMINISTRATOR, Role.MAKER, {"role": "manager"}, True),
    (Role.ADMINISTRATOR, Role.MANAGER, {"active": False}, True),
]


@pytest.mark.parametrize(("role", "whom", "values", "allowed"), MAY_CHANGE)
def test_who_may_change_whom(role: Role, whom: Role | str, values: dict[str, object], allowed: bool) -> None:
    acting = make_person(role=role)
    other = acting if whom == "own" else make_person(role=Role(whom))
    if allowed:
        service.change(make_actor(acting), other.id, values, NOW)
        return
    with pytest.raises(Forbidden):
        service.change(make_actor(acting), other.id, values, NOW)


def test_makers_do_not_know_of_others() -> None:
    actor, other = make_actor(make_person()), make_person()
    with pytest.raises(NotFound):
        service.get_person(actor, other.id)
    with pytest.raises(NotFound):
        badges.badges_of(actor, other.id)


def test_the_last_administrator_stays() -> None:
    last = make_person(role=Role.ADMINISTRATOR)
    for values in ({"role": "maker"}, {"active": False}):
        with pytest.raises(Conflict):
            service.change(system("cli"), last.id, values, NOW)


def test_a_change_is_written_down_with_before_and_after() -> None:
    person = make_person(name="Ada")
    service.change(system("cli"), person.id, {"name": "Grace", "language": person.language}, NOW)
    [entry] = audit.history("person", str(person.id))
    assert (entry.before, entry.after) == ({"name": "Ada"}, {"name": "Grace"})


@pytest.mark.parametrize("values", [{"active": False}, {"member_until": NOW.date() - DAY}])
def test_a_lost_right_reaches_running_machines(values: dict[str, object]) -> None:
    person = make_person()
    service.change(system("cli"), person.id, values, NOW)
    assert db.session.scalars(select(Outbox)).one().payload["person_id"] == person.id


def test_anonymising_leaves_nothing_that_tells_who_it_was() -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    person = make_person(name="Ada", email="ada@example.org", organisation="Engines", password="x")
    badge = badges.add(actor, person.id, "04A1B2C3", "Ada's", NOW)
    service.anonymise(actor, person.id, NOW)
    assert (person.email, person.password, person.organisation, person.active) == (None, None, "", False)
    assert "Ada" not in person.name
    assert badge.label == ""
    assert badge.uid_hash != uid_hash("04A1B2C3")
    assert service.page_of_people(service.people_query(search="engines", today=NOW.date()), 1).total == 0
    with pytest.raises(Conflict):
        service.change(system("cli"), person.id, {"name": "Ada"}, NOW)


def test_a_search_takes_every_word_and_no_wildcard() -> None:
    make_person(name="Ada Lovelace", organisation="Engines")
    make_person(name="Ada Yonath", organisation="100% Ribosome")

    def found(search: str) -> list[str]:
        query = service.people_query(search=search, today=NOW.date())
        return [one.name for one in service.page_of_people(query, 1).people]

    assert found("ada engines") == ["Ada Lovelace"]
    assert found("%") == ["Ada Yonath"]
    assert found("_") == []


@pytest.mark.parametrize("search", ["цветков", "ЦВЕТКОВ", "zoe", "ZOË иван"])
def test_a_search_knows_all_alphabets(search: str) -> None:
    make_person(name="Zoë Иван Цветков")
    query = service.people_query(search=search, today=NOW.date())
    assert service.page_of_people(query, 1).total == 1


# -- badges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["04A1B2C3", "04:a1:b2:c3", " 04-a1-b2-c3 "])
def test_a_number_is_the_same_however_it_is_written(typed: str) -> None:
    badge = badges.add(system("cli"), make_person().id, typed, "", NOW)
    assert badge.uid_hash == uid_hash("04A1B2C3")
    assert badges.badge_by_uid("04A1B2C3").id == badge.id


@pytest.mark.parametrize("typed", ["", "04A", "XYZ12345", "0" * 33])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        badges.add(system("cli"), make_person().id, typed, "", NOW)


def test_a_badge_belongs_to_one_person_for_good() -> None:
    badge = badges.add(system("cli"), make_person().id, "04A1B2C3", "", NOW)
    badges.revoke(system("cli"), badge.id, "lost", NOW)
    with pytest.raises(Conflict):
        badges.add(system("cli"), make_person().id, "04A1B2C3", "", NOW)


def test_a_withdrawn_badge_is_told_at_once() -> None:
    person = make_person()
    badge = badges.add(system("cli"), person.id, "04A1B2C3", "", NOW)
    badges.revoke(make_actor(person), badge.id, "lost", NOW)
    assert [one.kind for one in db.session.scalars(select(Event).order_by(Event.id))] == [
        "badge.added",
        "badge.revoked",
    ]
    assert db.session.scalars(select(Outbox)).one().payload["why"] == "badge_revoked"
    assert "04A1B2C3" not in str([one.after for one in audit.history("person", str(person.id))])


def test_others_badges_are_not_there() -> None:
    badge = badges.add(system("cli"), make_person().id, "04A1B2C3", "", NOW)
    with pytest.raises(NotFound):
        badges.revoke(make_actor(make_person()), badge.id, "x", NOW)
    assert db.session.get_one(Badge, badge.id).revoked_at is None


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_stored_as_a_hash_and_found_by_its_text() -> None:
    person = make_person()
    token, text = tokens.create(make_actor(person), person.id, "door", ["book", "read"], None, NOW)
    assert text not in token.token_hash
    found = tokens.living(text, NOW)
    assert found is not None
    assert (found.person_id, found.scopes, found.last_used_at) == (person.id, ["read", "book"], NOW)
    assert tokens.living(text + "x", NOW) is None


@pytest.mark.parametrize(
    ("role", "scopes", "over", "error"),
    [
        (Role.MAKER, ["manage"], {}, Forbidden),
        (Role.INSTRUCTOR, ["admin"], {}, Forbidden),
        (Role.MAKER, [], {}, Invalid),
        (Role.MAKER, ["fly"], {}, Invalid),
        (Role.MAKER, ["read"], {"name": " "}, Invalid),
        (Role.MAKER, ["read"], {"expires_at": NOW}, Invalid),
    ],
)
def test_a_token_that_may_not_be(
    role: Role, scopes: list[str], over: dict[str, object], error: type[FablabError]
) -> None:
    person = make_person(role=role)
    values: dict[str, object] = {"name": "t", "expires_at": None} | over
    with pytest.raises(error):
        tokens.create(make_actor(person), person.id, scopes=scopes, now=NOW, **values)  # type: ignore[arg-type]  # by name
    assert db.session.scalars(select(ApiToken)).all() == []


def test_tokens_of_others_are_not_there() -> None:
    person, other = make_person(), make_person(role=Role.MANAGER)
    token, text = tokens.create(make_actor(person), person.id, "t", ["read"], None, NOW)
    with pytest.raises(NotFound):
        tokens.revoke(make_actor(other), token.id, NOW)
    with pytest.raises(NotFound):
        tokens.create(make_actor(other), person.id, "t", ["read"], None, NOW)
    tokens.revoke(make_actor(person), token.id, NOW)
    assert tokens.living(text, NOW) is None


def test_a_token_ends_with_its_day(app: Flask) -> None:
    person = make_person()
    _, text = tokens.create(make_actor(person), person.id, "t", ["read"], NOW + DAY, NOW)
    assert tokens.living(text, NOW + DAY - timedelta(seconds=1)) is not None
    assert tokens.living(text, NOW + DAY) is None
