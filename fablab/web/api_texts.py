"""Texts of the lab in REST: one alone is in the lab's own language, an object holds it by language."""

from typing import Annotated

from pydantic import AfterValidator, Field

from fablab.core.db import Texts
from fablab.core.words import config


def of_the_lab(texts: Texts) -> Texts:
    """The texts, where each is in one of the lab's languages. Raises ValueError. For longer and shorter texts than
    those below."""
    unknown = sorted(set(texts) - set(config().lab.languages))
    if unknown:
        raise ValueError(f"unknown language {unknown[0]!r}; this lab has {', '.join(config().lab.languages)}")
    return texts


Line = Annotated[str, Field(min_length=1, max_length=200)]
Words = Line | Annotated[dict[str, Line], Field(min_length=1), AfterValidator(of_the_lab)]
"""A name: at most 200 characters, not empty."""

Prose = Annotated[str, Field(max_length=5000)]
LongWords = Prose | Annotated[dict[str, Prose], AfterValidator(of_the_lab)]
"""A longer text: at most 5000 characters, may be empty."""


def texts_of(said: str | Texts) -> Texts:
    """By language, without empty ones."""
    texts = {config().lab.languages[0]: said} if isinstance(said, str) else said
    return {code: text.strip() for code, text in texts.items() if text.strip()}
