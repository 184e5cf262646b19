"""Whatever is heard, in whatever order: sessions of one device never overlap, exist once, and no figure is negative."""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fablab.devices import readings as r
from fablab.usage import rules
from fablab.usage.changes import Change, SessionChange
from fablab.usage.codec import from_json, to_json

T = 1_772_438_400.0
PLUG = rules.options({"dialect": "tasmota", "power": {"on_w": 60, "off_w": 40, "stale_s": 700}})
NATIVE = rules.options({"dialect": "fablab_v1"})

STEPS = st.sampled_from([0.0, 0.1, 1.0, 4.0, 5.0, 20.0, 59.0, 60.0, 61.0, 300.0, 700.0, 5000.0])
JOBS = st.sampled_from([None, "a", "b"])
FRACTIONS = st.none() | st.floats(0, 1)
LENGTHS = st.none() | st.floats(0, 10_000)


def plug_reading(at: float) -> st.SearchStrategy[Any]:
    watts = st.sampled_from([0.0, 2.0, 39.9, 40.0, 50.0, 60.0, 700.0, 5000.0])
    return st.one_of(
        st.builds(r.Power, st.just(at), watts),
        st.builds(r.EnergyTotal, st.just(at), st.floats(0, 1e6)),
        st.builds(r.Relay, st.just(at), st.booleans()),
        st.builds(r.Commanded, st.just(at), st.booleans()),
        st.sampled_from([r.Online(at), r.Offline(at), r.Offline(at, True), r.Restarted(at), r.SignOfLife(at)]),
        st.just(r.Fault(at, "overpower")),
    )


def job_reading(at: float) -> st.SearchStrategy[Any]:
    outcomes = st.sampled_from(["completed", "cancelled", "failed"])
    began = st.none() | st.floats(at - 5000, at)
    return st.one_of(
        st.builds(r.JobStarted, st.just(at), JOBS, st.none(), began),
        st.builds(r.JobProgressed, st.just(at), JOBS, FRACTIONS, LENGTHS, st.booleans(), st.none() | st.booleans()),
        st.sampled_from([r.JobPaused(at), r.JobResumed(at), r.JobStopping(at, "unknown")]),
        st.builds(r.JobEnded, st.just(at), outcomes, JOBS, st.none(), LENGTHS, LENGTHS),
        st.builds(
            r.JobRecorded, st.just(at), st.sampled_from("123"), st.just(at - 900), st.just(at - 500), outcomes, JOBS
        ),
        st.sampled_from([r.Online(at), r.Offline(at), r.Restarted(at)]),
    )


def native_reading(at: float) -> st.SearchStrategy[Any]:
    boots = st.sampled_from(["1-aa", "2-bb", "3-cc"])
    sids = st.sampled_from(["s1", "s2", "s3"])
    kinds = st.sampled_from(["use.start", "use.end", "tick", "use.state", "job.start", "job.end"])
    ups = st.integers(0, 20_000_000)
    data = st.fixed_dictionaries(
        {"sid": sids, "s": st.sampled_from(["pause", "work"])},
        optional={"wh": st.floats(0, 1e5), "run_s": st.floats(0, 1e5), "auth": st.just("cache")},
    )
    record = st.builds(
        r.JournalRecord, st.just(at), boots, st.integers(1, 30), ups, kinds, data, st.booleans(), st.none()
    )
    beat = st.builds(
        r.Heartbeat,
        st.just(at),
        boots,
        st.integers(1, 3),
        st.integers(0, 50),
        ups,
        st.integers(0, 30),
        st.none() | st.booleans(),
        sess=st.none() | st.builds("{}:{}".format, boots, sids),
        wh=st.none() | st.floats(0, 1e5),
    )
    return st.one_of(
        record,
        beat,
        st.builds(r.Birth, st.just(at), boots, st.integers(1, 3)),
        st.builds(r.Death, st.just(at), boots, st.integers(1, 3)),
        st.builds(r.TapAnswered, st.just(at), st.just("1-aa:1"), st.booleans(), st.none() | st.just("end")),
        st.builds(r.LeaseSent, st.just(at), boots, st.integers(1, 9), st.sampled_from([0, 60000])),
    )


@st.composite
def streams(draw: st.DrawFn, kind: Any) -> list[Any]:
    at, out = T, []
    for _ in range(draw(st.integers(1, 25))):
        at += draw(STEPS)
        out.append(draw(kind(at)))
    return out


def folded(stream: Iterable[Any], how: rules.UsageOptions, stored: bool = False) -> list[Change]:
    state, out = rules.UsageState(), list[Change]()
    at = T
    for reading in stream:
        state, more = rules.hear(state, [reading], how)
        if stored:
            state = from_json(rules.UsageState, json.loads(json.dumps(to_json(state))))
        out += more
        at = reading.at
    state, more = rules.advance(state, at + 7200, how)
    return out + more


def sessions(changes: Iterable[Change]) -> list[SessionChange]:
    last = {each.key: each for each in changes if isinstance(each, SessionChange)}
    found = (each for each in last.values() if not each.withdrawn)
    return sorted(found, key=lambda each: (each.start_at, each.end_at or float("inf")))


def assert_sound(changes: list[Change]) -> None:
    found = sessions(changes)
    for one, two in zip(found, found[1:], strict=False):
        assert one.end_at is not None, (one, two)
        assert one.end_at <= two.start_at, (one, two)
    for each in found:
        assert each.end_at is None or each.end_at >= each.start_at
        assert (each.outcome is None) == (each.end_at is None)
        for figure in (each.energy_wh, each.paused_s, each.working_s):
            assert figure is None or figure >= 0


@given(streams(plug_reading))
@settings(max_examples=80, deadline=None)
def test_plugs(stream: list[Any]) -> None:
    changes = folded(stream, PLUG)
    assert_sound(changes)
    assert folded(stream, PLUG, stored=True) == changes
    for each in sessions(changes):
        assert each.end_at is None or (each.working_s or 0) <= each.end_at - each.start_at + 0.01
        assert (each.energy_wh or 0) <= 6000 / 3600 * ((each.end_at or T + 1e6) - each.start_at) + 200


@given(streams(job_reading))
@settings(max_examples=80, deadline=None)
def test_jobs(stream: list[Any]) -> None:
    changes = folded(stream, PLUG)
    assert_sound(changes)
    assert folded(stream, PLUG, stored=True) == changes


@given(streams(native_reading))
@settings(max_examples=80, deadline=None, phases=[Phase.generate])
def test_native_devices(stream: list[Any]) -> None:
    changes = folded(stream, NATIVE)
    assert_sound(changes)
    assert folded(stream, NATIVE, stored=True) == changes


@given(streams(plug_reading), st.floats(0.5, 100))
@settings(max_examples=60, deadline=None)
def test_it_does_not_matter_how_often_the_clock_is_looked_at(stream: list[Any], step: float) -> None:
    state, out, now = rules.UsageState(), list[Change](), T
    for reading in stream:
        while now + step < reading.at and reading.at - now < 1000 * step:
            now += step
            state, more = rules.advance(state, now, PLUG)
            out += more
        now = reading.at
        state, more = rules.hear(state, [reading], PLUG)
        out += more
    state, more = rules.advance(state, now + 7200, PLUG)
    assert sessions(out + more) == sessions(folded(stream, PLUG))


@given(streams(plug_reading))
@settings(max_examples=60, deadline=None)
def test_an_outage_is_no_use(stream: list[Any]) -> None:
    """No session reaches into a silence longer than the grace time."""
    gaps = [(one.at, two.at) for one, two in zip(stream, stream[1:], strict=False) if two.at - one.at > 700 + 600]
    for each in sessions(folded(stream, PLUG)):
        for gone, back in gaps:
            assert each.end_at is None or not (each.start_at <= gone and each.end_at >= back), (each, gone, back)
