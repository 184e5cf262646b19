"""REST: `/certifications`: what one can be certified for."""

from typing import Any, Literal

from apiflask import APIBlueprint
from pydantic import Field

from fablab.certifications import linking, retiring, service
from fablab.certifications.models import Certification
from fablab.certifications.rules import Level
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.web.access import access, actor
from fablab.web.api import Body, Ident, PageQuery, Shown, ShownIdent, idempotent, page_of, problems
from fablab.web.api_texts import LongWords, Words, texts_of

blueprint = APIBlueprint("certifications_api", __name__, url_prefix="/api/v1", tag="Certifications")

LEVELS = Literal["supervised", "autonomous", "instructor"]


class CertificationChange(Body):
    """Fields of a certification; a text alone is in the lab's own language, an object holds it by language.

    Of `validity_days`, `validity_months` and `validity_ends_on` at most one is set.
    """

    name: Words = Field(default_factory=str, examples=[{"en": "Laser cutting", "fr": "Découpe laser"}])
    description: LongWords = Field(default_factory=str)
    level: LEVELS = Field("autonomous", description="What its holders may do with what it opens")
    prerequisites: list[Ident] = Field([], max_length=40, description="What must be held when it is granted")
    includes: list[Ident] = Field([], max_length=200, description="What its holders hold too; an instructor's: teach")
    validity_days: int | None = Field(None, ge=1, le=36500, description="A grant ends after so many days")
    validity_months: int | None = Field(None, ge=1, le=1200, description="A grant ends after so many months")
    validity_ends_on: str | None = Field(None, description="A grant ends with this day of the year", examples=["08-31"])
    lapse_after_unused_days: int | None = Field(
        None, ge=1, le=36500, description="It ends when unused for so long; null: never"
    )
    min_age: int | None = Field(None, ge=1, le=120, description="Years")
    quiz_questions: int = Field(0, ge=0, le=100, description="How many are drawn; 0: no quiz")
    quiz_pass_percent: int = Field(80, ge=1, le=100)
    quiz_attempts: int | None = Field(None, ge=1, le=100, description="null: any number")
    quiz_wait_hours: int = Field(0, ge=0, le=8760, description="Between two attempts")
    practical: bool = Field(True, description="An instructor must see it; false: the passed quiz itself grants it")


class NewCertification(CertificationChange):
    """A certification to define: the name is needed."""

    name: Words = Field(examples=[{"en": "Laser cutting", "fr": "Découpe laser"}])


class ShownCertification(Shown):
    """What one can be certified for; texts in the caller's language, `names` and `descriptions` in all."""

    id: ShownIdent = Field(examples=["3"])
    name: str
    names: dict[str, str]
    description: str
    descriptions: dict[str, str]
    level: LEVELS
    prerequisites: list[ShownIdent]
    includes: list[ShownIdent] = Field(description="As entered, without what these include themselves")
    validity_days: int | None
    validity_months: int | None
    validity_ends_on: str | None
    lapse_after_unused_days: int | None
    min_age: int | None
    quiz_questions: int
    quiz_pass_percent: int
    quiz_attempts: int | None
    quiz_wait_hours: int
    practical: bool
    resource_ids: list[ShownIdent] = Field(description="The resources that ask for it")
    url: str = Field(description="Its page for people", examples=["/certifications/3"])


class CertificationList(Shown):
    """A page of certifications."""

    items: list[ShownCertification]
    next: str | None


@blueprint.get("/certifications")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(CertificationList)
@blueprint.doc(summary="List certifications", responses=problems(422))
def list_certifications(query_data: PageQuery) -> CertificationList:
    rows, following = page_of(service.certifications_query(), Certification.id, query_data.limit, query_data.cursor)
    return CertificationList(items=_shown(rows), next=following)


@blueprint.post("/certifications")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewCertification, example={"name": {"en": "Laser cutting"}, "validity_days": 730})
@blueprint.output(ShownCertification, status_code=201)
@blueprint.doc(summary="Define a certification", responses=problems(409, 415, 422))
@idempotent
def define(json_data: NewCertification) -> tuple[ShownCertification, int]:
    return _shown([service.define(actor(), _values(json_data), clock.now())])[0], 201


@blueprint.get("/certifications/<int:certification_id>")
@access(Role.MAKER)
@blueprint.output(ShownCertification)
@blueprint.doc(summary="One certification", responses=problems(404))
def get_certification(certification_id: int) -> ShownCertification:
    return _shown([service.get_certification(certification_id)])[0]


@blueprint.patch("/certifications/<int:certification_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(CertificationChange, example={"validity_days": 365})
@blueprint.output(ShownCertification)
@blueprint.doc(
    summary="Change a certification",
    description="What is left out stays; grants keep the end they were given. A circle of certifications that need or "
    "include each other is refused and named.",
    responses=problems(404, 415, 422),
)
def change(certification_id: int, json_data: CertificationChange) -> ShownCertification:
    return _shown([service.change(actor(), certification_id, _values(json_data), clock.now())])[0]


@blueprint.delete("/certifications/<int:certification_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Take a certification out of use",
    description="Its past stays. 409 while a resource, a group or another certification asks for it, named.",
    responses=problems(404, 409),
)
def retire(certification_id: int) -> tuple[str, int]:
    retiring.retire(actor(), certification_id, clock.now())
    return "", 204


def _shown(found: Any) -> list[ShownCertification]:
    ids = [one.id for one in found]
    opened = service.opened_by(ids)
    needed, included = linking.prerequisites_of(ids), linking.included_in(ids)
    return [
        ShownCertification(
            id=one.id,
            name=words.text(one.name),
            names=one.name,
            description=words.text(one.description),
            descriptions=one.description,
            prerequisites=needed.get(one.id, []),
            includes=included.get(one.id, []),
            resource_ids=opened.get(one.id, []),
            url=f"/certifications/{one.id}",
            **{name: getattr(one, name) for name in _PLAIN},
        )
        for one in found
    ]


_PLAIN = (
    "level",
    "validity_days",
    "validity_months",
    "validity_ends_on",
    "lapse_after_unused_days",
    "min_age",
    "quiz_questions",
    "quiz_pass_percent",
    "quiz_attempts",
    "quiz_wait_hours",
    "practical",
)
"""Fields that are shown as they are stored."""


def _values(body: CertificationChange) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    for name in {"name", "description"} & set(made):
        made[name] = texts_of(made[name])
    if "level" in made:
        made["level"] = Level(made["level"])
    for name in {"prerequisites", "includes"} & set(made):
        made[name] = sorted(set(made[name]))
    return made
