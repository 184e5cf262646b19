"""REST: `/devices`: what speaks on the broker, what is adopted for which resource. Staff only."""

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.devices import overview, service
from fablab.devices.models import Device, DeviceState
from fablab.web.access import access, actor
from fablab.web.api import (
    Body,
    Ident,
    PageQuery,
    Shown,
    ShownIdent,
    ShownInstant,
    idempotent,
    page_of,
    problems,
)

blueprint = APIBlueprint("devices_api", __name__, url_prefix="/api/v1", tag="Devices")

STATES = Literal["discovered", "adopted", "ignored"]
LIVE = ("state", "power_w", "progress", "relay", "job", "since")
Value = str | int | float | bool | None | dict[str, str | int | float | bool | None]


class ShownDevice(Shown):
    """Something that speaks on a broker."""

    id: ShownIdent = Field(examples=["3"])
    name: str
    dialect: str = Field(examples=["tasmota"])
    broker: str
    base: str = Field(description="Root of its topics", examples=["plug_laser2"])
    model: str
    state: str = Field(description="discovered, adopted or ignored")
    resource_id: str | None
    options: dict[str, Any] = Field(description="Settings of the dialect: power thresholds and the like")
    online: bool
    live: dict[str, Any] = Field(description="The last reading: state, power_w, progress, relay, job, since")
    first_seen_at: ShownInstant
    last_seen_at: ShownInstant | None
    adopted_at: ShownInstant | None


class DeviceList(Shown):
    """A page of devices."""

    items: list[ShownDevice]
    next: str | None


class DeviceQuery(PageQuery):
    """Filters of the list."""

    state: STATES | None = None
    resource_id: Ident | None = None


class NewDevice(Body):
    """A device that has not been seen yet."""

    dialect: Literal["fablab_v1", "octoprint", "moonraker", "tasmota"]
    base: str = Field(min_length=1, max_length=255, description="Root of its topics")
    name: str = Field("", max_length=100)


class DeviceChange(Body):
    """`state` adopted binds it to `resource_id` (or to none yet), ignored and discovered forget it."""

    state: STATES | None = None
    resource_id: Ident | None = None
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    options: dict[str, Value] = Field({}, max_length=50, description="Merged into what is set")


@blueprint.get("/devices")
@access(Role.MANAGER)
@blueprint.input(DeviceQuery, location="query")
@blueprint.output(DeviceList)
@blueprint.doc(summary="List devices", responses=problems(422))
def list_devices(query_data: DeviceQuery) -> DeviceList:
    state = None if query_data.state is None else DeviceState(query_data.state)
    wanted = overview.devices_query(state, query_data.resource_id)
    rows, following = page_of(wanted, Device.id, query_data.limit, query_data.cursor)
    return DeviceList(items=[shown(row) for row in rows], next=following)


@blueprint.post("/devices")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewDevice, example={"dialect": "tasmota", "base": "plug_saw", "name": "Plug of the saw"})
@blueprint.output(ShownDevice, status_code=201)
@blueprint.doc(summary="Add a device that nobody has seen yet", responses=problems(409, 415, 422))
@idempotent
def add_device(json_data: NewDevice) -> tuple[ShownDevice, int]:
    made = service.add_device(actor(), json_data.dialect, json_data.base, clock.now(), name=json_data.name)
    return shown(made), 201


@blueprint.get("/devices/<int:device_id>")
@access(Role.MANAGER)
@blueprint.output(ShownDevice)
@blueprint.doc(summary="One device", responses=problems(404))
def get_device(device_id: int) -> ShownDevice:
    return shown(service.get_device(device_id))


@blueprint.patch("/devices/<int:device_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(DeviceChange, example={"state": "adopted", "resource_id": "7"})
@blueprint.output(ShownDevice)
@blueprint.doc(
    summary="Adopt, change or ignore a device",
    description="What is left out stays.",
    responses=problems(404, 415, 422),
)
def change_device(device_id: int, json_data: DeviceChange) -> ShownDevice:
    device, given = service.get_device(device_id), json_data.model_fields_set
    state = json_data.state or device.state.value
    if state != "adopted":
        if given - {"state"}:
            raise Invalid(dict.fromkeys(sorted(given - {"state"}), "can be set on an adopted device only"))
        return shown(service.forget(actor(), device_id, clock.now(), ignore=state == "ignored"))
    changed = service.adopt(
        actor(),
        device_id,
        clock.now(),
        resource_id=json_data.resource_id if "resource_id" in given else device.resource_id,
        name=json_data.name,
        options=json_data.options,
    )
    return shown(changed)


@blueprint.delete("/devices/<int:device_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Forget a device", description="Its journal and usage stay.", responses=problems(404))
def forget_device(device_id: int) -> tuple[str, int]:
    service.forget(actor(), device_id, clock.now())
    return "", 204


def shown(device: Device) -> ShownDevice:
    """A device as the API shows it, without its secrets."""
    return ShownDevice(
        id=device.id,
        name=device.name,
        dialect=device.dialect,
        broker=device.broker,
        base=device.base,
        model=device.model,
        state=device.state.value,
        resource_id=None if device.resource_id is None else str(device.resource_id),
        options=device.options,
        online=device.online,
        live={key: device.live[key] for key in LIVE if key in device.live},
        first_seen_at=device.first_seen_at,
        last_seen_at=device.last_seen_at,
        adopted_at=device.adopted_at,
    )
