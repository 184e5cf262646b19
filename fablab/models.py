"""Every table in one place, for migrations and for tests that look at the whole schema."""

from fablab.certifications.models import Certification, Grant, Requirement
from fablab.core.audit import AuditEntry
from fablab.core.db import Base
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.devices.models import Device, Journal
from fablab.interlock.models import AccessDecision, Alarm
from fablab.notices.models import CalendarFeed, Notice, NoticeChannel, NoticeChoice, NoticeDelivery
from fablab.people.models import ApiToken, Badge, Person, SignInFailure
from fablab.reservations.models import Allocation, Reservation
from fablab.resources.models import Place, Resource
from fablab.usage.models import UsageReading, UsageSession
from fablab.web.models import StoredAnswer

MODELS: tuple[type[Base], ...] = (
    Person,
    Badge,
    ApiToken,
    SignInFailure,
    Place,
    Resource,
    Certification,
    Grant,
    Requirement,
    Reservation,
    Allocation,
    Device,
    Journal,
    UsageSession,
    UsageReading,
    AccessDecision,
    Alarm,
    Notice,
    NoticeDelivery,
    NoticeChannel,
    NoticeChoice,
    CalendarFeed,
    Event,
    Outbox,
    AuditEntry,
    StoredAnswer,
)
