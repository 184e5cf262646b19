"""The keys with which the lab signs what it certifies."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String
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
