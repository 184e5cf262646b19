"""The keys with which the lab signs what it certifies, and the place of each signed certificate in the status lists."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base


class IssuerKey(Base):
    """An Ed25519 key of the lab. `kid` is its RFC 7638 thumbprint, `public` its public JWK, `sealed` the private key,
    encrypted with the lab's secret. The newest one that is not retired signs; retired ones still verify."""

    __tablename__ = "issuer_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    public: Mapped[dict[str, Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    distrusted_at: Mapped[datetime | None]


class SignedBadge(Base):
    """A grant that left the lab as a signed credential: its place in the status lists, drawn at random so that no
    neighbour tells of another, and the salt under which its holder's address is hashed. Never deleted or moved, as
    credentials outside name the place."""

    __tablename__ = "signed_badge"

    grant_id: Mapped[int] = mapped_column(ForeignKey("certification_grant.id"), primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    salt: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
