"""From `notify` to a real mail server and a real web service: once, again after a failure, never twice by accident."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from fablab.core import outbox
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.notices import delivery, outgoing, service
from fablab.notices.calendars import CalendarEvent, Status
from fablab.notices.delivery import deliver
from fablab.notices.messages import Message, ProblemReported, ReservationReminder
from fablab.notices.models import DeliveryState, Notice, NoticeChannel, NoticeDelivery
from fablab.notices.rules import Wish
from fablab.people.models import Person
from tests.factories import NOW, make_actor, make_person
from tests.notices.conftest import PASSWORD, SENDER, USER, MailServer, Service
from tests.notices.examples import ENDS, EXAMPLES, LASER, STARTS

CONFIRMED = EXAMPLES[0]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


def tell(person: Person, message: Message = CONFIRMED, **more: Any) -> bool:
    with transaction():
        return service.notify(person.id, message, NOW, **more)


def tell_and_fail(person: Person) -> None:
    with transaction():
        service.notify(person.id, CONFIRMED, NOW)
        raise NotFound


def deliveries() -> list[NoticeDelivery]:
    db.session.rollback()
    return list(db.session.query(NoticeDelivery).order_by(NoticeDelivery.id))


def reconfigure(app: Flask, **sections: dict[str, object]) -> Config:
    changed: Config = app.extensions["fablab_config"].with_changes(**sections)
    app.extensions["fablab_config"] = changed
    return changed


def add_channel(person: Person, url: str) -> NoticeChannel:
    return service.add_channel(make_actor(person), "Phone", url, NOW)


# -- mail -------------------------------------------------------------------------------------------------------------


def test_a_mail_arrives_whole_and_in_the_persons_language(app: Flask, mail_server: MailServer) -> None:
    person = make_person(name='Zoë "Z"\r\nBcc: eve@example.org', language="bg", email="zoe@example.org")
    event = CalendarEvent(
        name="reservation-12", titles=(LASER,), starts_at=STARTS, ends_at=ENDS, changed_at=NOW, path="/reservations"
    )
    assert tell(person, attach=event)
    assert deliver(NOW) == 1

    (mail,) = mail_server.received
    assert mail_server.recipients == ["zoe@example.org"]
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert [one.addr_spec for one in mail["To"].addresses] == ["zoe@example.org"]
    assert mail["Bcc"] is None
    assert "Лазер" in mail["Subject"]
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail["List-Unsubscribe"] == "<https://lab.example.org/account/notices>"
    assert mail["Auto-Submitted"] == "auto-generated"
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "text/calendar", "application/ics"]
    calendar = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "REQUEST"
    assert "METHOD:REQUEST" in calendar.get_payload(decode=True).decode()  # type: ignore[union-attr]  # decode gives bytes
    assert "петък 6 март" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # there is one, see above


def test_a_cancelled_event_is_cancelled_in_the_calendar(app: Flask, mail_server: MailServer) -> None:
    event = CalendarEvent(
        name="reservation-12",
        titles=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        changed_at=NOW,
        sequence=2,
        status=Status.CANCELLED,
    )
    tell(make_person(), EXAMPLES[2], attach=event)
    deliver(NOW)
    calendar = next(part for part in mail_server.received[0].walk() if part.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "CANCEL"


def test_mail_goes_through_starttls_with_a_password(
    app: Flask,
    secure_mail_server: MailServer,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "mail_password"
    file.write_text(PASSWORD + "\n")
    settings = {"port": secure_mail_server.port, "tls": True, "username": USER, "password_file": file}
    reconfigure(app, mail=settings)
    tell(make_person())
    assert deliver(NOW) == 0, "a certificate that nobody vouches for is refused"
    assert "certificate" in deliveries()[0].error

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    file.write_text("wrong")
    assert deliver(NOW + timedelta(hours=1)) == 0
    assert "535" in deliveries()[0].error

    file.write_text(PASSWORD)
    assert deliver(NOW + timedelta(hours=2)) == 1
    assert len(secure_mail_server.received) == 1


def test_without_a_mail_server_nothing_is_sent(app: Flask, mail_server: MailServer) -> None:
    reconfigure(app, mail={"host": ""})
    assert not service.can_mail()
    assert tell(make_person())
    assert deliver(NOW) == 0
    assert not deliveries()
    assert not mail_server.received


def test_who_has_left_or_has_no_address_gets_nothing(app: Flask, mail_server: MailServer) -> None:
    tell(make_person(email=None))
    tell(make_person(anonymised_at=NOW))
    assert deliver(NOW) == 0
    assert not mail_server.received


# -- once -------------------------------------------------------------------------------------------------------------


def test_the_same_notice_is_told_once(app: Flask, mail_server: MailServer) -> None:
    person, other = make_person(), make_person()
    assert [tell(person), tell(person), tell(other), tell(person, key="again")] == [True, False, True, True]
    assert deliver(NOW) == 3
    assert deliver(NOW + DAY) == 0
    assert not tell(person)
    assert len(mail_server.received) == 3


def test_nothing_is_told_when_the_transaction_fails(app: Flask, mail_server: MailServer) -> None:
    person = make_person()
    with pytest.raises(NotFound):
        tell_and_fail(person)
    assert deliver(NOW) == 0
    assert tell(person)


def test_a_notice_outside_a_transaction_is_refused(app: Flask) -> None:
    person = make_person()
    with pytest.raises(RuntimeError):
        service.notify(person.id, CONFIRMED, NOW)


def test_a_sender_that_dies_in_the_middle_costs_one_repetition(app: Flask, mail_server: MailServer) -> None:
    tell(make_person())
    outgoing.spread(NOW)
    first = outgoing.begin(NOW)
    assert first is not None
    delivery.attempt(first, NOW)  # and the process is gone before it could note that
    assert outgoing.begin(NOW + timedelta(minutes=1)) is None, "taken up by somebody"
    second = outgoing.begin(NOW + timedelta(minutes=6))
    assert second is not None
    delivery.attempt(second, NOW)
    assert deliver(NOW + timedelta(minutes=12)) == 0
    assert len(mail_server.received) == 2
    assert mail_server.received[0]["Message-ID"] == mail_server.received[1]["Message-ID"]
    assert deliveries()[0].state is DeliveryState.FAILED
    assert deliver(NOW + 3 * DAY) == 0


def test_one_delivery_is_taken_up_by_one_sender(app: Flask) -> None:
    tell(make_person())
    outgoing.spread(NOW)
    assert outgoing.begin(NOW) is not None
    assert outgoing.begin(NOW) is None


def test_a_late_reminder_is_not_sent(app: Flask, mail_server: MailServer) -> None:
    reminder = ReservationReminder(reservation_id=12, resources=(LASER,), starts_at=STARTS, ends_at=ENDS)
    tell(make_person(), reminder)
    assert deliver(STARTS + timedelta(minutes=1)) == 0
    assert deliveries()[0].state is DeliveryState.DROPPED
    assert not mail_server.received


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_for_a_day_and_then_shown(app: Flask, mail_server: MailServer) -> None:
    administrator = make_person(role=Role.ADMINISTRATOR)
    person = make_person(email="full@example.org")
    mail_server.refuse["full@example.org"] = "452 mailbox full"
    tell(person)
    at, tries = NOW, 0
    while service.count_failed() == 0:
        deliver(at)
        tries, at = tries + 1, at + timedelta(minutes=1)
        assert at < NOW + 2 * DAY, "it gives up"
    one = service.failed()[0]
    assert 10 <= one.failures <= 20
    assert at - NOW > timedelta(hours=18)
    assert "452" in one.error

    mail_server.refuse.clear()
    service.try_again(make_actor(administrator), one.id, at)
    assert deliver(at) == 1
    assert service.count_failed() == 0
    with pytest.raises(Conflict):
        service.drop(make_actor(administrator), one.id, at)


def test_an_address_that_does_not_exist_fails_at_once(app: Flask, mail_server: MailServer) -> None:
    administrator = make_person(role=Role.ADMINISTRATOR)
    mail_server.refuse["gone@example.org"] = "550 no such mailbox"
    tell(make_person(email="gone@example.org"))
    tell(make_person())
    assert deliver(NOW) == 1, "the others go on"
    (one,) = service.failed()
    service.drop(make_actor(administrator), one.id, NOW)
    assert not service.failed()


def test_a_server_that_is_away_is_tried_again(app: Flask, mail_server: MailServer) -> None:
    port = mail_server.port
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reconfigure(app, mail={"port": closed.getsockname()[1]})
        tell(make_person())
        assert deliver(NOW) == 0
    assert deliveries()[0].state is DeliveryState.WAITING
    reconfigure(app, mail={"port": port})
    assert deliver(NOW + timedelta(minutes=2)) == 1


def test_a_notice_that_cannot_be_read_harms_no_other(app: Flask, mail_server: MailServer) -> None:
    tell(make_person())
    tell(make_person())
    with transaction() as session:
        first = session.query(Notice).order_by(Notice.id).first()
        assert first is not None
        first.params = {"nonsense": 1}
    assert deliver(NOW) == 1
    assert [one.state for one in deliveries()] == [DeliveryState.FAILED, DeliveryState.SENT]


def test_old_notices_are_forgotten(app: Flask, mail_server: MailServer) -> None:
    person = make_person()
    tell(person)
    deliver(NOW)
    assert service.forget_old(NOW + 29 * DAY) == 0
    assert service.forget_old(NOW + 31 * DAY) == 1
    assert not tell(person), "its key is still known"
    assert service.forget_old(NOW + 401 * DAY) == 1
    assert not deliveries()
    assert service.forget_old(NOW + 401 * DAY) == 0


# -- choices and channels ---------------------------------------------------------------------------------------------


def test_what_is_switched_off_is_not_sent_but_the_fixed_kinds_are(app: Flask, mail_server: MailServer) -> None:
    person = make_person()
    service.choose(make_actor(person), frozenset())
    rows = {row.message: row for row in service.preferences(make_actor(person)).rows}
    assert not rows["reservation_confirmed"].wanted["mail"]
    assert rows["certification_revoked"].wanted["mail"]
    assert "problem_reported" not in rows
    for example in EXAMPLES:
        if not example.STAFF:
            tell(person, example)
    assert deliver(NOW) == 5, "a certification withdrawn or held back, a training cancelled (twice), a channel added"
    service.choose(make_actor(person), frozenset({Wish("reservation_confirmed", "mail")}))
    tell(person, key="new")
    assert deliver(NOW) == 1


def test_an_own_channel_is_told_too_and_by_mail_that_it_was_added(
    app: Flask, mail_server: MailServer, web_service: Service
) -> None:
    reconfigure(app, notifications={"allowed_hosts": ("localhost",)})
    person = make_person()
    url = f"ntfys://user:secret@localhost:{web_service.port}/lab"
    channel = add_channel(person, url)
    assert "secret" not in channel.address
    assert deliver(NOW) == 2
    assert "Phone" in mail_server.received[0]["Subject"]
    assert len(web_service.posted) == 1
    assert b"Phone" in web_service.posted[0][1]

    service.choose(make_actor(person), frozenset({Wish("reservation_confirmed", str(channel.id))}))
    tell(person)
    assert deliver(NOW) == 1
    assert len(web_service.posted) == 2

    web_service.status = 500
    tell(person, key="again")
    assert deliver(NOW) == 0
    service.remove_channel(make_actor(person), channel.id, NOW)
    assert deliver(NOW + DAY) == 0
    assert deliveries()[-1].state is DeliveryState.DROPPED


def test_a_channel_that_leads_into_the_lab_is_refused_where_it_leads(
    app: Flask, mail_server: MailServer, web_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = socket.getaddrinfo

    def lie(host: Any, *arguments: Any, **more: Any) -> Any:
        return lookup("127.0.0.1" if host == "innocent.example" else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    add_channel(make_person(), f"ntfys://innocent.example:{web_service.port}/lab?verify=no")
    assert deliver(NOW) == 1, "the mail; connections of the lab itself stay free"
    assert not web_service.posted
    assert "secret" not in deliveries()[-1].error


def test_a_redirect_is_not_followed(app: Flask, mail_server: MailServer, web_service: Service) -> None:
    reconfigure(app, notifications={"allowed_hosts": ("localhost",)})
    web_service.status, web_service.location = 307, f"https://localhost:{web_service.port}/elsewhere"
    add_channel(make_person(), f"ntfys://localhost:{web_service.port}/lab?redirect=yes")
    deliver(NOW)
    assert len(web_service.posted) == 1


@pytest.mark.parametrize("url", ["ntfys://127.0.0.1/lab", "mailto://u:p@example.org", "", "tgram://nonsense"])
def test_a_wrong_channel_is_refused_without_repeating_it(app: Flask, url: str) -> None:
    with pytest.raises(Invalid) as error:
        add_channel(make_person(), url)
    assert set(error.value.fields) == {"url"}
    assert not url or url not in str(error.value)


def test_there_are_five_channels_at_most_and_nobody_touches_anothers(app: Flask) -> None:
    person, other = make_person(), make_person()
    made = [add_channel(person, f"ntfys://topic-{number}") for number in range(5)]
    with pytest.raises(Conflict):
        add_channel(person, "ntfys://topic-6")
    with pytest.raises(NotFound):
        service.remove_channel(make_actor(other), made[0].id, NOW)


def test_the_staff_and_the_labs_channels_hear_of_a_problem(
    app: Flask, mail_server: MailServer, web_service: Service
) -> None:
    reconfigure(app, notifications={"urls": (f"ntfys://localhost:{web_service.port}/staff",)})
    make_person()
    make_person(role=Role.INSTRUCTOR)
    manager = make_person(role=Role.MANAGER)
    make_person(role=Role.ADMINISTRATOR, active=False)
    problem = next(one for one in EXAMPLES if isinstance(one, ProblemReported))
    for _again in range(2):
        with transaction():
            service.notify_staff(problem, NOW)
    assert deliver(NOW) == 2
    assert mail_server.recipients == [manager.email]
    assert [path for path, _body in web_service.posted] == ["/"]


def test_the_outbox_is_empty_when_all_is_done(app: Flask, mail_server: MailServer) -> None:
    tell(make_person())
    deliver(NOW)
    assert not outbox.is_waiting(outgoing.KIND, NOW + DAY)
    assert not outbox.is_waiting(outgoing.SEND, NOW + DAY)
