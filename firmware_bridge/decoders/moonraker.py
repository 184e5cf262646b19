"""Klipper printers behind Moonraker with `[mqtt]` (Arksine/moonraker components/mqtt.py, job_state.py @d5ee171).

Topics under the instance name (default: the host's name):
  moonraker/status                 {"server": "online"|"offline"}, retained, also the will
  klipper/status                   {"eventtime": s, "status": {object: {field: value}}}: changed fields only, ~4/s
  klipper/state/<object>/<field>   {"eventtime": s, "value": …} with `publish_split_status`, retained
  moonraker/api/response           answers of the JSON-RPC interface; `server.history.list` is used
Fields used: print_stats {state: standby|printing|paused|complete|error|cancelled, filename, total_duration (s, with
pauses)}, virtual_sdcard.progress and display_status.progress (0 … 1), webhooks.state (ready|shutdown|error|startup).

Oddities: `eventtime` is the host's monotonic clock and falls only when the host restarts · the first full status comes
only since 0.10.0, so a state may stay unknown; a growing total_duration gives it away · `complete` persists: only the
edge counts · standby while a job runs is a cancel · with a shutdown the same message may say `paused` · the file name
is cleared in the same or the next message · a paused job resumes only with the same file and a larger total_duration
· Moonraker offline does not mean that the printer stopped · stored split values may be of a dead host.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fablab.devices.readings import (
    BadMessage,
    JobEnded,
    JobPaused,
    JobProgressed,
    JobRecorded,
    JobResumed,
    JobStarted,
    Message,
    Offline,
    Online,
    Outcome,
    Reading,
    Restarted,
    Sighting,
    SignOfLife,
)
from firmware_bridge.decoders.parse import (
    EARLIEST,
    Bad,
    fingerprint,
    json_object,
    number,
    remembered,
    section,
    text,
)
from firmware_bridge.decoders.stamps import place

NAME = "moonraker"
DISCOVERY = ("+/moonraker/status",)

HISTORY_BYTES = 1_000_000
REDELIVERED_S = 900.0  # a message older than this is not late: its clock has started anew

_STATES = {"standby", "printing", "paused", "complete", "error", "cancelled"}
_ENDINGS: dict[str, Outcome] = {
    "complete": "completed",
    "cancelled": "cancelled",
    "error": "failed",
    "standby": "cancelled",
}
_RECORDED: dict[str, Outcome] = {
    "completed": "completed",
    "cancelled": "cancelled",
    "error": "failed",
    "klippy_shutdown": "failed",
    "klippy_disconnect": "interrupted",
    "interrupted": "interrupted",
}


def topics(options: Mapping[str, Any]) -> list[str]:
    """MQTT filters of one instance."""
    base = options.get("base", "")
    return [
        f"{base}/moonraker/status",
        f"{base}/klipper/status",
        f"{base}/klipper/state/#",
        f"{base}/moonraker/api/response",
    ]


def commands(options: Mapping[str, Any]) -> list[str]:
    """None: what we ask is answered on a topic that is heard anyway."""
    return []


def recognise(message: Message) -> Sighting | None:
    """`{"server": …}` on `<instance>/moonraker/status`."""
    base = message.topic.removesuffix("/moonraker/status")
    if base == message.topic or not base:
        return None
    try:
        known = json_object(message.payload).get("server") in ("online", "offline")
    except Bad:
        return None
    return Sighting(NAME, base, name=base, abilities=("job",)) if known else None


def scrub(message: Message, options: Mapping[str, Any], cloak: Callable[[str], str]) -> Message:
    """Answers of the API other than the history may hold keys and configuration: they are emptied."""
    if not message.topic.endswith("/moonraker/api/response"):
        return message
    try:
        result = json_object(message.payload, HISTORY_BYTES).get("result")
    except Bad:
        return replace(message, payload=b"{}")
    if isinstance(result, dict) and isinstance(result.get("jobs"), list):
        return replace(message, payload=json.dumps({"result": {"jobs": result["jobs"]}}).encode())
    return replace(message, payload=b"{}")


def decode(state: dict[str, Any], message: Message, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reading]]:
    """See the module's head."""
    base = f"{options.get('base', '')}/"
    if message.outbound or not message.topic.startswith(base):
        return state, []
    leaf = message.topic[len(base) :]
    try:
        if leaf == "moonraker/status":
            return _server(state, message)
        if leaf == "moonraker/api/response" and not message.retained:
            return state, [SignOfLife(message.at), *_history(message)]
        if leaf == "klipper/status" and not message.retained:
            body = json_object(message.payload)
            if not isinstance(body.get("status"), dict):
                raise Bad("bad_field", "status")
            return _status(state, message, body, body["status"])
        if leaf.startswith("klipper/state/"):
            return _split(state, message, leaf)
    except Bad as bad:
        return state, [BadMessage(message.at, message.topic, bad.reason, bad.detail)]
    return state, []


def _server(state: dict[str, Any], message: Message) -> tuple[dict[str, Any], list[Reading]]:
    word = json_object(message.payload).get("server")
    if word == "online":
        return (state if message.retained else {**state, "birth": True}), [Online(message.at, message.retained)]
    if word == "offline":
        return state, [Offline(message.at, message.retained)]
    raise Bad("bad_field", "server")


def _split(state: dict[str, Any], message: Message, leaf: str) -> tuple[dict[str, Any], list[Reading]]:
    body = json_object(message.payload)
    if "value" not in body:
        raise Bad("bad_field", "value")
    thing, _, field = leaf.removeprefix("klipper/state/").rpartition("/")
    if message.retained:  # context: it can give a name to a job that proves to run
        if (thing, field) == ("print_stats", "filename"):
            return {**state, "stored": text(body.get("value"), 500)}, []
        return state, []
    return _status(state, message, body, {thing: {field: body.get("value")}})


def _status(
    state: dict[str, Any], message: Message, body: Mapping[str, Any], delta: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Reading]]:
    """A live status message: sorted out if it came before or too late, placed in time, then folded."""
    mark = fingerprint(message.topic, message.payload)
    if mark in state.get("ring", ()):
        return state, []
    clock = number(body.get("eventtime"), 0, 1e10)
    state = {**state, "ring": remembered(state.get("ring", []), mark)}
    out: list[Reading] = []
    last = state.get("clock")
    if clock is not None and last is not None and clock < last - 1:
        if not _host_restarted(state, clock, message.at):
            return {**state, "low": clock}, []
        out.append(Restarted(message.at))
        state = {key: value for key, value in state.items() if key in ("ring", "anchor")}
    anchor, at = place(state.get("anchor"), clock, message.at)
    state = {**state, "anchor": anchor, "birth": False, "low": None}
    if clock is not None:
        state["clock"] = clock
        state.setdefault("first", clock)
    state, readings = _fold(state, delta, at)
    return state, [*out, *(readings or [SignOfLife(at)])]


def _host_restarted(state: Mapping[str, Any], clock: float, at: float) -> bool:
    """Whether a clock that fell means that the host started anew, rather than that an old message came again."""
    low = state.get("low")
    return bool(
        state.get("birth")
        or clock < state.get("first", 0) - 60
        or state["clock"] - clock > REDELIVERED_S
        or (low is not None and clock > low)
    )


def _fold(state: dict[str, Any], delta: Mapping[str, Any], at: float) -> tuple[dict[str, Any], list[Reading]]:
    """Merge the changed fields and say what that means. Changes `state`, which is the caller's own copy."""
    stats = section(delta.get("print_stats"))
    active, was = bool(state.get("active")), state.get("state")
    word = section(delta.get("webhooks")).get("state")
    if word in ("shutdown", "error"):
        state["state"], state["active"] = "error", False
        return state, [JobEnded(at, "failed", state.get("name"))] if active else []
    told = stats.get("state")
    now = told if isinstance(told, str) and told in _STATES else was
    total, before = number(stats.get("total_duration"), 0, 1e8), state.get("total")
    name = text(stats.get("filename"), 500)
    renamed = name is not None and name != state.get("name")
    state["state"] = now
    if total is not None:
        state["total"] = total
    fell = total is not None and before is not None and total < before - 1
    if active:
        readings = _while_active(state, was, now, at, name if renamed else None, total, fell)
    else:
        grew = was is None and total is not None and before is not None and total > before
        readings = _while_idle(state, was, "printing" if grew and now is None else now, at, name, total)
    return state, readings + _progress(state, delta, total, at)


def _while_idle(
    state: dict[str, Any], was: str | None, now: str | None, at: float, name: str | None, total: float | None
) -> list[Reading]:
    if name is not None:
        state["name"] = name
    began = None if total is None else at - total
    running = now == "printing" or (now == "paused" and was is None)
    if running:
        state["active"], state["state"] = True, now
        state["name"] = state.get("name") or state.get("stored")
        start = JobStarted(at, state["name"], began_at=began)
        return [start, JobPaused(at)] if now == "paused" else [start]
    short = was is not None and now != was and now in ("complete", "cancelled", "error") and bool(total)
    if short and now is not None:  # over between two messages
        job = state.get("name")
        return [JobStarted(at, job, began_at=began), JobEnded(at, _ENDINGS[now], job, lasted_s=total)]
    return []


def _while_active(
    state: dict[str, Any],
    was: str | None,
    now: str | None,
    at: float,
    new_name: str | None,
    total: float | None,
    fell: bool,
) -> list[Reading]:
    name = state.get("name")
    if now in _ENDINGS:
        state["active"] = False
        lasted = total or None
        if new_name is not None and name is None:
            name = new_name
        state["name"] = None if now == "standby" else name
        return [JobEnded(at, _ENDINGS[now], name, lasted_s=lasted)]
    if now == "paused":
        return [JobPaused(at)] if was == "printing" else []
    another = fell or (was == "paused" and new_name is not None)
    if another:
        state["name"] = new_name or name
        return [JobStarted(at, state["name"], began_at=None if total is None else at - total)]
    if new_name is not None and (name is None or (state.get("total") or 0) < 5):
        state["name"] = new_name
        return [JobProgressed(at, new_name)]
    return [JobResumed(at)] if was == "paused" else []


def _progress(state: Mapping[str, Any], delta: Mapping[str, Any], total: float | None, at: float) -> list[Reading]:
    if not state.get("active"):
        return []
    fraction = number(section(delta.get("display_status")).get("progress"), 0, 1)
    if not fraction:
        fraction = number(section(delta.get("virtual_sdcard")).get("progress"), 0, 1)
    paused = state.get("state") == "paused"
    return [JobProgressed(at, state.get("name"), fraction, total, opens=total is not None, paused=paused)]


def _history(message: Message) -> Iterator[Reading]:
    """The jobs of a `server.history.list` answer that can be understood."""
    result = section(json_object(message.payload, HISTORY_BYTES).get("result"))
    jobs = result.get("jobs")
    for job in jobs[:500] if isinstance(jobs, list) else ():
        reading = _recorded(section(job), message.at)
        if reading is not None:
            yield reading


def _recorded(job: Mapping[str, Any], at: float) -> JobRecorded | None:
    name, start = text(job.get("job_id"), 40), number(job.get("start_time"), EARLIEST, at + 86400)
    status = job.get("status")
    running = status == "in_progress"
    outcome = _RECORDED.get(status) if isinstance(status, str) else None
    end = number(job.get("end_time"), EARLIEST, at + 86400)
    if name is None or start is None or (not running and (outcome is None or end is None or end < start)):
        return None
    meta = section(job.get("metadata"))
    return JobRecorded(
        at,
        name,
        start,
        None if running else end,
        None if running else outcome,
        text(job.get("filename"), 500),
        text(job.get("user")),
        text(meta.get("filament_type"), 100),
        number(meta.get("filament_weight_total"), 0, 1e5) if outcome == "completed" else None,
        _kilowatt_hours(job.get("auxiliary_data")),
    )


def _kilowatt_hours(extras: Any) -> float | None:
    """Energy that a `[sensor]` with history fields measured, in Wh."""
    for extra in map(section, extras if isinstance(extras, list) else ()):
        scale = {"kWh": 1000.0, "Wh": 1.0}.get(str(extra.get("units")))
        value = number(extra.get("value"), 0, 1e6)
        if scale is not None and value is not None:
            return value * scale
    return None
