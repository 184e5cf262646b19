"""The one place that asks what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC. Called once at the edge (request, message, job) and handed down."""
    return datetime.now(UTC)
