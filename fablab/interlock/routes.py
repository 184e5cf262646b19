"""Page: could this person use this machine at this time, and if not, why? The reader's own decision, asked ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from fablab.certifications.requirement_words import in_words
from fablab.certifications.requirements import whole_need
from fablab.core import clock
from fablab.core.actor import Actor, Role
from fablab.core.denials import Denial
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.interlock import service
from fablab.people.models import Person
from fablab.people.service import find_people, get_person
from fablab.resources.models import Resource
from fablab.resources.service import get_resource, list_resources
from fablab.web.access import access, actor

blueprint = Blueprint("simulation", __name__, url_prefix="/certifications")

FIELDS = ("person", "person_id", "resource", "at")
MOST_PEOPLE = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reader would say to this person at this resource at `at`, and what it asks for in words."""

    person: Person
    resource: Resource
    at: datetime
    denials: Sequence[Denial]
    needs: str


@blueprint.get("/simulate")
@access(Role.MAKER)
def simulate() -> str | tuple[str, int]:
    """The question, and its answer where it is whole. Staff ask about anybody, others about themselves."""
    acting, now = actor(), clock.now()
    form = {name: request.args.get(name, "").strip()[:200] for name in FIELDS}
    people: Sequence[Person] = ()
    answer, errors = None, {}
    try:
        at = _instant(form["at"]) or now
        person, people = _person(acting, form)
        if person is not None and form["resource"]:
            answer = _answer(person, get_resource(_number(form["resource"], "resource")), at, now)
    except Invalid as error:
        errors = _sentences(error)
    shown = render_template(
        "certifications/simulate.html",
        form=form,
        answer=answer,
        people=people,
        errors=errors,
        resources=list_resources(),
    )
    return (shown, 422) if errors else shown


def _answer(person: Person, resource: Resource, at: datetime, now: datetime) -> Answer:
    required = whole_need(resource.id)
    denials = service.check_access(person.id, resource.id, at, now)
    return Answer(person, resource, at, denials, in_words(required.need, required.names))


def _person(acting: Actor, form: dict[str, str]) -> tuple[Person | None, Sequence[Person]]:
    """Who is meant; where several could be, nobody and all of them."""
    if form["person_id"]:
        return get_person(acting, _number(form["person_id"], "person")), ()
    if not acting.is_staff:
        return get_person(acting, acting.person_id or 0), ()
    if not form["person"]:
        return None, ()
    found = find_people(acting, form["person"], MOST_PEOPLE)
    if not found:
        raise Invalid({"person": "is not known"})
    return (found[0], ()) if len(found) == 1 else (None, found)


def _instant(typed: str) -> datetime | None:
    """A day and a time as the clock of the lab shows them. Raises Invalid."""
    if not typed:
        return None
    try:
        found = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid({"at": "must be a day and a time"}) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=config().lab.zone)
    if not 2000 <= found.year <= 2200:
        raise Invalid({"at": "must be between 2000 and 2200"})
    return found.astimezone(clock.now().tzinfo)


def _number(typed: str, field: str) -> int:
    number = whole_number(typed)
    if number is None:
        raise Invalid({field: "must be a number"})
    return number


def _sentences(error: Invalid) -> dict[str, str]:
    sentences = {
        "person": _("Nobody of this name or address is known. Please try a part of it."),
        "resource": _("Please choose one of the list."),
        "at": _("Please enter a day and a time."),
    }
    return {name: sentences[name] for name in error.fields}
