"""One example of every message, with texts that would show if they were not escaped."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from fablab.notices.certifications import (
    CertificationEnded,
    ReservationsAtRisk,
    ReservationsAtRiskOf,
    ReservationsLost,
    ReservationsSafe,
    Risk,
)
from fablab.notices.lets import LetEnds, LetNotice
from fablab.notices.messages import (
    CertificationGranted,
    CertificationLapsing,
    CertificationRevoked,
    ChannelAdded,
    Message,
    OverrunWarning,
    ProblemReported,
    ReservationCancelled,
    ReservationChanged,
    ReservationConfirmed,
    ReservationInClosure,
    ReservationMovedByStaff,
    ReservationOffered,
    ReservationReleased,
    ReservationReminder,
    ResourceOutOfService,
    TrialNotice,
)
from fablab.notices.requests import ReservationAwaited, ReservationRejected, ReservationRequested, Why
from fablab.notices.series import SeriesAwaited, SeriesCancelled, SeriesChanged, SeriesConfirmed, SeriesRequested
from fablab.notices.suspensions import CertificationResumed, CertificationSuspended
from fablab.notices.trainings import (
    TrainingAssigned,
    TrainingCancelled,
    TrainingChanged,
    TrainingEnrolled,
    TrainingExpired,
    TrainingNotCertified,
    TrainingOffered,
    TrainingReleased,
    TrainingReminder,
    TrainingWaiting,
    TrainingWithdrawn,
)
from fablab.notices.waiting import WaitingEnded

STARTS = datetime(2026, 3, 6, 13, 0, tzinfo=UTC)
"""A Friday, 14:00 in Paris."""
ENDS = STARTS + timedelta(hours=2)
LASER = {"en": "Laser cutter <A&B>", "fr": "Découpe laser <A&B>", "bg": "Лазер <A&B>"}
BASICS = {"en": "Laser basics", "fr": "Bases du laser", "bg": "Основи на лазера"}
HOSTILE = 'Lens "dirty"\r\nBcc: eve@example.org\n<script>alert(1)</script> {{ 7*7 }} %(name)s'

SERIES: dict[str, Any] = {
    "series_id": 5,
    "resources": (LASER, BASICS),
    "starts_at": STARTS,
    "ends_at": ENDS,
    "changed_at": STARTS - timedelta(days=1),
}

TRAINING: dict[str, Any] = {"training_id": 7, "title": BASICS, "starts_at": STARTS, "ends_at": ENDS}
SERIES_OF_DATES: dict[str, Any] = TRAINING | {"dates": 3, "places": (LASER, BASICS), "sequence": 2}

RISKS: dict[str, Any] = {
    "person_id": 5,
    "at": STARTS - timedelta(days=2),
    "certifications": (BASICS,),
    "certification_id": 3,
    "risks": (
        Risk(
            reservation_id=12,
            resources=(LASER, BASICS),
            starts_at=STARTS,
            ends_at=ENDS,
            release_at=STARTS - timedelta(hours=6),
        ),
        Risk(
            reservation_id=13,
            resources=(LASER,),
            starts_at=STARTS + timedelta(days=1),
            ends_at=STARTS + timedelta(days=3),
            release_at=STARTS,
        ),
    ),
}

EXAMPLES: tuple[Message, ...] = (
    ReservationConfirmed(reservation_id=12, resources=(LASER, BASICS), starts_at=STARTS, ends_at=ENDS),
    ReservationChanged(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=STARTS + timedelta(days=3),
        was_starts_at=STARTS - timedelta(days=1),
        was_ends_at=ENDS - timedelta(days=1),
        sequence=1,
    ),
    ReservationCancelled(
        reservation_id=12, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, sequence=2, reason=HOSTILE
    ),
    ReservationCancelled(reservation_id=13, resources=(LASER,), starts_at=STARTS, ends_at=ENDS),
    ReservationReminder(reservation_id=12, resources=(LASER,), starts_at=STARTS, ends_at=ENDS),
    ReservationRequested(reservation_id=14, resources=(LASER,), starts_at=STARTS, ends_at=ENDS),
    ReservationRequested(
        reservation_id=14,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        sequence=1,
        by_staff=True,
        reason=HOSTILE,
    ),
    ReservationAwaited(reservation_id=14, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, person="Ada"),
    ReservationRejected(
        reservation_id=14, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, why=Why.STAFF, reason="A course needs it"
    ),
    ReservationRejected(reservation_id=15, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, why=Why.OTHER),
    ReservationRejected(reservation_id=16, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, why=Why.UNANSWERED),
    ReservationReleased(reservation_id=12, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, grace_minutes=15),
    ReservationOffered(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        held_until=STARTS - timedelta(hours=3),
        accept_path="/reservations",
    ),
    WaitingEnded(entry_id=4, resources=(LASER,), starts_at=STARTS, ends_at=ENDS),
    ReservationMovedByStaff(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        was_starts_at=STARTS - timedelta(days=1),
        was_ends_at=ENDS - timedelta(days=1),
        reason=HOSTILE,
    ),
    OverrunWarning(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        expected_until=STARTS + timedelta(hours=1),
    ),
    OverrunWarning(reservation_id=12, resources=(LASER,), starts_at=STARTS, ends_at=ENDS),
    ReservationInClosure(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        closure="closure 4",
        closed_from=STARTS - timedelta(hours=1),
        closed_until=ENDS + timedelta(days=1),
        why={"en": HOSTILE, "fr": HOSTILE, "bg": HOSTILE},
    ),
    ReservationInClosure(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        closure="day 2026-03-06",
        closed_from=STARTS,
        closed_until=ENDS,
        why={},
    ),
    ResourceOutOfService(
        reservation_id=12,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        resource_id=3,
        resource=LASER,
        why=HOSTILE,
        since=STARTS - timedelta(days=2),
    ),
    LetEnds(reservation_id=17, resources=(LASER,), starts_at=STARTS, ends_at=ENDS, last_day=date(2026, 3, 6)),
    LetEnds(
        reservation_id=17,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        last_day=date(2026, 3, 6),
        keys=HOSTILE,
        deposit=True,
        by_staff=True,
    ),
    LetNotice(
        reservation_id=17,
        resources=(LASER,),
        starts_at=STARTS,
        ends_at=ENDS,
        last_day=date(2026, 3, 6),
        keys=HOSTILE,
        deposit=True,
        person='Zoë "Z" <Ж>',
    ),
    SeriesConfirmed(**SERIES, count=9, skipped=1),
    SeriesConfirmed(**SERIES, count=9, requested=1),
    SeriesRequested(**SERIES, count=9, skipped=1),
    SeriesRequested(**SERIES, count=8, moved=True, by_staff=True, reason=HOSTILE, skipped=2),
    SeriesAwaited(**SERIES, count=9, person=HOSTILE),
    SeriesChanged(**SERIES, count=8, skipped=2),
    SeriesChanged(**SERIES, count=8, requested=3, by_staff=True, reason=HOSTILE),
    SeriesCancelled(**SERIES, count=10, reason=HOSTILE),
    CertificationGranted(grant_id=4, certification=BASICS, until=date(2027, 3, 6)),
    CertificationGranted(grant_id=4, certification=BASICS),
    CertificationLapsing(grant_id=4, certification=BASICS, lapses_on=date(2026, 4, 5), days_before=30),
    CertificationLapsing(
        grant_id=4,
        certification=BASICS,
        lapses_on=date(2026, 4, 5),
        days_before=7,
        by_disuse=True,
        unused_days=83,
    ),
    CertificationEnded(grant_id=4, certification_id=3, certification=BASICS, last_day=date(2026, 4, 5)),
    CertificationEnded(grant_id=4, certification_id=3, certification=BASICS, last_day=date(2026, 4, 5), unused_days=90),
    ReservationsAtRisk(**RISKS),
    ReservationsAtRisk(**RISKS | {"risks": RISKS["risks"][:1]}),
    ReservationsAtRiskOf(**RISKS, person='Zoë "Z" <Ж>'),
    ReservationsSafe(**RISKS),
    ReservationsLost(**RISKS),
    ReservationsLost(**RISKS | {"risks": RISKS["risks"][:1]}),
    CertificationRevoked(grant_id=4, certification=BASICS, reason=HOSTILE),
    CertificationSuspended(suspension_id=6, certification=BASICS, reason=HOSTILE),
    CertificationResumed(suspension_id=6, certification=BASICS, note=HOSTILE),
    CertificationResumed(suspension_id=6, certification=BASICS),
    TrainingEnrolled(**TRAINING, enrolment_id=9),
    TrainingEnrolled(**SERIES_OF_DATES, enrolment_id=9, by_staff=True),
    TrainingWaiting(**SERIES_OF_DATES, enrolment_id=9, position=4),
    TrainingOffered(**TRAINING, enrolment_id=9, offered_until=STARTS - timedelta(hours=3)),
    TrainingExpired(**TRAINING, enrolment_id=9),
    TrainingExpired(**TRAINING, enrolment_id=9, in_vain=True),
    TrainingWithdrawn(**TRAINING, enrolment_id=9),
    TrainingWithdrawn(**SERIES_OF_DATES, enrolment_id=9, late=True, by_staff=True, reason=HOSTILE),
    TrainingChanged(**SERIES_OF_DATES, reason=HOSTILE),
    TrainingChanged(**TRAINING),
    TrainingCancelled(**TRAINING, too_few=True),
    TrainingCancelled(**SERIES_OF_DATES, reason=HOSTILE),
    TrainingReminder(**TRAINING),
    TrainingNotCertified(**TRAINING, enrolment_id=9, certification_id=3, certification=BASICS),
    TrainingAssigned(**SERIES_OF_DATES),
    TrainingReleased(**TRAINING),
    ProblemReported(problem_id=8, resource_id=3, resource=LASER, problem=HOSTILE, reported_by='Zoë "Z" <Ж>'),
    ChannelAdded(channel_id=5, label=HOSTILE, service="ntfy"),
    TrialNotice(asked_at=STARTS),
)
