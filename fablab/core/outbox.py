"""Outbox: rows that wait to be delivered (mail, webhook, device command), written in the transaction that wants them.

A deliverer claims a row for a limited time, delivers, marks it done. A crash in between lets the claim run out and the
row is delivered again, so receivers must bear a repetition.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base, BigId, db

CLAIM_FOR = timedelta(seconds=30)


class Outbox(Base):
    """One delivery. `kind` names the deliverer (`device`, `notice`, `webhook`), `target` the receiver."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "kind",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    target: Mapped[str] = mapped_column(String(255))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(500))


def put(kind: str, target: str, payload: dict[str, Any], now: datetime, due_at: datetime | None = None) -> None:
    """Adds a delivery, due at once unless `due_at` says later. Only inside `transaction()`."""
    db.session.add(Outbox(kind=kind, target=target, payload=payload, created_at=now, due_at=due_at or now))


def claim(kind: str, now: datetime, limit: int = 50, hold: timedelta = CLAIM_FOR) -> list[Outbox]:
    """Claims due deliveries of one kind for as long as `hold`, oldest first. Only inside `transaction()`.

    Each row goes to one claimer: the conditional UPDATE says who was first.
    """
    due = (
        select(Outbox.id)
        .where(Outbox.kind == kind, Outbox.done_at.is_(None), Outbox.due_at <= now)
        .where(Outbox.claimed_until.is_(None) | (Outbox.claimed_until < now))
        .order_by(Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(db.session.scalars(due))
    if not ids:
        return []
    db.session.execute(
        update(Outbox)
        .where(Outbox.id.in_(ids))
        .values(claimed_until=now + hold, attempts=Outbox.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    return list(
        db.session.scalars(
            select(Outbox).where(Outbox.id.in_(ids)).order_by(Outbox.id).execution_options(populate_existing=True)
        )
    )


def is_waiting(kind: str, now: datetime) -> bool:
    """True when something of this kind is due: a look before `claim`, which needs a write transaction."""
    due = select(Outbox.id).where(Outbox.kind == kind, Outbox.done_at.is_(None), Outbox.due_at <= now)
    free = Outbox.claimed_until.is_(None) | (Outbox.claimed_until < now)
    return db.session.scalar(due.where(free).limit(1)) is not None


def done(ident: int, now: datetime) -> None:
    """Marks a claimed delivery as delivered. Only inside `transaction()`."""
    db.session.execute(update(Outbox).where(Outbox.id == ident).values(done_at=now, claimed_until=None))


def failed(ident: int, error: str, retry_at: datetime) -> None:
    """Gives a claimed delivery back, to be tried again at `retry_at`. Only inside `transaction()`."""
    db.session.execute(
        update(Outbox).where(Outbox.id == ident).values(last_error=error[:500], due_at=retry_at, claimed_until=None)
    )


def review_access(now: datetime, why: str, *, person_id: int | None = None, resource_id: int | None = None) -> None:
    """Asks the bridge to judge running uses anew at once: of one person, of one resource, of both, or (neither) of all.

    Whatever may end somebody's right calls it in the same transaction: a certification or badge withdrawn, a person
    disabled, a membership changed, a resource out of service. `why` goes to the reader (`certification_revoked`, …).
    """
    put("device", "access", {"op": "review", "why": why, "person_id": person_id, "resource_id": resource_id}, now)
