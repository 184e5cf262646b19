"""Open Badges 3.0 of grants: a credential that anybody verifies with the lab's public keys alone.

Source: 1EdTech Open Badges Specification 3.0 (data model; section 8.2, JSON Web Token Proof Format) on the W3C
Verifiable Credentials Data Model 2.0, with W3C Bitstring Status List 1.0 for what was withdrawn.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import force_locale
from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of
from fablab.certifications.models import Certification, Evidence, Grant
from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.errors import NotFound
from fablab.core.words import config, language, text
from fablab.credentials import addresses, keys
from fablab.credentials.grants import Held, held
from fablab.credentials.models import SignedBadge
from fablab.credentials.rules import LIST_SIZE, is_withdrawn, packed
from fablab.credentials.words import criteria, evidence_words, language_of
from fablab.people.models import Person

VC = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"

PER_LIST = LIST_SIZE // 2
"""When this many badges have a place in a list the next list begins, so a free place is found with a few draws."""

FRESH = timedelta(minutes=5)
"""How long a verifier may keep a status list without asking again."""

STALE = timedelta(days=7)
"""After this long a saved status list proves nothing any more."""


# -- badges -----------------------------------------------------------------------------------------------------------


def badge(actor: Actor, grant_id: int, now: datetime) -> dict[str, Any]:
    """The credential of a grant that holds, as it is signed, in the holder's language. Its place in the status list is
    drawn the first time. Raises NotFound, Ended."""
    found = held(actor, grant_id, now)
    place = db.session.get(SignedBadge, grant_id) or _place(grant_id, now)
    with force_locale(language_of(found.holder)):
        return _credential(found, place)


def signed_badge(actor: Actor, grant_id: int, now: datetime) -> str:
    """The same as a compact JWT. Raises NotFound, Ended."""
    credential = badge(actor, grant_id, now)
    return keys.sign(credential | _claims(credential), "JWT", now)


def _place(grant_id: int, now: datetime) -> SignedBadge:
    with transaction() as session:
        keys.one_at_a_time()
        known = session.get(SignedBadge, grant_id)
        if known is not None:
            return known
        first = (session.scalar(select(func.count()).select_from(SignedBadge)) or 0) // PER_LIST * LIST_SIZE
        position = _drawn(first)
        made = SignedBadge(grant_id=grant_id, position=position, salt=secrets.token_hex(8), created_at=now)
        session.add(made)
    return made


def _drawn(first: int) -> int:
    """A place nobody has, of the list that begins at `first`."""
    while True:
        position = first + secrets.randbelow(LIST_SIZE)
        if db.session.scalar(select(SignedBadge.grant_id).where(SignedBadge.position == position)) is None:
            return position


def _credential(found: Held, place: SignedBadge) -> dict[str, Any]:
    grant, certification = found.grant, found.grant.certification
    name = text(certification.name)
    made: dict[str, Any] = {
        "@context": [VC, OPEN_BADGES],
        "id": addresses.verify(grant.public_id),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": name,
        "issuer": profile(),
        "validFrom": _instant(grant.granted_at),
        "credentialSubject": {
            "id": f"{addresses.verify(grant.public_id)}#holder",
            "type": ["AchievementSubject"],
            "identifier": [_identity(found.holder, place.salt)],
            "achievement": _achievement(certification, name),
        },
        "evidence": [_evidence(grant)],
        "credentialStatus": _status_entry(place.position),
    }
    if grant.valid_until is not None:
        made["validUntil"] = _instant(grant.valid_until)
    return made


def _claims(credential: dict[str, Any]) -> dict[str, Any]:
    """The JWT's own claims, each the same as what the credential says. Source: Open Badges 3.0, section 8.2.4."""
    claims: dict[str, Any] = {
        "iss": credential["issuer"]["id"],
        "jti": credential["id"],
        "sub": credential["credentialSubject"]["id"],
        "nbf": _seconds(credential["validFrom"]),
    }
    if "validUntil" in credential:
        claims["exp"] = _seconds(credential["validUntil"])
    return claims


def profile() -> dict[str, Any]:
    """The lab as the issuer of badges: an Open Badges Profile."""
    lab = config().lab
    return {"id": addresses.issuer(), "type": ["Profile"], "name": lab.name, "url": lab.url or addresses.home()}


def _achievement(certification: Certification, name: str) -> dict[str, Any]:
    return {
        "id": addresses.achievement(certification.id),
        "type": ["Achievement"],
        "achievementType": "Certification",
        "name": name,
        "description": text(certification.description) or name,
        "criteria": {"narrative": criteria(certification)},
        "tag": [certification.level.value],
        "inLanguage": language(),
    }


def _evidence(grant: Grant) -> dict[str, Any]:
    made = {"type": ["Evidence"], "name": evidence_words(grant.evidence)}
    return made | ({"narrative": grant.proof} if grant.evidence is Evidence.RECOGNISED and grant.proof else {})


def _identity(holder: Person, salt: str) -> dict[str, Any]:
    """Whose it is: who knows the address can check it, who does not cannot read it. Without an address, the name."""
    kind, value = ("emailAddress", holder.email) if holder.email else ("name", holder.name)
    digest = hashlib.sha256(f"{value}{salt}".encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digest}",
        "identityType": kind,
        "salt": salt,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


# -- status lists -----------------------------------------------------------------------------------------------------


def _status_entry(position: int) -> dict[str, Any]:
    number, index = divmod(position, LIST_SIZE)
    where = addresses.status(number + 1)
    return {
        "id": f"{where}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(index),
        "statusListCredential": where,
    }


def status_list(number: int, now: datetime) -> str:
    """The list of this number, from 1 on, as a signed credential (compact JWT): which of its badges the lab does not
    stand by now, as they were withdrawn, lapsed, or are suspended. Raises NotFound. Two queries beside the key's."""
    if not 1 <= number <= (db.session.scalar(select(func.count()).select_from(SignedBadge)) or 0) // PER_LIST + 1:
        raise NotFound(f"There is no status list {number}.")
    where, since, until = addresses.status(number), _instant(now), _instant(now + STALE)
    credential = {
        "@context": [VC],
        "id": where,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": addresses.issuer(),
        "validFrom": since,
        "validUntil": until,
        "credentialSubject": {
            "id": f"{where}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": packed(_withdrawn(number, now)),
            "ttl": int(FRESH.total_seconds() * 1000),
        },
    }
    claims = {"iss": addresses.issuer(), "jti": where, "sub": f"{where}#list"}
    times = {"nbf": _seconds(since), "exp": _seconds(until)}
    return keys.sign(credential | claims | times, "JWT", now)


def _withdrawn(number: int, now: datetime) -> list[int]:
    first = (number - 1) * LIST_SIZE
    query = (
        select(SignedBadge.position, Grant, Person.anonymised_at)
        .join(Grant, Grant.id == SignedBadge.grant_id)
        .join(Person, Person.id == Grant.person_id)
        .join(Certification, Certification.id == Grant.certification_id)
        .where(SignedBadge.position >= first, SignedBadge.position < first + LIST_SIZE)
        .where(
            or_(
                Grant.revoked_at.is_not(None),
                Grant.suspended_at.is_not(None),
                Certification.lapse_after_unused_days.is_not(None),
                Person.anonymised_at.is_not(None),
            )
        )
        .options(joinedload(Grant.certification))
    )
    return [
        position - first
        for position, grant, left_at in db.session.execute(query)
        if left_at is not None or is_withdrawn(facts_of(grant), now)
    ]
