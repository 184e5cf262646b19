"""Public addresses of what the lab signs: they stand in credentials for ever, so they come from the configuration."""

from fablab.notices.links import absolute, base

ISSUER = "/credentials/issuer"
KEYS = "/.well-known/jwks.json"
ISSUER_KEYS = f"/.well-known/jwt-vc-issuer{ISSUER}"
"""Where verifiers look for the keys of this issuer. Source: draft-ietf-oauth-sd-jwt-vc, JWT VC Issuer Metadata."""


def home() -> str:
    """The lab's address."""
    return base()


def issuer() -> str:
    """The lab as issuer."""
    return absolute(ISSUER)


def keys() -> str:
    """The lab's public keys."""
    return absolute(KEYS)


def key(kid: str) -> str:
    """One of them, by its thumbprint."""
    return f"{keys()}#{kid}"


def verify(public_id: str) -> str:
    """The page where anybody verifies a certificate; also the name of its credential."""
    return absolute(f"/verify/{public_id}")


def status(number: int) -> str:
    """A status list."""
    return absolute(f"/credentials/status/{number}")


def achievement(certification_id: int) -> str:
    """What was achieved."""
    return absolute(f"/certifications/{certification_id}")
