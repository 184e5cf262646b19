"""The audit log: who did what, when, to what, with before and after. Append-only, each entry chained to the one before.

The hash of an entry covers its content and the hash of its predecessor, so a changed, removed or inserted entry breaks
the chain from there on; `verify` finds the place.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.actor import Actor
from fablab.core.db import Base, BigId, at_end, bulk_insert, db, lock_logs


class AuditEntry(Base):
    """One act. `action` is dotted (`grant.revoked`); `before` and `after` hold only what changed."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    via: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(64))
    subject_type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(64))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    hash: Mapped[str] = mapped_column(String(64))


def record(
    actor: Actor,
    action: str,
    subject: Base | tuple[str, str],
    at: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Appends an entry, in the moment in which the transaction commits. `subject` is a model with an `id`, or (type,
    id). Only inside `transaction()`."""
    db.session.flush()
    subject_type, subject_id = subject if isinstance(subject, tuple) else (subject.__tablename__, _id_of(subject))
    entry = AuditEntry(
        at=at,
        actor_id=actor.person_id,
        via=actor.via,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        before=None if before is None else _plain(before),
        after=None if after is None else _plain(after),
        hash="",
    )
    at_end(lambda: _write(entry))


def record_all(
    actor: Actor, action: str, entries: Sequence[tuple[tuple[str, str], Mapping[str, Any]]], at: datetime
) -> None:
    """Appends, as `record` does, an entry for each of these: the subject as (type, id), and `after`. Few statements,
    however many. Only inside `transaction()`."""
    common = {"at": at, "actor_id": actor.person_id, "via": actor.via, "action": action, "before": None}
    rows = [
        {**common, "subject_type": subject[0], "subject_id": subject[1], "after": _plain(after)}
        for subject, after in entries
    ]
    at_end(lambda: _write_all(rows))


def _write_all(rows: list[dict[str, Any]]) -> None:
    lock_logs()
    previous = _newest_hash()
    for row in rows:
        previous = row["hash"] = chain_hash(previous, AuditEntry(**row))
    bulk_insert(AuditEntry, rows)


def _write(entry: AuditEntry) -> None:
    lock_logs()
    entry.hash = chain_hash(_newest_hash(), entry)
    db.session.add(entry)
    db.session.flush()


def _newest_hash() -> str:
    return db.session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)) or ""


def chain_hash(previous: str, entry: AuditEntry) -> str:
    """SHA-256 in hex over the predecessor's hash and this entry's content in canonical JSON."""
    content = [
        previous,
        entry.at.isoformat(),
        entry.actor_id,
        entry.via,
        entry.action,
        entry.subject_type,
        entry.subject_id,
        entry.before,
        entry.after,
    ]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify() -> int | None:
    """The id of the first entry that breaks the chain; None when the log is whole."""
    previous = ""
    query = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)
    with db.session.execute(query) as rows:
        for entry in rows.scalars():
            if entry.hash != chain_hash(previous, entry):
                return entry.id
            previous = entry.hash
    return None


def history(subject_type: str, subject_id: str, limit: int = 100) -> list[AuditEntry]:
    """The newest entries about one thing, newest first."""
    return list(
        db.session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_type == subject_type, AuditEntry.subject_id == subject_id)
            .order_by(AuditEntry.id.desc())
            .limit(limit)
        )
    )


def _id_of(subject: Base) -> str:
    return str(getattr(subject, "id"))  # noqa: B009 - every audited model has an id, Base does not declare it


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain
