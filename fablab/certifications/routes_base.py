"""What the pages of certifications share: their blueprint, and small things about forms."""

from flask import Blueprint

blueprint = Blueprint("certifications", __name__, url_prefix="/certifications")


def number(typed: str) -> int | None:
    """A typed whole number; None for anything else."""
    typed = typed.strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
