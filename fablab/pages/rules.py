"""What state a resource is in, from what is known of it; and who may know by whom it is used."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state that the wall shows; `idle`: opened by somebody's badge, but not working."""

    FREE = "free"
    WORKING = "working"
    PAUSED = "paused"
    IDLE = "idle"
    RESERVED = "reserved"
    OFFLINE = "offline"
    OUT_OF_SERVICE = "out_of_service"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class StateFacts:
    """`devices`: of each device whether it is online; empty where nothing is on the resource. `alarmed`: what was
    commanded and what is reported differ. `in_use`: a usage session is open. `granted`: a badge has opened it.
    `reserved`: somebody holds it now."""

    in_service: bool = True
    alarmed: bool = False
    devices: tuple[bool, ...] = ()
    in_use: bool = False
    paused: bool = False
    granted: bool = False
    reserved: bool = False


def state_of(facts: StateFacts) -> State:
    """The first that fits, most pressing first: a closed machine is closed, whatever it does."""
    tests = (
        (State.OUT_OF_SERVICE, not facts.in_service),
        (State.ERROR, facts.alarmed),
        (State.OFFLINE, bool(facts.devices) and not any(facts.devices)),
        (State.PAUSED, facts.in_use and facts.paused),
        (State.WORKING, facts.in_use),
        (State.IDLE, facts.granted),
        (State.RESERVED, facts.reserved),
    )
    return next((state for state, fits in tests if fits), State.FREE)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: nobody in particular (`person_id` None), a member, or staff, who see names."""

    person_id: int | None = None
    staff: bool = False

    @property
    def signed_in(self) -> bool:
        """A visitor and a television on the wall are not."""
        return self.person_id is not None


VISITOR = Viewer()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who uses or holds a resource."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Whom:
    """What a viewer may know of a person: that it is himself, a name, or only that it is a member (no name)."""

    you: bool = False
    name: str = ""
    person_id: int | None = None


def whom(person: Person | None, viewer: Viewer) -> Whom | None:
    """What `viewer` may know of `person`. Staff see names; a member sees himself, and of others that there is somebody;
    visitors learn nothing."""
    if person is None or not viewer.signed_in:
        return None
    if person.id == viewer.person_id:
        return Whom(you=True, name=person.name, person_id=person.id)
    return Whom(name=person.name, person_id=person.id) if viewer.staff else Whom()


PUBLIC_KEYS = frozenset(
    {"resource_id", "resource_ids", "starts_at", "ends_at", "state", "progress", "power_w", "since", "outcome"}
)
"""What of an event everybody who is signed in may know; the rest is for staff and for the person it is about."""

TOLD = ("resource.", "reservation.", "usage.", "access.")
"""The kinds of events that the stream of the API tells."""

STAFF_ONLY = ("access.",)


def told(kind: str, data: dict[str, object], viewer: Viewer) -> dict[str, object] | None:
    """What `viewer` hears of an event; None: nothing."""
    if not viewer.signed_in or not kind.startswith(TOLD):
        return None
    if viewer.staff or data.get("person_id") == str(viewer.person_id):
        return data
    if kind.startswith(STAFF_ONLY):
        return None
    return {key: value for key, value in data.items() if key in PUBLIC_KEYS}
