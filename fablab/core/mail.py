"""Mail leaves the lab here: one message over SMTP, as `[mail]` of the configuration says."""

import smtplib
import ssl
from email.message import EmailMessage

from fablab.core.config import Config

TIMEOUT_S = 15
SMTPS = 465
"""The port where TLS begins at once; on all others STARTTLS asks for it."""


class NotSent(Exception):
    """The message did not leave; the text says why. `final` when trying again cannot help (no such mailbox)."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def can_send(config: Config) -> bool:
    """True when a mail server and a sender are configured."""
    return bool(config.mail.host and config.mail.sender)


def send(config: Config, message: EmailMessage) -> None:
    """Hands one message to the mail server. Raises NotSent."""
    try:
        password = _password(config)
        with _connect(config) as server:
            if config.mail.username:
                server.login(config.mail.username, password)
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise NotSent(_answer(code, said), final=code >= 500) from None
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise NotSent(_answer(error.smtp_code, error.smtp_error), final=error.smtp_code >= 550) from None
    except smtplib.SMTPNotSupportedError as error:
        raise NotSent(f"the mail server cannot do this: {error}", final=not config.mail.tls) from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(_answer(error.smtp_code, error.smtp_error)) from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from None


def _password(config: Config) -> str:
    file = config.mail.password_file
    return config.path(file).read_text(encoding="utf-8").strip() if file else ""


def _connect(config: Config) -> smtplib.SMTP:
    mail = config.mail
    safe = ssl.create_default_context()
    if mail.tls and mail.port == SMTPS:
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=safe)
    server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)
    try:
        if mail.tls:
            server.starttls(context=safe)
    except BaseException:
        server.close()
        raise
    return server


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"the mail server answered {code} {text}"
