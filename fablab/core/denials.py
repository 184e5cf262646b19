"""A denial: one reason why something is not allowed, as a stable code with parameters.

Rules and services know codes only; `fablab.core.words` makes sentences of them, `fablab.web.remedies` links.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CODES: Mapping[str, str] = {
    "not_certified": "the person never held the certification `certification_id`",
    "certification_expired": "it ended on `since`",
    "certification_lapsed_unused": "it ended on `since`, because it was not used",
    "certification_revoked": "it was withdrawn on `since`",
    "certification_suspended": "the staff holds it back since `since`",
    "prerequisite_missing": "it is needed before another is granted; `why`: the code that says how it is missing",
    "theory_missing": "its quiz must be passed before it is granted",
    "too_young": "it is granted to people of `allowed` years and more; to this one from `on`",
    "age_unknown": "it is granted to people of `allowed` years and more; the date of birth is not known",
    "membership_expired": "the membership ended on `since`",
    "person_disabled": "the account is disabled",
    "resource_out_of_service": "the resource is out of service: `why`",
    "outside_opening_hours": "it is not open for the whole time; `hours` of that day",
    "slot_taken": "somebody holds it from `starts_at` to `ends_at`",
    "too_short": "shorter than `allowed` minutes",
    "too_long": "longer than `allowed` minutes",
    "too_soon": "less than `allowed` minutes from now; `earliest` start",
    "too_far_ahead": "more than `allowed` days from now",
    "quota_exceeded": "a limit of the person (`limit`): it allows `allowed`, `used` are used, this adds `value`",
    "needs_approval": "the staff must approve it",
    "needs_supervisor": "somebody must come along (`allowed`); `why`: nobody, wrong, uncertified, busy, unfit",
    "blocked": "a closure from `from` to `until`: `why`; `danger`: nobody may set it aside; `lab`: all is closed",
    "in_past": "the time is over",
    "reserved_by_other": "somebody else has it until `until`",
    "badge_unknown": "the badge is not known",
    "badge_revoked": "the badge was withdrawn",
    "lab_closed": "a closed day: `on`, `why`",
    "problem_reported": "a problem was reported",
    "off_step": "`value` is not a multiple of `allowed` minutes since local midnight",
    "too_close": "less than `allowed` minutes to the neighbour from `starts_at` to `ends_at`",
    "over_capacity": "`value` people, `allowed` at most",
    "quiz_attempts_used": "the quiz may be tried `allowed` times, `used` are used",
    "quiz_wait": "the quiz may be tried again at `until`",
    "suspended": "`value` no-shows; nothing can be booked until `until`",
    "training_not_open": "nobody can enrol in the training; `why`: draft, cancelled, closed or over",
    "training_begun": "the training began on `since`",
    "training_full": "no place is free any more",
    "training_own": "the person gives the training himself",
    "training_enrolled": "the person takes part or waits already",
    "training_audience": "the training is for `allowed` only: citizen, business, school or public_body",
    "training_clash": "another training, `title`, takes place from `starts_at` to `ends_at`",
    "instructor_busy": "the instructor has something else from `starts_at` to `ends_at`: training, booking or clash",
}
"""Every code, with what it means and which of its parameters say more. Codes are stable; new ones may come."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason against. `code` is one of `CODES`; `params` are plain JSON values for the sentence and the remedy:
    ids as strings, instants as RFC 3339 in UTC, texts by language as a dict."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"unknown denial code {self.code!r}")
