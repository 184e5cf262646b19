"""A denial: one reason why something is not allowed, as a stable code with parameters.

Rules and services know codes only; `fablab.core.words` makes sentences of them, `fablab.web.remedies` links.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CODES = (
    "not_certified",
    "certification_expired",
    "certification_lapsed_unused",
    "certification_revoked",
    "membership_expired",
    "person_disabled",
    "resource_out_of_service",
    "outside_opening_hours",
    "slot_taken",
    "too_short",
    "too_long",
    "too_soon",
    "too_far_ahead",
    "quota_exceeded",
    "needs_approval",
    "needs_supervisor",
    "blocked",
    "in_past",
    "reserved_by_other",
    "badge_unknown",
    "badge_revoked",
    "lab_closed",
    "problem_reported",
    "off_step",
    "too_close",
    "over_capacity",
    "suspended",
)


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason against. `code` is one of `CODES`; `params` are plain JSON values for the sentence and the remedy:
    ids as strings, instants as RFC 3339 in UTC, texts by language as a dict."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"unknown denial code {self.code!r}")
