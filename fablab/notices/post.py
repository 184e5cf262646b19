"""A notice as a mail: headers, text and HTML, the event for the calendar."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from fablab.core.mail import NotSent
from fablab.core.words import config
from fablab.notices import links, vault
from fablab.notices.calendars import Invitation
from fablab.notices.rendering import PREFERENCES, Rendered


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail is made of. `ident` is the same whenever the same delivery is tried again."""

    ident: str
    name: str
    address: str
    language: str
    words: Rendered
    invitation: Invitation | None = None


def compose(letter: Letter, at: datetime) -> EmailMessage:
    """The whole mail. Raises NotSent when an address is none."""
    sender = config().mail.sender
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = Address(display_name=_plain(config().lab.name), addr_spec=sender)
        mail["To"] = Address(display_name=_plain(letter.name), addr_spec=letter.address)
    except ValueError:  # the errors of the address parser are of this kind
        raise NotSent("the address of the sender or of the person is none", final=True) from None
    mail["Subject"] = _plain(letter.words.subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{letter.ident}.{vault.mark(letter.ident)}@{sender.rpartition('@')[2]}>"
    mail["Content-Language"] = letter.language
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{links.absolute(PREFERENCES)}>"
    mail.set_content(letter.words.text)
    mail.add_alternative(letter.words.html, subtype="html")
    if letter.invitation:
        _attach(mail, letter.invitation)
    return mail


def _attach(mail: EmailMessage, invitation: Invitation) -> None:
    """Once as a part that mail programs offer to take into the calendar, once as a file for all others."""
    text = invitation.content.decode()
    mail.add_alternative(text, subtype="calendar", params={"method": invitation.method})
    mail.add_attachment(invitation.content, maintype="application", subtype="ics", filename="booking.ics")


def _plain(value: str) -> str:
    kept = (" " if one.isspace() else one for one in value if one.isprintable() or one.isspace())
    return " ".join("".join(kept).split())
