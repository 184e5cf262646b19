"""Defining certifications, granting, holding back and asking ahead, as managers and instructors use the pages."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.certifications import granting, requirements, service, suspending
from fablab.certifications.models import Certification, Evidence, Grant, Inclusion, Prerequisite, Suspension
from fablab.certifications.rules import Either, Every, Held, Level
from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people.models import Person
from fablab.resources.models import OpeningRule, Resource
from tests.conftest import CountQueries
from tests.factories import (
    NOW,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    make_teacher,
    require_certification,
    save,
)
from tests.web_helpers import post, sign_in

DAY = timedelta(days=1)


@pytest.fixture
def manager(client: FlaskClient) -> Person:
    """The manager whose browser it is."""
    person = make_person(role=Role.MANAGER, name="Grace")
    sign_in(client, person)
    return person


def text(client: FlaskClient, path: str) -> str:
    """The words of a page in English."""
    answer = client.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return unescape(answer.get_data(as_text=True))


def fields(page: str, form: str = "") -> dict[str, list[str]]:
    """What a browser would send of the page's form: what is typed, chosen and ticked."""
    body = page[page.index("<main") :]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", body):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        ticks = 'type="checkbox"' in tag or 'type="radio"' in tag
        if name and (not ticks or " checked" in tag):
            found.setdefault(name[1], []).append(value[1] if value else "")
    for name_of, content in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>([^<]*)', body):
        found.setdefault(name_of, []).append(content)
    for select_tag in re.findall(r"<select.*?</select>", body, re.DOTALL):
        name = re.search(r'name="([^"]*)"', select_tag)
        chosen = re.search(r'value="([^"]*)" selected', select_tag)
        if name:
            found.setdefault(name[1], []).append(chosen[1] if chosen else "")
    return found


# -- defining ---------------------------------------------------------------------------------------------------------


def test_everything_that_can_be_said_is_in_the_form_and_stays_when_it_is_saved_again(
    client: FlaskClient, manager: Person
) -> None:
    safety, saw = make_certification("Safety"), make_certification("Saw")
    form = {
        "ticks": "yes",
        "name_en": "Laser",
        "level": "instructor",
        "includes": [str(safety.id), str(saw.id)],
        "prerequisites": str(safety.id),
        "ends_month": "8",
        "ends_day": "31",
        "lapse_after_unused_days": "180",
        "min_age": "18",
        "quiz_questions": "5",
        "quiz_pass_percent": "90",
        "quiz_attempts": "3",
        "quiz_wait_hours": "24",
        "practical": "yes",
    }
    where = post(client, "/certifications/new", form).location
    found = db.session.scalars(select(Certification).order_by(Certification.id.desc())).first()
    assert found is not None
    assert (found.level, found.validity_ends_on, found.min_age, found.quiz_attempts, found.practical) == (
        Level.INSTRUCTOR,
        "08-31",
        18,
        3,
        True,
    )
    assert service.links_of(found.id) == {"prerequisites": [safety.id], "includes": [safety.id, saw.id]}
    page = text(client, where)
    for words in ("teach it and certify others", "Until the next 31 August", "18 years", "5 questions", "Saw"):
        assert words in page
    again = fields(text(client, f"{where}/edit"))
    assert post(client, f"{where}/edit", again).status_code == 303
    db.session.expire_all()
    assert (found.validity_ends_on, found.practical, found.level) == ("08-31", True, Level.INSTRUCTOR)
    assert service.links_of(found.id) == {"prerequisites": [safety.id], "includes": [safety.id, saw.id]}


def test_a_circle_is_named_beside_its_field(client: FlaskClient, manager: Person) -> None:
    a, b = make_certification("A"), make_certification("B")
    save(Prerequisite(certification_id=b.id, needed_id=a.id))
    form = {"ticks": "yes", "name_en": "A", "includes": str(b.id), "practical": "yes"}
    answer = post(client, f"/certifications/{a.id}/edit", form)
    assert answer.status_code == 422
    page = unescape(answer.get_data(as_text=True))
    assert "A → B → A" in page
    assert 'id="wrong-includes"' in page


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"name_en": "", "name_fr": ""}, "name_fr"),
        ({"min_age": "200"}, "min_age"),
        ({"min_age": "old"}, "min_age"),
        ({"ends_month": "2", "ends_day": "30"}, "ends_month"),
        ({"ends_month": "2", "ends_day": ""}, "ends_month"),
        ({"validity_days": "3", "validity_months": "3"}, "validity_months"),
        ({"ends_month": "1", "ends_day": "1", "validity_months": "3"}, "ends_month"),
        ({"quiz_pass_percent": ""}, "quiz_pass_percent"),
        ({"level": "master"}, "level"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    client: FlaskClient, manager: Person, over: dict[str, str], field: str
) -> None:
    form = {"ticks": "yes", "name_en": "Laser", "practical": "yes", "quiz_questions": "0", "quiz_pass_percent": "80"}
    answer = post(client, "/certifications/new", form | over)
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.get_data(as_text=True)


def test_it_is_taken_out_of_use_when_nothing_asks_for_it(client: FlaskClient, manager: Person) -> None:
    laser, machine = make_certification("Laser"), make_machine("Cutter")
    require_certification(machine, laser)
    where = f"/certifications/{laser.id}/retire"
    page = text(client, where)
    assert "Cutter" in page
    assert f"/resources/{machine.id}/edit" in page
    assert "Yes, take it out of use" not in page
    assert post(client, where, page=where).status_code == 409
    requirements.require(system("cli"), Resource, machine.id, Every(), NOW)
    assert "Yes, take it out of use" in text(client, where)
    assert post(client, where, page=where).status_code == 303
    assert client.get(f"/certifications/{laser.id}").status_code == 404


# -- one person -------------------------------------------------------------------------------------------------------


def test_granting_says_on_what_it_stands_and_the_history_tells_it_all(client: FlaskClient, manager: Person) -> None:
    ada, laser = make_person(name="Ada"), make_certification("Laser", quiz_questions=3)
    cell = f"/certifications/{laser.id}/people/{ada.id}"
    assert "The quiz of the certification" in text(client, cell)
    refused = post(client, f"{cell}/grant", {"reason": "seen", "evidence": "observed"}, page=cell)
    assert refused.status_code == 409
    assert 'data-code="theory_missing"' in refused.get_data(as_text=True)
    form = {"reason": "moved here", "evidence": "recognised", "valid_until": "2199-12-31"}
    unproven = post(client, f"{cell}/grant", form, page=cell)
    assert unproven.status_code == 422
    assert 'id="wrong-proof"' in unproven.get_data(as_text=True)
    assert post(client, f"{cell}/grant", form | {"proof": "badge 17 of Nevers"}, page=cell).status_code == 303
    assert db.session.scalars(select(Grant)).one().evidence is Evidence.RECOGNISED
    page = text(client, cell)
    for words in ("recognised from another lab: moved here", "Proof: badge 17 of Nevers", "Until 31 Dec 2199", "Grace"):
        assert words in page
    assert post(client, f"{cell}/suspend", {"reason": ""}, page=cell).status_code == 303
    assert not db.session.scalars(select(Suspension)).all()
    post(client, f"{cell}/suspend", {"reason": "burnt the table"}, page=cell)
    page = text(client, cell)
    assert "burnt the table" in page
    assert f"{cell}/grant" not in page, "what is held back is not granted again"
    held = db.session.scalars(select(Suspension)).one()
    post(client, f"{cell}/lift/{held.id}", {"note": "talked"}, page=cell)
    post(client, f"{cell}/lift/{held.id}", {"note": "twice"}, page=cell)
    post(client, f"{cell}/revoke", {"reason": "never again"}, page=cell)
    page = text(client, cell)
    order = [page.index(words) for words in ("Withdrawn</b>", "Given free</b>", "Held back</b>", "Certified</b>")]
    assert order == sorted(order), "newest first"
    for words in ("never again", "talked", "burnt the table"):
        assert words in page
    assert "twice" not in page


def test_an_instructor_sees_that_he_does_not_teach_it(client: FlaskClient) -> None:
    laser, saw, ada = make_certification("Laser"), make_certification("Saw"), make_person()
    make_grant(ada, saw)
    sign_in(client, make_teacher(laser))
    assert "Certify" in text(client, f"/certifications/{laser.id}/people/{ada.id}")
    cell = f"/certifications/{saw.id}/people/{ada.id}"
    page = text(client, cell)
    assert "You do not teach this" in page
    for act in ("grant", "revoke", "suspend"):
        assert f"{cell}/{act}" not in page
        assert post(client, f"{cell}/{act}", {"reason": "x"}, page=cell).status_code == 403


def test_what_is_held_through_another_is_told(client: FlaskClient, manager: Person) -> None:
    laser, package, ada = make_certification("Laser"), make_certification("Package"), make_person()
    save(Inclusion(certification_id=package.id, included_id=laser.id, direct=True))
    make_grant(ada, package)
    page = text(client, f"/certifications/{laser.id}/people/{ada.id}")
    assert "By “Package”, which includes it" in page
    suspending.suspend(system("cli"), package.id, ada.id, "burnt the table", clock.now())
    page = text(client, f"/certifications/{laser.id}/people/{ada.id}")
    assert "It is “Package” that is held back." in page
    assert "burnt the table" in page
    assert f"/certifications/{laser.id}/people/{ada.id}/grant" in page, "laser alone may be granted"


def test_the_page_takes_as_many_queries_for_much_as_for_little(
    client: FlaskClient, manager: Person, count_queries: CountQueries
) -> None:
    laser, ada, counts = make_certification("Laser"), make_person(), []
    ids = (laser.id, ada.id)
    for _ in range(2):
        for _ in range(3):
            package = make_certification("Package")
            save(Inclusion(certification_id=package.id, included_id=ids[0], direct=True))
            make_grant(ada, package)
            make_grant(ada, laser, granted_by_id=make_person().id)
            held = suspending.suspend(system("cli"), ids[0], ids[1], "talk", clock.now())
            suspending.lift(system("cli"), held.id, "", clock.now())
        db.session.rollback()
        count_queries()
        text(client, f"/certifications/{ids[0]}/people/{ids[1]}")
        counts.append(count_queries())
    assert counts[0] == counts[1]


# -- asking ahead -----------------------------------------------------------------------------------------------------


@pytest.fixture
def laser(client: FlaskClient) -> Resource:
    """Open at any time; asks for CO₂ or fibre."""
    machine = make_machine("Laser", opening=OpeningRule.ALWAYS)
    co2, fibre = make_certification("CO₂"), make_certification("Fibre")
    requirements.require(system("cli"), Resource, machine.id, Either((Held(co2.id), Held(fibre.id))), NOW)
    return machine


def test_anybody_can_be_asked_about_by_name(client: FlaskClient, manager: Person, laser: Resource) -> None:
    ada, _bob = make_person(name="Ada Lovelace"), make_person(name="Ada Yonath")
    ask = f"/certifications/simulate?resource={laser.id}&at=2031-03-08T14:00&person"
    several = text(client, f"{ask}=ada")
    assert "Ada Lovelace" in several
    assert "Ada Yonath" in several
    page = text(client, f"{ask}=lovelace")
    assert "Ada Lovelace at Laser, Sat 8 Mar, 14:00" in page
    assert "You need one of these certifications: CO₂, Fibre." in page
    assert "It asks for: CO₂ or Fibre" in page
    assert 'data-code="membership_expired"' in page
    assert client.get(f"{ask}=nobody").status_code == 422
    assert client.get(f"/certifications/simulate?resource={laser.id}&person_id={ada.id}&at=never").status_code == 422
    assert client.get(f"/certifications/simulate?resource=999&person_id={ada.id}").status_code == 404


def test_the_past_can_be_asked_about(client: FlaskClient, manager: Person, laser: Resource) -> None:
    ada = make_person(name="Ada", member_until=None)
    [co2, _fibre] = [one.id for one in service.list_certifications()]
    made = make_grant(ada, db.session.get_one(Certification, co2), granted_at=NOW)
    granting.revoke(system("cli"), made.id, "no", NOW + 2 * DAY)
    ask = f"/certifications/simulate?resource={laser.id}&person_id={ada.id}&at"
    assert "Yes: the machine would be switched on." in text(client, f"{ask}={(NOW + DAY).date()}T14:00")
    assert 'data-code="certification_revoked"' in text(client, f"{ask}={(NOW + 3 * DAY).date()}T14:00")
    assert 'data-code="not_certified"' in text(client, f"{ask}={(NOW - DAY).date()}T14:00")


def test_makers_ask_about_themselves_only(client: FlaskClient, laser: Resource) -> None:
    maker, other = make_person(name="Ada", member_until=None), make_person(name="Bob")
    sign_in(client, maker)
    page = text(client, f"/certifications/simulate?resource={laser.id}")
    assert "Ada at Laser" in page
    assert 'name="person"' not in page
    assert "Ada at Laser" in text(client, f"/certifications/simulate?resource={laser.id}&person=Bob")
    assert client.get(f"/certifications/simulate?resource={laser.id}&person_id={other.id}").status_code == 404


# -- how old somebody is ----------------------------------------------------------------------------------------------


def test_the_date_of_birth_is_entered_shown_to_staff_and_the_person_and_forgotten(
    client: FlaskClient, manager: Person
) -> None:
    form = {"name": "Ada", "language": "fr", "audience": "school", "born_on": "2010-03-31"}
    where = post(client, "/people/new", form).location
    ada = db.session.get_one(Person, int(where.rpartition("/")[2]))
    assert ada.born_on == date(2010, 3, 31)
    assert "31 March 2010" in text(client, where)
    wrong = post(client, f"{where}/edit", form | {"born_on": "1810-03-31"})
    assert 'id="wrong-born_on"' in wrong.get_data(as_text=True)
    post(client, f"{where}/anonymise", page=where)
    db.session.expire_all()
    assert ada.born_on is None
