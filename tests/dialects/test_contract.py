"""What every decoder must do, whatever it is told: found by itself for each dialect that is listed."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.devices.readings import BadMessage, Message
from firmware_bridge.decoders import BY_NAME, DECODERS
from firmware_bridge.decoders.parse import REASONS
from firmware_bridge.decoders.uids import canonical_uid
from firmware_bridge.devicefold import DeviceFold
from firmware_bridge.topics import matches
from tests.dialects import mutations, stories

NAMES = [decoder.NAME for decoder in DECODERS]
T = 1_772_438_400.0
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def device(dialect: str) -> dict[str, Any]:
    return next(iter(stories.devices(dialect).values()))


def topics_of(dialect: str) -> list[str]:
    return sorted({line["topic"] for line in stories.lines(dialect) if not line["topic"].startswith("$")})


def message(line: dict[str, Any]) -> Message:
    payload = line["payload"].encode("utf-8", "surrogateescape")
    out = line.get("dir") == "out"
    return Message(line["topic"], payload, T + line["t"], line.get("qos", 0), line.get("retain", False), out)


@pytest.mark.parametrize("dialect", NAMES)
def test_its_recording_is_heard_and_its_devices_recognised(dialect: str) -> None:
    decoder, known = BY_NAME[dialect], stories.devices(dialect)
    assert dialect == decoder.NAME
    for options in known.values():
        assert any(matches(each, line["topic"]) for each in decoder.topics(options) for line in stories.lines(dialect))
    seen = {
        sighting.base
        for line in stories.lines(dialect)
        if any(matches(each, line["topic"]) for each in decoder.DISCOVERY)
        and (sighting := decoder.recognise(message(line)))
    }
    assert seen <= {options["base"] for options in known.values()}
    assert seen


@pytest.mark.parametrize("dialect", NAMES)
def test_messages_of_other_dialects_say_nothing(dialect: str) -> None:
    decoder, options = BY_NAME[dialect], device(dialect)
    for other in NAMES:
        if other != dialect:
            for line in stories.lines(other):
                assert decoder.decode({}, message(line), options) == ({}, [])
                assert decoder.recognise(message(line)) is None or line["topic"].endswith(("/mqtt", "/LWT"))


@given(
    dialect=st.sampled_from(NAMES), bodies=st.lists(HOSTILE | st.binary(max_size=40), max_size=8), chance=st.randoms()
)
@settings(max_examples=200, deadline=None)
def test_nonsense_gives_nothing_or_a_bad_message(dialect: str, bodies: list[Any], chance: random.Random) -> None:
    fold = DeviceFold(dialect, device(dialect))
    decoder, known = BY_NAME[dialect], topics_of(dialect)
    for count, body in enumerate(bodies):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = Message(chance.choice(known), payload, T + count, 1, chance.random() < 0.2, chance.random() < 0.2)
        told = decoder.scrub(told, device(dialect), lambda uid: "badge:00112233")
        decoder.recognise(told)
        for change in fold.hear(told):
            assert not isinstance(change, BadMessage) or change.reason in REASONS
    fold.advance(T + 1e6)
    json.dumps(fold.state)


@given(dialect=st.sampled_from(NAMES), chance=st.randoms())
@settings(max_examples=60, deadline=None)
def test_fields_of_the_wrong_kind_never_raise(dialect: str, chance: random.Random) -> None:
    """Real messages with one value exchanged for something else."""
    for line in chance.sample(stories.lines(dialect), 30):
        try:
            body = json.loads(line["payload"])
        except ValueError:
            continue
        if isinstance(body, dict) and body:
            spoiled: Any = chance.choice([None, True, -1, 1e308, 10**400, "x", "", [], {}, float("nan"), [[[[[[1]]]]]]])
            body[chance.choice(sorted(body))] = spoiled
            told = message({**line, "payload": json.dumps(body)})
            for options in stories.devices(dialect).values():
                DeviceFold(dialect, options).hear(told)


@pytest.mark.parametrize("dialect", NAMES)
def test_card_numbers_are_gone_after_scrubbing_and_usage_is_the_same(dialect: str) -> None:
    plain, hidden = set[str](), set[str]()
    for name, story in stories.expected(dialect).items():
        for options in story["devices"].values():
            open_fold, closed_fold = DeviceFold(dialect, options), DeviceFold(dialect, options)
            for line in stories.sequence(dialect, name):
                scrubbed = BY_NAME[dialect].scrub(message(line), options, lambda uid: f"badge:{uid.lower()}00")
                assert b"04A2246AB15C80" not in scrubbed.payload
                assert BY_NAME[dialect].scrub(scrubbed, options, str.upper) == scrubbed
                plain |= {str(each).replace("badge:", "") for each in open_fold.hear(message(line)) if _is_tap(each)}
                hidden |= {str(each) for each in closed_fold.hear(scrubbed) if _is_tap(each)}
    assert len(plain) == len(hidden)
    assert not any("uid='04A2" in each for each in hidden)


def _is_tap(change: object) -> bool:
    return type(change).__name__ == "TapHeard"


def test_broken_payloads_hide_their_cards_too() -> None:
    tasmota, native = BY_NAME["tasmota"], BY_NAME["fablab_v1"]
    cut = Message("tele/r/SENSOR", b'{"PN532":{"UID":"94D8FC5F","Da', T)
    assert b"94D8FC5F" not in tasmota.scrub(cut, {"base": "r"}, lambda uid: "badge:00").payload
    for body in (b'{"boot":"1-a","uid":"94D8FC5F', b'{"u\\u0069d":"94D8FC5F","rid":"1"}', b'{"\\u","uid":"94D8FC5F"'):
        tap = Message("fablab/v1/l/d/up/tap", body, T)
        assert b"94D8FC5F" not in native.scrub(tap, {"base": "fablab/v1/l/d"}, lambda uid: "badge:00").payload
    ours = Message("fablab/v1/l/d/dn/tap", b'{"rid":"1","ok":true,"who":"Ada","txt":["Hello Ada"]}', T, outbound=True)
    assert b"Ada" not in native.scrub(ours, {"base": "fablab/v1/l/d"}, str).payload


def test_secrets_are_dropped() -> None:
    answer = Message("v/moonraker/api/response", b'{"result": "3f1c0a9e"}', T)
    assert BY_NAME["moonraker"].scrub(answer, {"base": "v"}, str).payload == b"{}"
    status = Message("stat/p/STATUS6", b'{"StatusMQT": {"MqttHost": "b", "MqttPassword": "hush"}}', T)
    assert b"hush" not in BY_NAME["tasmota"].scrub(status, {"base": "p"}, str).payload


@given(st.text(max_size=40), st.sampled_from(["hex", "hex-dash", "dec32", "rev4", "unpadded", "wiegand26", "?"]))
def test_a_canonical_number_is_canonical(text: str, spelling: str) -> None:
    uid = canonical_uid(text, spelling)
    if uid is not None and not uid.startswith("badge:") and spelling not in ("unpadded",):
        assert canonical_uid(uid) == uid


def test_mutations_mutate() -> None:
    lines = stories.sequence("fablab_v1", "tap_grant_use_tapout")
    chance = random.Random(1)
    assert len(mutations.redelivered(lines, chance)) > len(lines)
    assert len(mutations.with_junk(lines, chance)) > len(lines)
