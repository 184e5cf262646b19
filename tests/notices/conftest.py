"""A real mail server and a real web server on loopback, and a lab that knows the mail server."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask
from flask_babel import force_locale

from fablab.core import ports
from fablab.core.app import create_core_app
from fablab.core.config import Config
from tests.conftest import make_config

SENDER = "lab@example.org"
USER, PASSWORD = "fablab", "a password for mail"


@dataclass
class MailServer:
    """What arrived, and what the server answers: `refuse` maps a recipient to the answer it gets instead of 250."""

    port: int = 0
    refuse: dict[str, str] = field(default_factory=dict)
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        parsed = message_from_bytes(content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.received.append(parsed)
        self.recipients.extend(envelope.rcpt_tos)
        return "250 OK"


def start(server: MailServer, **options: Any) -> Controller:
    """A mail server on a free port of loopback."""
    server.port = ports.any_free()
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    return controller


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """Takes mail without TLS and without a password."""
    server = MailServer()
    controller = start(server)
    yield server
    controller.stop()


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@pytest.fixture
def secure_mail_server(certificate: tuple[Path, Path]) -> Iterator[MailServer]:
    """Takes mail after STARTTLS and with the right password only."""
    server = MailServer()
    controller = start(
        server,
        tls_context=server_side(certificate),
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticate,
    )
    yield server
    controller.stop()


@pytest.fixture
def config(tmp_path: Path, database_url: str, mail_server: MailServer) -> Config:
    """The configuration of a small lab that sends mail."""
    return make_config(
        tmp_path,
        database={"url": database_url},
        web={"base_url": "https://lab.example.org"},
        mail={"host": "127.0.0.1", "port": mail_server.port, "tls": False, "sender": SENDER},
    )


@pytest.fixture(scope="module")
def words_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """For what needs words and no database: the core app, within its context."""
    config = make_config(tmp_path_factory.mktemp("words"), web={"base_url": "https://lab.example.org"})
    app = create_core_app(config.with_changes(mail={"sender": SENDER}))
    with app.app_context(), force_locale("en"):
        yield app


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of `localhost`, signed by itself: files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """TLS of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@dataclass
class Service:
    """A service such as ntfy: what was posted to it, and the status it answers."""

    port: int = 0
    status: int = 200
    location: str = ""
    posted: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def web_service(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A web service with TLS on localhost that this process trusts."""
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = server_side(certificate).wrap_socket(server.socket, server_side=True)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
