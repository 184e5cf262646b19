"""Is a badge what it says, and does it hold? From its own text, the lab's public keys and saved status lists alone:
no network, no database.

What cannot be known without the lab is said: a badge that was withdrawn after the status list was saved, and one for
which no list is at hand. Source: Open Badges 3.0, sections 8.2.6 and 9.1; Bitstring Status List 1.0, section 3.2.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jwt import PyJWK, api_jws
from jwt.exceptions import PyJWKError, PyJWTError

from fablab.credentials.rules import is_set

ALGORITHMS = ["EdDSA"]
SKEW = timedelta(minutes=2)
"""How far the clocks of who signs and who verifies may be apart."""

REASONS: Mapping[str, str] = {
    "malformed": "this is no signed badge: {why}",
    "unknown_key": "it is signed with a key that is not among the keys of the lab ({kid}): forged, or distrusted since",
    "distrusted_key": "the lab distrusts the key that signed it since {since}",
    "bad_signature": "its signature is wrong: it was changed after it was signed",
    "contradiction": "it contradicts itself: {why}",
    "not_yet": "it holds from {since} on",
    "expired": "it ended on {since}",
    "withdrawn": "the lab does not stand by it any more: withdrawn, lapsed or suspended (list of {listed})",
    "revoked": "it was withdrawn on {since}",
    "lapsed": "it ended on {since}, as it was not used",
    "suspended": "it is suspended since {since}",
    "bad_list": "a status list is not to be believed: {why}",
    "unknown_badge": "the lab knows of no such certificate",
}
"""Why a badge is not valid, by code."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a code of REASONS, '' for a badge that holds. `credential` is what it says, empty where its signature
    is wrong. `listed`: the status was looked up in a list of that instant; None: it was not looked up, `unlisted` says
    why."""

    reason: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    credential: Mapping[str, Any] = field(default_factory=dict)
    listed: datetime | None = None
    unlisted: str = ""

    @property
    def holds(self) -> bool:
        """True when nothing speaks against it."""
        return not self.reason

    @property
    def sentence(self) -> str:
        """The reason in words, in English."""
        return REASONS[self.reason].format_map(dict(self.params)) if self.reason else ""


class _Refused(Exception):
    def __init__(self, reason: str, **params: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.params = params


def verify(
    token: str,
    jwks: Mapping[str, Any],
    now: datetime,
    *,
    lists: Sequence[str] = (),
    distrusted: Mapping[str, datetime] | None = None,
) -> Verdict:
    """The verdict on a badge (compact JWT) at `now`. `jwks`: the lab's JWK Set; `lists`: saved status lists, in any
    order; `distrusted`: since when which keys are, by thumbprint, where the lab itself asks."""
    credential: Mapping[str, Any] = {}
    try:
        credential = opened(token, jwks, distrusted or {})
        _check_badge(credential)
        _check_times(credential, now)
        listed, unlisted = _look_up(credential, jwks, lists, now, distrusted or {})
    except _Refused as refused:
        return Verdict(refused.reason, refused.params, credential)
    return Verdict(credential=credential, listed=listed, unlisted=unlisted)


def opened(token: str, jwks: Mapping[str, Any], distrusted: Mapping[str, datetime]) -> dict[str, Any]:
    """What a compact JWS says, its signature being right. Refuses every other algorithm than EdDSA."""
    token = token.strip()
    try:
        kid = str(api_jws.get_unverified_header(token).get("kid", ""))
        key = _key(kid, jwks, distrusted)
        payload = json.loads(api_jws.decode_complete(token, key, ALGORITHMS)["payload"])
    except (PyJWTError, ValueError, RecursionError) as error:
        if type(error).__name__ == "InvalidSignatureError":
            raise _Refused("bad_signature") from error
        raise _Refused("malformed", why=str(error) or type(error).__name__) from error
    if not isinstance(payload, dict):
        raise _Refused("malformed", why="it holds no credential")
    return payload


def _key(kid: str, jwks: Mapping[str, Any], distrusted: Mapping[str, datetime]) -> Any:
    """The key of that name: the whole one, else its thumbprint, as the lab's address may have changed."""
    print_of = kid.rpartition("#")[2]
    if print_of in distrusted:
        raise _Refused("distrusted_key", since=shown(distrusted[print_of]))
    for one in jwks.get("keys", ()):
        if print_of and str(one.get("kid", "")).rpartition("#")[2] == print_of:
            try:
                return PyJWK(dict(one), "EdDSA")
            except PyJWKError as error:
                raise _Refused("malformed", why=f"the key is unusable: {error}") from error
    raise _Refused("unknown_key", kid=print_of[:64] or "it names none")


def _check_badge(said: Mapping[str, Any]) -> None:
    """That it is a badge, and that the claims of the JWT say what the credential says."""
    types = said.get("type")
    if not isinstance(types, list) or not {"VerifiableCredential", "OpenBadgeCredential"} <= {
        str(one) for one in types
    }:
        raise _Refused("malformed", why="it is no OpenBadgeCredential")
    subject = said.get("credentialSubject")
    pairs = (
        ("iss", "issuer", _id(said.get("issuer"))),
        ("jti", "id", said.get("id")),
        ("sub", "credentialSubject", _id(subject)),
        ("nbf", "validFrom", _seconds(said.get("validFrom"))),
        ("exp", "validUntil", _seconds(said.get("validUntil"))),
    )
    for claim, name, value in pairs:
        if said.get(claim) != value or (value is None and claim != "exp"):
            raise _Refused("contradiction", why=f"{claim} is not {name}")


def _check_times(said: Mapping[str, Any], now: datetime) -> None:
    since, until = _instant(said.get("validFrom")), _instant(said.get("validUntil"))
    if since is not None and now + SKEW < since:
        raise _Refused("not_yet", since=shown(since))
    if until is not None and until <= now:
        raise _Refused("expired", since=shown(until))


def _look_up(
    said: Mapping[str, Any],
    jwks: Mapping[str, Any],
    lists: Sequence[str],
    now: datetime,
    distrusted: Mapping[str, datetime],
) -> tuple[datetime | None, str]:
    """The instant of the newest list, which has nothing against the badge; None with the reason where there is none. Of
    lists of one second a no counts."""
    entry = said.get("credentialStatus")
    if not isinstance(entry, dict) or entry.get("type") != "BitstringStatusListEntry":
        raise _Refused("malformed", why="it does not say where its status is found")
    found = [one for one in (_opened_list(text, jwks, distrusted) for text in lists) if _is_list(one, said, entry)]
    if not found:
        return None, "no status list of this badge is at hand"
    at = max(str(one.get("validFrom")) for one in found)
    newest = [one for one in found if str(one.get("validFrom")) == at]
    since, until = _instant(newest[0].get("validFrom")), _instant(newest[0].get("validUntil"))
    try:
        place = int(str(entry.get("statusListIndex")))
        withdrawn = any(is_set(str(one["credentialSubject"]["encodedList"]), place) for one in newest)
    except (KeyError, TypeError, ValueError) as error:
        raise _Refused("bad_list", why=str(error)) from error
    if since is None or until is None or now + SKEW < since:
        raise _Refused("bad_list", why="it is of no known time")
    if withdrawn:
        raise _Refused("withdrawn", listed=shown(since))
    return (since, "") if now < until else (None, f"the status list is too old: it served until {shown(until)}")


def _opened_list(text: str, jwks: Mapping[str, Any], distrusted: Mapping[str, datetime]) -> dict[str, Any]:
    try:
        return opened(text, jwks, distrusted)
    except _Refused as refused:
        raise _Refused("bad_list", why=Verdict(refused.reason, refused.params).sentence) from refused


def _is_list(one: Mapping[str, Any], said: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    subject = one.get("credentialSubject")
    return (
        "BitstringStatusListCredential" in (one.get("type") or ())
        and one.get("id") == entry.get("statusListCredential")
        and _id(one.get("issuer")) == _id(said.get("issuer"))
        and isinstance(subject, dict)
        and subject.get("statusPurpose") == entry.get("statusPurpose")
    )


def _id(thing: Any) -> str | None:
    """The id of something that is given whole or by its id alone."""
    found = thing.get("id") if isinstance(thing, dict) else thing
    return found if isinstance(found, str) and found else None


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _Refused("malformed", why=f"{value!r} is no instant") from error
    if found.tzinfo is None:
        raise _Refused("malformed", why=f"{value!r} has no time zone")
    return found


def _seconds(value: Any) -> int | None:
    at = _instant(value)
    return None if at is None else int(at.timestamp())


def shown(at: datetime) -> str:
    """An instant in a sentence, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
