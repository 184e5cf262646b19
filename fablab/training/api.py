"""REST: `/trainings`, who takes part, the attendance sheet, and trainings as calendars."""

from apiflask import APIBlueprint
from flask import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid, NotFound
from fablab.training import service
from fablab.training.api_bodies import (
    EXAMPLE,
    CancelQuery,
    EnrolBody,
    EnrolmentList,
    ShownEnrolment,
    ShownSheet,
    ShownTraining,
    TicksBody,
    TrainingBody,
    TrainingChange,
    TrainingList,
    TrainingQuery,
    WithdrawQuery,
    enrolment_json,
    sheet_json,
    training_json,
)
from fablab.training.models import Enrolment, Training
from fablab.training.rules import TrainingState
from fablab.web.access import PUBLIC, access, actor, present_actor
from fablab.web.api import PageQuery, idempotent, page_of, problems

blueprint = APIBlueprint("trainings_api", __name__, url_prefix="/api/v1", tag="Trainings")

TICKS = {"ticks": [{"enrolment_id": "9", "date_id": "4", "mark": "present", "at": "2026-03-03T18:05:12+01:00"}]}


# -- trainings --------------------------------------------------------------------------------------------------------


@blueprint.get("/trainings")
@access(PUBLIC)
@blueprint.input(TrainingQuery, location="query")
@blueprint.output(TrainingList)
@blueprint.doc(summary="List trainings", description="Everybody sees those published.", responses=problems(422))
def list_trainings(query_data: TrainingQuery) -> TrainingList:
    wanted = service.trainings_query(
        present_actor(),
        state=None if query_data.state is None else TrainingState(query_data.state),
        certification_id=query_data.certification_id,
        instructor_id=query_data.instructor_id,
        from_=query_data.from_,
        to=query_data.to,
    )
    rows, following = page_of(wanted, Training.id, query_data.limit, query_data.cursor)
    full = service.counts_of(rows)
    return TrainingList(items=[training_json(one, full[one.id]) for one in rows], next=following)


@blueprint.post("/trainings")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(TrainingBody, example=EXAMPLE)
@blueprint.output(ShownTraining, status_code=201)
@blueprint.doc(
    summary="Plan a training",
    description="A draft. Instructors plan for themselves what they teach, managers for anybody. All dates hold room, "
    "machines and instructor, or nothing is made: 409 names every reason of every date. Takes an `Idempotency-Key`.",
    responses=problems(409, 415, 422),
)
@idempotent
def plan(json_data: TrainingBody) -> tuple[ShownTraining, int]:
    made = service.plan(
        actor(),
        json_data.values,
        [one.wish for one in json_data.dates],
        json_data.resource_ids,
        clock.now(),
        exclusive=json_data.exclusive,
        overrides=json_data.overrides,
    )
    return _shown(made.id), 201


@blueprint.get("/trainings/<int:training_id>")
@access(PUBLIC)
@blueprint.output(ShownTraining)
@blueprint.doc(summary="One training", responses=problems(404))
def get_training(training_id: int) -> ShownTraining:
    return _shown(training_id)


@blueprint.patch("/trainings/<int:training_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(TrainingChange, example={"places": 8})
@blueprint.output(ShownTraining)
@blueprint.doc(
    summary="Change a training",
    description="Its instructor; managers. `dates` are all dates it shall have. Everything is asked again; those in it "
    "are told of another time, place or instructor.",
    responses=problems(404, 409, 415, 422),
)
def change_training(training_id: int, json_data: TrainingChange) -> ShownTraining:
    service.change(
        actor(),
        training_id,
        clock.now(),
        values=json_data.values,
        dates=None if json_data.dates is None else [one.wish for one in json_data.dates],
        resource_ids=json_data.resource_ids,
        exclusive=json_data.exclusive,
        overrides=json_data.overrides,
        reason=json_data.reason,
    )
    return _shown(training_id)


@blueprint.delete("/trainings/<int:training_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(CancelQuery, location="query")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Cancel a training",
    description="Its instructor; managers. All in it are told, everything it holds is free. A draft is thrown away.",
    responses=problems(404, 409, 422),
)
def cancel_training(training_id: int, query_data: CancelQuery) -> tuple[str, int]:
    service.cancel(actor(), training_id, query_data.reason, clock.now())
    return "", 204


@blueprint.post("/trainings/<int:training_id>/publish")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.output(ShownTraining)
@blueprint.doc(summary="Publish a draft", description="Its instructor; managers.", responses=problems(404, 409))
def publish(training_id: int) -> ShownTraining:
    service.publish(actor(), training_id, clock.now())
    return _shown(training_id)


@blueprint.post("/trainings/<int:training_id>/close")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.output(ShownTraining)
@blueprint.doc(
    summary="Close the attendance sheet",
    description="Its instructor; managers. Ticks made later do not count.",
    responses=problems(404, 409),
)
def close(training_id: int) -> ShownTraining:
    service.close(actor(), training_id, clock.now())
    return _shown(training_id)


@blueprint.post("/trainings/<int:training_id>/reopen")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.output(ShownTraining)
@blueprint.doc(
    summary="Open the attendance sheet again", description="Its instructor; managers.", responses=problems(404, 409)
)
def reopen(training_id: int) -> ShownTraining:
    service.reopen(actor(), training_id, clock.now())
    return _shown(training_id)


# -- enrolments -------------------------------------------------------------------------------------------------------


@blueprint.get("/trainings/<int:training_id>/enrolments")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(EnrolmentList)
@blueprint.doc(
    summary="Who takes part", description="One's own enrolments; for staff all.", responses=problems(404, 422)
)
def list_enrolments(training_id: int, query_data: PageQuery) -> EnrolmentList:
    wanted = service.enrolments_query(actor(), service.get_training(actor(), training_id))
    rows, following = page_of(wanted, Enrolment.id, query_data.limit, query_data.cursor)
    places = service.line(training_id)
    return EnrolmentList(items=[enrolment_json(one, places.get(one.id)) for one in rows], next=following)


@blueprint.post("/trainings/<int:training_id>/enrolments")
@access(Role.MAKER, scope="book")
@blueprint.input(EnrolBody, example={})
@blueprint.output(ShownEnrolment, status_code=201)
@blueprint.doc(
    summary="Enrol",
    description="Takes a free place, else a place in the waiting list: `state` says which. 409 names every reason "
    "against it at once. Takes an `Idempotency-Key`.",
    responses=problems(404, 409, 415, 422),
)
@idempotent
def enrol(training_id: int, json_data: EnrolBody) -> tuple[ShownEnrolment, int]:
    person_id = actor().person_id if json_data.person_id is None else json_data.person_id
    if person_id is None:
        raise Invalid({"person_id": "is needed: this token belongs to nobody"})
    made = service.enrol(actor(), training_id, person_id, clock.now(), reason=json_data.reason)
    return _enrolment(training_id, made.id), 201


@blueprint.delete("/trainings/<int:training_id>/enrolments/<int:enrolment_id>")
@access(Role.MAKER, scope="book")
@blueprint.input(WithdrawQuery, location="query")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Withdraw",
    description="Gives the place back, or leaves the waiting list. Later than is free it counts as late.",
    responses=problems(404, 409, 422),
)
def withdraw(training_id: int, enrolment_id: int, query_data: WithdrawQuery) -> tuple[str, int]:
    service.withdraw(actor(), _of(training_id, enrolment_id), clock.now(), reason=query_data.reason)
    return "", 204


@blueprint.post("/trainings/<int:training_id>/enrolments/<int:enrolment_id>/accept")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownEnrolment)
@blueprint.doc(summary="Accept the place that is kept", responses=problems(404, 409))
def accept(training_id: int, enrolment_id: int) -> ShownEnrolment:
    service.accept(actor(), _of(training_id, enrolment_id), clock.now())
    return _enrolment(training_id, enrolment_id)


@blueprint.post("/trainings/<int:training_id>/enrolments/<int:enrolment_id>/decline")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownEnrolment)
@blueprint.doc(
    summary="Decline the place that is kept", description="The next in line is asked.", responses=problems(404, 409)
)
def decline(training_id: int, enrolment_id: int) -> ShownEnrolment:
    service.decline(actor(), _of(training_id, enrolment_id), clock.now())
    return _enrolment(training_id, enrolment_id)


# -- attendance -------------------------------------------------------------------------------------------------------


@blueprint.get("/trainings/<int:training_id>/attendance")
@access(Role.INSTRUCTOR)
@blueprint.output(ShownSheet)
@blueprint.doc(summary="The attendance sheet", description="Its instructor; managers.", responses=problems(404))
def sheet(training_id: int) -> ShownSheet:
    return sheet_json(service.sheet(actor(), training_id))


@blueprint.patch("/trainings/<int:training_id>/attendance")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(TicksBody, example=TICKS)
@blueprint.output(ShownSheet)
@blueprint.doc(
    summary="Tick the attendance sheet",
    description="Its instructor; managers. Each tick says when it was made: the newest counts, whatever order they "
    "arrive in, so ticks made without a connection may be sent later, and again. One that cannot count is named in "
    "`refused`, the others are kept. Whoever passed is granted the certifications; `missing` says what is in the way.",
    responses=problems(404, 409, 415, 422),
)
def mark(training_id: int, json_data: TicksBody) -> ShownSheet:
    return sheet_json(service.mark(actor(), training_id, [one.tick for one in json_data.ticks], clock.now()))


# -- calendars --------------------------------------------------------------------------------------------------------


@blueprint.get("/trainings.ics")
@access(PUBLIC)
@blueprint.doc(summary="All published trainings as a calendar (RFC 5545)", tags=["Trainings"])
def calendar() -> Response:
    return _ics(service.public_calendar(clock.now()), "trainings.ics")


@blueprint.get("/trainings/<int:training_id>/calendar.ics")
@access(PUBLIC)
@blueprint.doc(summary="One training as a calendar (RFC 5545)", responses=problems(404))
def training_calendar(training_id: int) -> Response:
    found = service.get_training(present_actor(), training_id)
    return _ics(service.calendar_of(found), f"training-{training_id}.ics")


# -- parts ------------------------------------------------------------------------------------------------------------


def _shown(training_id: int) -> ShownTraining:
    found = service.get_training(present_actor(), training_id)
    return training_json(found, service.counts_of([found])[found.id])


def _enrolment(training_id: int, enrolment_id: int) -> ShownEnrolment:
    found = service.get_enrolment(actor(), enrolment_id)
    return enrolment_json(found, service.line(training_id).get(enrolment_id))


def _of(training_id: int, enrolment_id: int) -> int:
    """The enrolment, where it is one of this training. Raises NotFound."""
    if service.get_enrolment(actor(), enrolment_id).training_id != training_id:
        raise NotFound(f"There is no enrolment {enrolment_id} in this training.")
    return enrolment_id


def _ics(content: bytes, name: str) -> Response:
    response = Response(content, mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
