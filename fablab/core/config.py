"""The configuration: one frozen model per section, read from TOML, the environment and secret files.

`config.example.toml`, `fablab init` and `docs/administrators.md` are made from or tested against these models: each
field has a type, a default, bounds and a help sentence. A fault stops the start and names file, key, what was found
and what is allowed.
"""

import os
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from fablab.core.config_booking import BookingConfig

LANGUAGES = ("en", "fr", "bg")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Language = Literal["en", "fr", "bg"]
Port = Annotated[int, Field(ge=1, le=65535)]


class ConfigError(Exception):
    """The configuration cannot be used; the text says which key, what was found and what is allowed."""


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone such as Europe/Paris")
    return name


class Hours(BaseModel):
    """One opening of a day, local time; `closes` 00:00 means the end of the day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opens: time
    closes: time

    @model_validator(mode="after")
    def _in_order(self) -> "Hours":
        if self.closes != time(0) and self.closes <= self.opens:
            raise ValueError("closes must be after opens")
        return self


def _hours_from_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    opens, dash, closes = value.partition("-")
    if not dash:
        raise ValueError('must look like "09:00-18:00"')
    return {"opens": opens.strip(), "closes": "00:00" if closes.strip() == "24:00" else closes.strip()}


def _usual_hours() -> dict[str, tuple[Hours, ...]]:
    return dict.fromkeys(WEEKDAYS[:6], (Hours(opens=time(9), closes=time(19)),))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class LabConfig(_Section):
    """Who the lab is and when it is open."""

    name: str = Field("Fab Lab", min_length=1, max_length=100, description="Name shown on every page")
    url: str = Field("", description="Public web site of the lab")
    address: str = Field("", max_length=300, description="Postal address, one line")
    lat: float | None = Field(None, ge=-90, le=90, description="Latitude in degrees, for the public documents")
    lon: float | None = Field(None, ge=-180, le=180, description="Longitude in degrees")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "Europe/Paris", description="Time zone in which the lab lives; instants are stored in UTC"
    )
    languages: tuple[Language, ...] = Field(
        ("fr", "en", "bg"), min_length=1, description="Languages offered, the lab's own first"
    )
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217 code")
    opening_hours: dict[str, tuple[Hours, ...]] = Field(
        default_factory=_usual_hours,
        description="Weekday → openings such as ['09:00-12:30', '14:00-19:00']; a day left out is closed",
    )
    closed_days: tuple[date, ...] = Field((), description="Days on which the lab is closed all day")

    @field_validator("opening_hours", mode="before")
    @classmethod
    def _weekdays(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        unknown = sorted(set(value) - set(WEEKDAYS))
        if unknown:
            raise ValueError(f"unknown day {unknown[0]!r}; allowed: {', '.join(WEEKDAYS)}")
        return {
            day: tuple(_hours_from_text(one) for one in hours) if isinstance(hours, list | tuple) else hours
            for day, hours in value.items()
        }

    @property
    def zone(self) -> ZoneInfo:
        """The lab's time zone."""
        return ZoneInfo(self.timezone)


class WebConfig(_Section):
    """Where the web server listens and how the outside reaches it."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for the whole network")
    port: Port = Field(8000, description="TCP port")
    base_url: str = Field(
        "", pattern=r"^(https?://[^\s/]+)?$", description="Address of the lab as people type it, without a final slash"
    )
    secret_key_file: Path = Field(Path("var/secret_key"), description="File with the key for sessions and badges")
    trusted_proxies: int = Field(0, ge=0, le=5, description="How many reverse proxies stand before the web server")
    threads: int = Field(96, ge=32, le=1024, description="Threads of a web process; a live page takes one")
    processes: int = Field(1, ge=1, le=16, description="Web processes")


class DatabaseConfig(_Section):
    """Where the data is."""

    url: str = Field(
        "sqlite:///var/fablab.db",
        pattern=r"^(sqlite:///.+|postgresql(\+psycopg)?://.+)$",
        description="sqlite:///path or postgresql://user:password@host/name",
    )


class BrokerConfig(_Section):
    """A further broker, such as a printer that is one itself."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$", description="Short name of this broker")
    host: str = Field(min_length=1, description="Host name or address")
    port: Port = Field(1883, description="TCP port")
    username: str = Field("", description="User name")
    password_file: Path | None = Field(None, description="File with the password")
    ca_file: Path | None = Field(None, description="Certificate authority; switches TLS on")


class MqttConfig(_Section):
    """The broker on which devices speak."""

    embedded: bool = Field(True, description="Start a small broker on this machine; for trying out and the demo")
    host: str = Field("", description="Host of the lab's broker; empty with embedded = true")
    port: Port = Field(1883, description="TCP port; 8883 is usual with TLS")
    username: str = Field("fablab-server", description="User name of the bridge")
    password_file: Path | None = Field(None, description="File with the bridge's password")
    ca_file: Path | None = Field(None, description="Certificate authority; switches TLS on")
    client_id: str = Field("fablab-bridge", min_length=1, max_length=40, description="Client id of the bridge")
    share_group: str = Field("", pattern=r"^[a-z0-9-]*$", description="Shared-subscription group of several bridges")
    site: str = Field("lab1", pattern=r"^[a-z0-9-]{1,32}$", description="Site name in the topics of native devices")
    brokers: tuple[BrokerConfig, ...] = Field((), description="Further brokers")

    @model_validator(mode="after")
    def _one_broker(self) -> "MqttConfig":
        if self.embedded and self.host:
            raise ValueError("embedded = true and host exclude each other; set embedded = false to use the host")
        if not self.embedded and not self.host:
            raise ValueError("host is missing; name a broker or set embedded = true")
        return self


class InterlockConfig(_Section):
    """How machines are opened."""

    lease_seconds: int = Field(60, ge=10, le=3600, description="How long a device stays open without a renewal")
    offline_policy: Literal["deny", "allow_list"] = Field("deny", description="What a reader does without the server")


class CertificationsConfig(_Section):
    """Certifications that end while somebody has booked what needs them."""

    at_risk_hours: int = Field(
        72,
        ge=0,
        le=720,
        description="How long a booking is kept whose person lacks a certification for it; its start ends it too",
    )


class MailConfig(_Section):
    """How mail leaves the lab; without a host none is sent."""

    host: str = Field("", description="SMTP server")
    port: Port = Field(587, description="SMTP port")
    username: str = Field("", description="User name")
    password_file: Path | None = Field(None, description="File with the password")
    tls: bool = Field(True, description="STARTTLS")
    sender: str = Field("", description="Address in From")


class NotificationsConfig(_Section):
    """Other channels than mail."""

    urls: tuple[str, ...] = Field((), description="The staff's channels, addresses in Apprise's form")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Hosts of the lab's own network that people's channels may reach, such as its ntfy server"
    )


class RetentionConfig(_Section):
    """How long data is kept."""

    journal_days: int = Field(400, ge=7, le=3650, description="What devices said")
    access_log_days: int = Field(90, ge=1, le=3650, description="Who was at a reader, with the name")
    inactive_member_months: int = Field(36, ge=6, le=120, description="Members without activity")


class TrainingConfig(_Section):
    """Trainings: how long an offer is kept, when people are reminded."""

    offer_hours: int = Field(
        24, ge=1, le=336, description="How long a free place is kept for the first in the waiting list"
    )
    reminder_hours: int = Field(24, ge=1, le=336, description="How long before each date one is reminded of it")


class OidcConfig(_Section):
    """Signing in through an identity provider."""

    issuer: str = Field("", description="Address of the provider; empty switches it off")
    client_id: str = Field("", description="Client id at the provider")
    client_secret_file: Path | None = Field(None, description="File with the client secret")


class Config(BaseSettings):
    """The whole configuration. `base_dir` is the folder that relative paths in it refer to."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FABLAB_", env_nested_delimiter="__", validate_default=True
    )

    lab: LabConfig = LabConfig()
    web: WebConfig = WebConfig()
    database: DatabaseConfig = DatabaseConfig()
    mqtt: MqttConfig = MqttConfig()
    interlock: InterlockConfig = InterlockConfig()
    booking: BookingConfig = BookingConfig()
    certifications: CertificationsConfig = CertificationsConfig()
    mail: MailConfig = MailConfig()
    notifications: NotificationsConfig = NotificationsConfig()
    training: TrainingConfig = TrainingConfig()
    retention: RetentionConfig = RetentionConfig()
    oidc: OidcConfig = OidcConfig()
    demo: bool = Field(False, description="Marks every page as a demo with invented people")
    base_dir: Path = Path()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)

    def path(self, relative: Path) -> Path:
        """`relative` under the configuration's folder; an absolute path stays as it is."""
        return relative if relative.is_absolute() else self.base_dir / relative

    @property
    def database_url(self) -> str:
        """The URL for SQLAlchemy: SQLite paths made absolute, PostgreSQL spoken through psycopg."""
        url = self.database.url
        if url.startswith("sqlite:///"):
            return f"sqlite:///{self.path(Path(url.removeprefix('sqlite:///'))).resolve()}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def secret_key(self) -> bytes:
        """The signing key. Raises ConfigError when the file is missing or holds fewer than 32 bytes."""
        file = self.path(self.web.secret_key_file)
        try:
            key = file.read_bytes().strip()
        except OSError as error:
            raise ConfigError(
                f"web.secret_key_file: cannot read {file} ({error.strerror}); `fablab init` writes one"
            ) from None
        if len(key) < 32:
            raise ConfigError(f"web.secret_key_file: {file} holds {len(key)} characters; at least 32 are needed")
        return key

    def with_changes(self, **sections: dict[str, Any]) -> "Config":
        """A copy with some keys changed, checked like the file: `config.with_changes(web={"port": 8001})`."""
        changed = {
            name: getattr(self, name).model_copy(update=keys) if isinstance(keys, dict) else keys
            for name, keys in sections.items()
        }
        return self.model_copy(update=changed)


DEFAULT_FILE = Path("config.toml")


def load_config(file: Path | None = None) -> Config:
    """Reads the configuration: `file`, else ./config.toml when there is one, else the built-in defaults.

    `FABLAB_SECTION__KEY` in the environment overrides one key. Raises ConfigError.
    """
    if file is None and not DEFAULT_FILE.exists():
        return _checked({}, "the environment", Path.cwd())
    file = file or DEFAULT_FILE
    try:
        data = TomlConfigSettingsSource(Config, toml_file=file).toml_data if file.exists() else None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    if data is None:
        raise ConfigError(f"{file}: there is no such file; `fablab init` writes one")
    return _checked(data, str(file), file.resolve().parent)


def _checked(data: dict[str, Any], origin: str, base_dir: Path) -> Config:
    stray = sorted({"base_dir"} & set(data))
    if stray:
        raise ConfigError(f"{origin}: {stray[0]}: unknown key")
    _refuse_unknown_sections_in_environment(origin)
    try:
        return Config(**data, base_dir=base_dir)
    except ValidationError as error:
        raise ConfigError("\n".join(_fault(origin, dict(one)) for one in error.errors())) from None


def _refuse_unknown_sections_in_environment(origin: str) -> None:
    for name in os.environ:
        section, separator, _key = name.removeprefix("FABLAB_").lower().partition("__")
        if name.startswith("FABLAB_") and separator and section not in Config.model_fields:
            raise ConfigError(f"{name} in the environment: unknown section {section!r} (read with {origin})")


def _fault(origin: str, error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{origin}: {key}: unknown key{_allowed_keys(error['loc'])}"
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{origin}: {key}: {reason}, found {error['input']!r}"


def _allowed_keys(place: tuple[int | str, ...]) -> str:
    model: Any = Config
    for part in place[:-1]:
        field = getattr(model, "model_fields", {}).get(str(part))
        model = field.annotation if field else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ""
    return "; allowed: " + ", ".join(name for name in model.model_fields if name != "base_dir")
