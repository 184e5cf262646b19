"""What a service says when it cannot do what was asked.

Each error has one mapping in `fablab.web.errors` (page or problem+json), in `fablab.cli` (one sentence, exit 1)
and in the bridge (the reader's display, the log).
"""

from collections.abc import Mapping, Sequence

from fablab.core.denials import Denial


class FablabError(Exception):
    """Any refusal that a person or program can do something about; the text is one sentence."""


class NotFound(FablabError):
    """The thing does not exist, or the asking person may not know that it does."""


class Forbidden(FablabError):
    """The asking person is known but may not do this."""


class Conflict(FablabError):
    """The request does not fit the present state (already ended, already there)."""


class Invalid(FablabError):
    """Input that is not valid. `fields` names each wrong field and says what is allowed."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = dict(fields)


class Denied(FablabError):
    """A rule speaks against it. `denials` holds every reason at once, in the order people read them."""

    def __init__(self, denials: Sequence[Denial]) -> None:
        super().__init__(", ".join(denial.code for denial in denials))
        self.denials = list(denials)


class Unavailable(FablabError):
    """Something this needs is away for the moment (database, disk space, broker); trying again later may help."""
