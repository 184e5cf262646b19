"""The pages of notices without JavaScript, and who may see them; subscribed calendars over HTTP."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale
from icalendar import Calendar

from fablab.core.actor import Role
from fablab.core.clock import now
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.notices import service
from fablab.notices.delivery import deliver
from fablab.notices.models import CalendarFeed, NoticeChannel
from fablab.people.models import Person
from tests.conftest import CountQueries, make_config
from tests.factories import make_actor, make_machine, make_person, make_reservation
from tests.notices.conftest import MailServer
from tests.notices.examples import EXAMPLES
from tests.web_helpers import post, sign_in

PAGE = "/account/notices"


@pytest.fixture
def config(tmp_path: Path, database_url: str, mail_server: MailServer) -> Config:
    """A lab that sends mail, reached without TLS as the test client does."""
    return make_config(
        tmp_path,
        database={"url": database_url},
        mail={"host": "127.0.0.1", "port": mail_server.port, "tls": False, "sender": "lab@example.org"},
    )


@pytest.fixture
def me(client: FlaskClient) -> Person:
    """A signed-in maker."""
    person = make_person(language="en")
    sign_in(client, person)
    return person


def address(client: FlaskClient, resource: str = "") -> str:
    """The path of a calendar made on the page."""
    made = post(client, "/account/calendars", {"resource": resource}, PAGE).get_data(as_text=True)
    found = re.search(r"/calendar/[\w-]+\.ics", made)
    assert found
    return found[0]


# -- pages ------------------------------------------------------------------------------------------------------------


def test_choices_are_kept(client: FlaskClient, me: Person) -> None:
    assert "checked" in client.get(PAGE).get_data(as_text=True)
    answer = post(client, PAGE, {"want": "reservation_reminder/mail"})
    assert answer.status_code == 303
    rows = {row.message: row.wanted["mail"] for row in _preferences(me).rows}
    assert rows["reservation_reminder"]
    assert not rows["reservation_confirmed"]
    assert rows["certification_revoked"], "cannot be switched off"
    post(client, PAGE, {"want": "nonsense"})
    assert client.get(PAGE).status_code == 200


def _preferences(person: Person) -> service.Preferences:
    with force_locale("en"):
        return service.preferences(make_actor(person))


def test_a_channel_is_connected_and_its_address_never_shown_again(client: FlaskClient, me: Person) -> None:
    answer = post(client, PAGE + "/channels", {"label": "Phone", "url": "ntfys://my-secret-topic"}, PAGE)
    assert answer.status_code == 303
    page = client.get(PAGE).get_data(as_text=True)
    assert "Phone" in page
    assert "my-secret-topic" not in page
    channel = db.session.query(NoticeChannel).one()
    assert "my-secret" not in channel.address
    assert post(client, f"{PAGE}/channels/{channel.id}/remove", page=PAGE).status_code == 303
    assert not db.session.query(NoticeChannel).count()
    assert "Phone</strong>" not in client.get(PAGE).get_data(as_text=True)


@pytest.mark.parametrize("url", ["", "ntfys://127.0.0.1/secret", "mailto://u:secret@example.org", "tgram://secret"])
def test_a_wrong_channel_is_named_beside_its_field(client: FlaskClient, me: Person, url: str) -> None:
    answer = post(client, PAGE + "/channels", {"label": "Phone", "url": url}, PAGE)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert 'id="wrong-url"' in page
    assert "secret" not in page


def test_another_persons_channel_and_calendar_are_not_found(client: FlaskClient, me: Person) -> None:
    with client.application.test_request_context():
        made = service.add_channel(make_actor(make_person()), "Phone", "ntfys://topic", now())
    assert post(client, f"{PAGE}/channels/{made.id}/remove", page=PAGE).status_code == 404
    assert post(client, "/account/calendars/99/end", page=PAGE).status_code == 404


def test_what_failed_is_shown_to_the_administrator_and_tried_again(
    client: FlaskClient, me: Person, mail_server: MailServer
) -> None:
    assert client.get("/notices").status_code == 403
    mail_server.refuse[me.email or ""] = "550 no such mailbox"
    with transaction():
        service.notify(me.id, EXAMPLES[0], now())
    deliver(now())
    sign_in(client, make_person(role=Role.ADMINISTRATOR))
    assert "no such mailbox" in client.get("/notices").get_data(as_text=True)
    mail_server.refuse.clear()
    ident = service.failed()[0].id
    assert post(client, f"/notices/{ident}/again", page="/notices").status_code == 303
    assert deliver(now()) == 1
    assert post(client, f"/notices/{ident}/drop", page="/notices").status_code == 303
    assert post(client, "/notices/try", page="/notices").status_code == 303
    assert deliver(now()) == 1


def test_without_a_mail_server_the_pages_say_so(app: Flask, client: FlaskClient) -> None:
    app.extensions["fablab_config"] = app.extensions["fablab_config"].with_changes(mail={"host": ""})
    sign_in(client, make_person(role=Role.ADMINISTRATOR, language="en"))
    for path in (PAGE, "/notices"):
        assert "no mail server is configured" in client.get(path).get_data(as_text=True)


def test_every_message_leads_to_a_page_of_the_lab(app: Flask) -> None:
    adapter = app.url_map.bind("lab.example.org")
    for message in EXAMPLES:
        assert adapter.test(message.path, "GET"), message.path


# -- calendars --------------------------------------------------------------------------------------------------------


def test_ones_own_calendar(client: FlaskClient, me: Person) -> None:
    laser, room = make_machine("Laser, big; red"), make_machine("Room")
    starts = now() + timedelta(days=2)
    mine = make_reservation(me, [laser, room], starts, starts + timedelta(hours=1), note="two\r\nlines")
    make_reservation(make_person(), [laser], starts + timedelta(days=1), starts + timedelta(days=1, hours=1))
    path = address(client)
    visitor = client.application.test_client()
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/calendar"
    (event,) = Calendar.from_ical(answer.data).events
    assert str(event["SUMMARY"]) == "Laser, big; red, Room"
    assert str(event["DESCRIPTION"]) == "two\nlines"
    assert event.start == mine.starts_at.replace(microsecond=0)
    assert visitor.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    with transaction():
        mine.note = "other"
    again = visitor.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 200
    assert again.headers["ETag"] != answer.headers["ETag"]


def test_the_calendar_of_a_resource_names_nobody(client: FlaskClient, me: Person) -> None:
    laser = make_machine("Laser")
    starts = now() + timedelta(days=2)
    make_reservation(make_person(name="Grace Hopper"), [laser], starts, starts + timedelta(hours=1), note="secret plan")
    text = client.application.test_client().get(address(client, str(laser.id))).get_data(as_text=True)
    assert "SUMMARY:Busy" in text
    for private in ("Grace", "secret", "reservation", "@example.org"):
        assert private not in text


def test_a_renewed_or_ended_calendar_has_no_old_address(client: FlaskClient, me: Person) -> None:
    first = address(client)
    second = address(client)
    visitor = client.application.test_client()
    assert visitor.get(first).status_code == 404
    assert visitor.get(second).status_code == 200
    feed = db.session.query(CalendarFeed).one()
    assert second.split("/")[-1].removesuffix(".ics") not in feed.secret_hash
    post(client, f"/account/calendars/{feed.id}/end", page=PAGE)
    assert visitor.get(second).status_code == 404
    assert visitor.get("/calendar/nonsense.ics").status_code == 404


def test_a_disabled_person_has_no_calendar(client: FlaskClient, me: Person) -> None:
    path = address(client)
    with transaction():
        me.active = False
    assert client.application.test_client().get(path).status_code == 404


def test_a_calendar_costs_the_same_queries_however_full_it_is(
    client: FlaskClient, me: Person, count_queries: CountQueries
) -> None:
    laser = make_machine()
    path, visitor = address(client), client.application.test_client()
    costs = []
    for number in range(1, 3):
        for hour in range(10):
            starts = now() + timedelta(days=number, hours=hour)
            make_reservation(me, [laser], starts, starts + timedelta(minutes=30))
        count_queries()
        assert len(Calendar.from_ical(visitor.get(path).data).events) == 10 * number
        costs.append(count_queries())
    assert costs[0] == costs[1]
