"""What every REST resource shares: strict bodies, lists in pages, ids as strings, one answer per idempotency key."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any, TypeVar

from flask import Flask, Response, abort, jsonify, request
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from werkzeug.routing import IntegerConverter, Map

from fablab.core import clock
from fablab.core.db import db, transaction
from fablab.core.denials import CODES
from fablab.core.errors import Conflict, Invalid
from fablab.web.access import actor
from fablab.web.models import StoredAnswer

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_IDENT = 2**31 - 1
"""No id is larger; a larger number would be a fault of the database, not an unknown id."""
MAX_JSON = 1024 * 1024
KEEP_ANSWERS = timedelta(days=1)

Row = TypeVar("Row")
View = TypeVar("View", bound=Callable[..., Any])


_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+ -]\d{2}:\d{2})", re.ASCII)
"""With a blank for the plus sign too: that is what an address makes of a + that was not escaped."""


def _instant_text(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value.upper().replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a text like 2026-03-02T09:00:00+01:00, with its offset") from None


def _ident_text(value: object) -> object:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 10:
        raise ValueError("must be an id as a text of digits")
    if int(value) > MAX_IDENT:
        raise ValueError("is larger than any id")
    return int(value)


Instant = Annotated[AwareDatetime, BeforeValidator(_instant_text)]
"""RFC 3339 with an offset, as text only."""

Ident = Annotated[
    int,
    BeforeValidator(_ident_text),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,10}$", "examples": ["17"]}),
]
"""An id in a request: text outside, number inside."""

ShownIdent = Annotated[str, BeforeValidator(str)]
"""An id in an answer: always text."""

ShownInstant = datetime
"""An instant in an answer: RFC 3339, in UTC. Instants are in UTC here, and pydantic writes them as `rfc3339` does."""


class Body(BaseModel):
    """Base of request bodies: unknown fields and wrong types are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_strip_whitespace=True)


class Shown(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class PageQuery(BaseModel):
    """`?limit=` and `?cursor=` of lists."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most")
    cursor: str | None = Field(None, max_length=100, description="`next` of the page before")


class IdentConverter(IntegerConverter):
    """`<int:…>` in addresses: an id, so a number beyond all ids leads nowhere (404)."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_IDENT)


def init_app(app: Flask) -> None:
    """Makes bodies of the API be JSON, of at most `MAX_JSON` bytes, and ids in addresses ids. Before any route."""
    app.url_map.converters["int"] = IdentConverter
    app.before_request(_check_body)


def _check_body() -> None:
    if not request.path.startswith("/api/") or not request.content_length:
        return
    if request.mimetype != "application/json":
        abort(415, "the body must be application/json")
    if request.content_length > MAX_JSON:
        abort(413, f"a body may have at most {MAX_JSON} bytes")


_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "examples": ["/problems/unprocessable-entity"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "denials": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "code": {
                        "type": "string",
                        "enum": list(CODES),
                        "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in CODES.items()),
                    },
                    "message": {"type": "string"},
                    "params": {"type": "object"},
                    "remedy": {
                        "type": "object",
                        "properties": {"text": {"type": "string"}, "url": {"type": "string"}},
                    },
                },
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
_MEANINGS = {
    400: "The request cannot be read",
    401: "A token or a session is needed",
    403: "This role or token may not do this",
    404: "Unknown, or not for the caller to know of",
    409: "It does not fit the present state; `denials` holds every reason at once",
    415: "The body is not JSON",
    422: "Not valid; `errors` names each field",
}


def problems(*statuses: int) -> dict[int, Any]:
    """For the OpenAPI document: the statuses answered as `application/problem+json`; 401 and 403 come by themselves."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM_SCHEMA}},
        }
        for status in sorted({401, 403, *statuses})
    }


def invalid(error: ValidationError) -> Invalid:
    """A pydantic error as ours: field path → reason."""
    return Invalid(
        {
            ".".join(str(part) for part in one["loc"]) or "body": str(one["msg"]).removeprefix("Value error, ")
            for one in error.errors()
        }
    )


def page_of(query: Select[Any], ident: Any, limit: int, cursor: str | None) -> tuple[Sequence[Any], str | None]:
    """One page of `query` in rising order of the unique column `ident`, and the cursor of the next page or None."""
    if cursor is not None:
        query = query.where(ident > _decode(cursor))
    rows = list(db.session.scalars(query.order_by(ident).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, _encode(getattr(rows[-1], ident.key))


def _encode(value: int) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise Invalid({"cursor": "must be the `next` of a list"}) from None


def idempotent(view: View) -> View:
    """Carries a request with an `Idempotency-Key` out once and answers its repetitions with the first answer.

    The same key with another body is a conflict (409); so is a repetition while the first is still being carried out.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if not key:
            return view(*args, **kwargs)
        if len(key) > 255:
            raise Invalid({"Idempotency-Key": "must have at most 255 characters"})
        caller = f"person:{actor().person_id}"
        stored = _reserve(caller, key)
        if stored is not None:
            return stored
        try:
            response = _response(view(*args, **kwargs))
        except BaseException:
            _forget(caller, key)
            raise
        _keep(caller, key, response)
        return response

    return wrapper  # type: ignore[return-value]  # the wrapper has the view's signature


def _request_hash() -> str:
    return hashlib.sha256(b"\n".join((request.method.encode(), request.path.encode(), request.get_data()))).hexdigest()


def _reserve(caller: str, key: str) -> Response | None:
    now = clock.now()
    try:
        with transaction() as session:
            session.execute(delete(StoredAnswer).where(StoredAnswer.created_at < now - KEEP_ANSWERS))
            session.add(StoredAnswer(caller=caller, key=key, request_hash=_request_hash(), created_at=now))
    except IntegrityError:
        return _repeat(caller, key)
    return None


def _repeat(caller: str, key: str) -> Response:
    stored = db.session.scalars(select(StoredAnswer).filter_by(caller=caller, key=key)).one()
    if stored.request_hash != _request_hash():
        raise Conflict("this Idempotency-Key was used for another request")
    if stored.status is None or stored.body is None:
        raise Conflict("the first request with this Idempotency-Key is still being carried out")
    response = Response(stored.body, status=stored.status, mimetype="application/json")
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _forget(caller: str, key: str) -> None:
    with transaction() as session:
        session.execute(delete(StoredAnswer).filter_by(caller=caller, key=key))


def _keep(caller: str, key: str, response: Response) -> None:
    with transaction() as session:
        stored = session.scalars(select(StoredAnswer).filter_by(caller=caller, key=key)).one()
        stored.status, stored.body = response.status_code, response.get_data()


def _response(made: Any) -> Response:
    if isinstance(made, Response):
        return made
    body, status = made if isinstance(made, tuple) else (made, 200)
    response = jsonify(json.loads(body.model_dump_json()) if isinstance(body, BaseModel) else body)
    response.status_code = status
    return response


def rfc3339(at: datetime | None) -> str | None:
    """An instant as the API writes it, UTC."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")
