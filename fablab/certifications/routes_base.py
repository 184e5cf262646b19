"""What the pages of certifications share: their blueprint, and small things about forms."""

from flask import Blueprint

blueprint = Blueprint("certifications", __name__, url_prefix="/certifications")
