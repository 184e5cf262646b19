"""Every table in one place, for migrations and for tests that look at the whole schema."""

from fablab.certifications.models import (
    Certification,
    Grant,
    Inclusion,
    Prerequisite,
    Requirement,
    RequirementTerm,
    Suspension,
    TheoryPass,
)
from fablab.core.audit import AuditEntry
from fablab.core.db import Base
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.credentials.models import IssuerKey, SignedBadge
from fablab.devices.models import Device, Journal
from fablab.interlock.models import AccessDecision, Alarm
from fablab.notices.models import CalendarFeed, Notice, NoticeChannel, NoticeChoice, NoticeDelivery
from fablab.people.models import ApiToken, Badge, MembershipPlan, Person, SignInFailure
from fablab.quizzes.models import Attempt, Choice, Question
from fablab.reservations.models import (
    Allocation,
    Companion,
    Let,
    PolicyOverride,
    Reservation,
    ReservationSeries,
    SkippedOccurrence,
    WaitingEntry,
)
from fablab.resources.models import Closure, OpeningException, Place, Resource, ResourceGroup
from fablab.training.models import (
    Attendance,
    Enrolment,
    Training,
    TrainingCertification,
    TrainingDate,
    TrainingGrant,
)
from fablab.usage.models import UsageReading, UsageSession
from fablab.web.models import StoredAnswer

MODELS: tuple[type[Base], ...] = (
    MembershipPlan,
    Person,
    Badge,
    ApiToken,
    SignInFailure,
    Place,
    ResourceGroup,
    Resource,
    OpeningException,
    Closure,
    Certification,
    Prerequisite,
    Inclusion,
    Grant,
    Suspension,
    TheoryPass,
    Requirement,
    RequirementTerm,
    IssuerKey,
    SignedBadge,
    Question,
    Choice,
    Attempt,
    ReservationSeries,
    Reservation,
    Allocation,
    Companion,
    Let,
    SkippedOccurrence,
    WaitingEntry,
    PolicyOverride,
    Training,
    TrainingCertification,
    TrainingDate,
    Enrolment,
    Attendance,
    TrainingGrant,
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
