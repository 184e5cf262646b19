"""What the rules say to a wish that is not carried out."""

from dataclasses import dataclass, field
from datetime import timedelta

from fablab.core.actor import Actor
from fablab.core.denials import Denial
from fablab.reservations import placing
from fablab.reservations.gather import booking_facts
from fablab.reservations.overriding import overridable
from fablab.reservations.rules import Slot
from fablab.reservations.search import SEARCH_DAYS, suggestions
from fablab.reservations.wishes import Wish


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say to a wish: every reason against (none: allowed), the nearest slots that are allowed, whether
    the staff must approve it, and the codes of the reasons that who asks may set aside."""

    denials: tuple[Denial, ...]
    suggestions: tuple[Slot, ...] = ()
    needs_approval: bool = False
    overridable: tuple[str, ...] = field(default=())

    @property
    def allowed(self) -> bool:
        """Nothing speaks against it."""
        return not self.denials


def verdict(actor: Actor, wish: Wish) -> Verdict:
    """Every reason that remains for this actor, and the nearest slots that are allowed where there is any."""
    days = timedelta(days=SEARCH_DAYS + 1)
    choices = booking_facts(wish, (wish.starts_at - days, wish.ends_at + days))
    found = placing.judged(actor, wish, choices)
    codes = dict.fromkeys(one.code for one in found.remaining if overridable(one, actor.role))
    return Verdict(
        denials=tuple(found.remaining),
        suggestions=tuple(suggestions(choices)) if found.remaining else (),
        needs_approval=found.needs_approval and not actor.is_staff,
        overridable=tuple(codes),
    )
