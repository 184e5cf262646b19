"""What else is forgotten when somebody is anonymised, by packages that this one may not know: the application names
them, as it names their pages."""

from collections.abc import Callable
from datetime import datetime

from fablab.core.actor import Actor

Forget = Callable[[Actor, int, datetime], None]

_FORGETS: dict[Forget, None] = {}


def also(forget: Forget) -> None:
    """From now on `forget(actor, person_id, now)` is called for everybody who is anonymised, within the transaction,
    when the person is locked and nothing is in the audit log yet. Naming it twice is as once."""
    _FORGETS[forget] = None


def everywhere(actor: Actor, person_id: int, now: datetime) -> None:
    """Has all of them forget this person."""
    for forget in _FORGETS:
        forget(actor, person_id, now)
