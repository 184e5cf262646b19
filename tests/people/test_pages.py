"""The pages about people and certifications, as the staff and as makers use them."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Badge, Person
from tests.conftest import CountQueries
from tests.factories import make_certification, make_grant, make_machine, make_person, require_certification
from tests.web_helpers import post, sign_in


@pytest.fixture
def manager(client: FlaskClient) -> Person:
    person = make_person(role=Role.MANAGER, name="Grace")
    sign_in(client, person)
    return person


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_somebody_is_added_changed_disabled_and_enabled(client: FlaskClient, manager: Person) -> None:
    form = {"name": "Ada", "email": "ada@example.org", "language": "fr", "audience": "school", "member_until": ""}
    where = post(client, "/people/new", form).location
    assert "Ada" in text(client, where)
    assert post(client, f"{where}/edit", form | {"name": "Ada L."}).status_code == 303
    assert "Ada L." in text(client, where)
    post(client, f"{where}/disable", page=where)
    person = db.session.get_one(Person, int(where.rpartition("/")[2]))
    assert not person.active
    post(client, f"{where}/enable", page=where)
    assert person.active


def test_what_is_wrong_stands_beside_its_field(client: FlaskClient, manager: Person) -> None:
    answer = post(client, "/people/new", {"name": "", "email": "none", "language": "fr", "audience": "school"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="wrong-name"' in page
    assert 'id="wrong-email"' in page
    assert 'value="none"' in page


def test_managers_give_no_roles(client: FlaskClient, manager: Person) -> None:
    assert 'name="role"' not in text(client, "/people/new")
    form = {"name": "A", "language": "fr", "audience": "school", "role": "administrator"}
    assert post(client, "/people/new", form).status_code == 403


def test_a_badge_is_given_and_withdrawn(client: FlaskClient, manager: Person) -> None:
    person = make_person()
    where = f"/people/{person.id}"
    post(client, f"{where}/badges", {"uid": "04:A1:B2:C3", "label": "blue tag"}, page=where)
    assert "blue tag" in text(client, where)
    badge = db.session.query(Badge).one()
    post(client, f"{where}/badges/{badge.id}/revoke", {"reason": "lost"}, page=where)
    assert badge.revoked_reason == "lost"


@pytest.mark.parametrize(
    "query", ["", "q=ada", "role=maker", "state=ended", "state=disabled", "page=0", "page=x", "role=x"]
)
def test_the_list_bears_every_filter(client: FlaskClient, manager: Person, query: str) -> None:
    make_person(name="Ada")
    text(client, f"/people?{query}")


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    client: FlaskClient, manager: Person, count_queries: CountQueries
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(10):
            make_person()
        count_queries()
        text(client, "/people")
        counts.append(count_queries())
    assert counts[0] == counts[1]


# -- certifications ---------------------------------------------------------------------------------------------------


def test_a_cell_certifies_renews_and_withdraws(client: FlaskClient, manager: Person) -> None:
    person, laser = make_person(name="Ada"), make_certification("Laser")
    cell = f"/certifications/{laser.id}/people/{person.id}"
    assert cell in text(client, "/certifications")
    assert post(client, f"{cell}/grant", {"reason": "training"}, page=cell).status_code == 303
    assert "Withdraw" in text(client, cell)
    assert post(client, f"{cell}/grant", {"reason": ""}, page=cell).status_code == 422
    post(client, f"{cell}/revoke", {"reason": "left it running"}, page=cell)
    assert "left it running" in text(client, cell)
    assert f'{cell}/revoke"' not in text(client, cell)


def test_nobody_certifies_himself(client: FlaskClient, manager: Person) -> None:
    cell = f"/certifications/{make_certification().id}/people/{manager.id}"
    assert f"{cell}/grant" not in text(client, cell)
    assert post(client, f"{cell}/grant", {"reason": "me"}, page=cell).status_code == 403


def test_a_maker_sees_how_to_get_certified_and_who_he_is(client: FlaskClient) -> None:
    maker, laser = make_person(name="Ada"), make_certification("Laser")
    require_certification(make_machine("Big laser"), laser)
    holder = make_person(name="Grace")
    make_grant(holder, laser, granted_at=clock.now() - timedelta(days=1))
    sign_in(client, maker)
    page = text(client, f"/certifications/{laser.id}")
    assert "How to get it" in page
    assert "Big laser" in page
    assert "Grace" not in page
    assert "Grace" not in text(client, "/certifications")
    assert client.get(f"/people/{holder.id}").status_code == 404


@pytest.mark.parametrize("state", ["", "held", "lapsing", "ended", "nonsense"])
def test_the_matrix_page_takes_as_many_queries_for_many_as_for_few(
    client: FlaskClient, manager: Person, count_queries: CountQueries, state: str
) -> None:
    counts = []
    for _ in range(2):
        for number in range(5):
            make_grant(make_person(), make_certification(f"{number}"))
        count_queries()
        text(client, f"/certifications?state={state}&q=")
        counts.append(count_queries())
    assert counts[0] == counts[1]


def test_a_certification_is_defined_and_changed(client: FlaskClient, manager: Person) -> None:
    where = post(client, "/certifications/new", {"name_fr": "Découpe laser", "validity_days": "365"}).location
    assert "Découpe laser" in text(client, where)
    assert post(client, f"{where}/edit", {"name_fr": "Laser", "validity_days": ""}).status_code == 303
    answer = post(client, "/certifications/new", {"name_fr": "", "validity_days": "x"})
    assert answer.status_code == 422
