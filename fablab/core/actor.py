"""Who acts: the value that every service function takes to know on whose behalf it works."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do in the lab; each role may do all that the one before it may."""

    MAKER = "maker"
    INSTRUCTOR = "instructor"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        """0 for a maker, rising."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Actor:
    """The acting person, or a process of the lab itself (`person_id` None, role administrator).

    `via` is one of web, api, cli, bridge, job, demo; it goes into the audit log beside the person.
    """

    person_id: int | None
    role: Role
    via: str

    def is_at_least(self, role: Role) -> bool:
        """True when this actor's role is `role` or a higher one."""
        return self.role.rank >= role.rank

    @property
    def is_staff(self) -> bool:
        """Instructors, managers and administrators."""
        return self.is_at_least(Role.INSTRUCTOR)


def system(via: str) -> Actor:
    """The lab itself acting: a job, the bridge, the command line."""
    return Actor(person_id=None, role=Role.ADMINISTRATOR, via=via)
