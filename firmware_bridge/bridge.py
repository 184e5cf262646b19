"""The bridge at work: connections that queue, one worker that takes, stores and only then acknowledges."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from fablab.core import schema
from fablab.core.config import Config
from fablab.core.db import db
from fablab.devices.readings import Message
from firmware_bridge import mqtt
from firmware_bridge.decoders import DECODERS
from firmware_bridge.dialogue import Dialogue
from firmware_bridge.inbound import Inbound
from firmware_bridge.mqtt import Delivered, Endpoint, Inbox, Link, Will
from firmware_bridge.registry import MAIN, Registry
from firmware_bridge.store import Store
from firmware_bridge.topics import without_overlaps
from firmware_bridge.turn import Say, Turn

log = structlog.get_logger("bridge")

LINGER_S = 0.01
BATCH = 1000
LOOK_S = 0.2
"""How often the outbox is looked at: what another process asks for happens within a fraction of a second."""
SWEEP_S = 1.0
RETRY_S = (0.1, 5.0)
HELD = 5_000
"""While the database is away for long, heartbeats beyond so many messages are let go: the broker does not keep them."""


class Bridge:
    """`Bridge(create_core_app(config)).run()`; `stop()` from any thread ends it.

    `clock` is asked for every instant; `settle_s` is how long after a (re)connect timers wait for what was queued.
    """

    def __init__(
        self,
        app: Flask,
        *,
        clock: Callable[[], float] = time.time,
        settle_s: float = 2.0,
        endpoints: list[Endpoint] | None = None,
    ) -> None:
        config: Config = app.extensions["fablab_config"]
        self._app = app
        self._site = config.mqtt.site
        self._clock = clock
        self._settle_s = settle_s
        self._stopping = threading.Event()
        self._status_topic = f"fablab/v1/{self._site}/server/status"
        self._up_since = 0.0
        self._looked = self._swept = 0.0
        self._stale = self._orphans = False
        self.inbox = Inbox()
        self.registry = Registry(self._site)
        self.inbound = Inbound(self.registry)
        self.dialogue = Dialogue(self.registry, clock)
        self.store = Store(self.registry, self.dialogue, self.inbound)
        self.ready = threading.Event()
        self.stored = 0
        self._connect(config, endpoints if endpoints is not None else mqtt.endpoints(config))

    # -- life -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop` is called; then finish what was taken, say good-bye and return. Raises SchemaError."""
        with self._app.app_context():
            self._persevere(schema.check)
            self._persevere(self._reload)
            for link in self._links:
                link.start()
            self.ready.set()
            log.info("bridge listens", devices=len(list(self.registry.ears())))
            while not self._stopping.is_set():
                self._turn(self.inbox.take(self._patience(), LINGER_S, BATCH))
            self._finish()

    def stop(self) -> None:
        """Ask the worker to end."""
        self._stopping.set()
        self.inbox.close()

    def listening(self) -> bool:
        """True when every connection is up and all its subscriptions are answered."""
        return self.ready.is_set() and all(link.listening() for link in self._links)

    def _finish(self) -> None:
        """Store and acknowledge what has arrived already, then leave properly: no will is sent."""
        while batch := self.inbox.take(0, 0, BATCH):
            if not self._turn(batch, last=True):
                break
        farewell = self._dialogue_link.publish(self._status_topic, _status(False, self._clock(), "bye"), 1, retain=True)
        if farewell is not None:
            farewell.wait_for_publish(2)
        for link in self._links:
            link.stop()
        db.session.remove()
        log.info("bridge ended", **self.inbound.counts)

    def _connect(self, config: Config, endpoints: list[Endpoint]) -> None:
        client = config.mqtt.client_id
        main = endpoints[0]
        will = Will(self._status_topic, _status(False, 0.0, "lost"))
        self._dialogue_link = Link(
            main, f"{client}-dialogue", self._hear_first, speaks=5, clock=self._clock, will=will, on_up=self._greet
        )
        self._telemetry = [
            Link(one, f"{client}-telemetry", self._hear, clock=self._clock, on_up=self._up) for one in endpoints
        ]
        self._discovery = [
            Link(one, f"{client}-discovery", self._look_at, clock=self._clock, persistent=False) for one in endpoints
        ]
        self._links = [self._dialogue_link, *self._telemetry, *self._discovery]

    def _reload(self) -> None:
        """Read the devices anew and listen to what they say."""
        self.registry.load()
        self._stale, self._orphans = False, True
        for link in self._telemetry:
            broker = link.endpoint.name
            link.subscribe(self.registry.telemetry(broker), self.registry.retired.get(broker, ()))
        guarded = self.registry.ours() if self._dialogue_link.endpoint.properties else []
        self._dialogue_link.subscribe([*self.registry.dialogue(), *guarded])
        for link in self._discovery:
            link.subscribe(without_overlaps(one for decoder in DECODERS for one in decoder.DISCOVERY))

    # -- paho's threads -------------------------------------------------------------------------------------------

    def _hear(self, delivered: Delivered) -> None:
        self.inbox.put(delivered, urgent=False)

    def _hear_first(self, delivered: Delivered) -> None:
        self.inbox.put(delivered, urgent=True)

    def _look_at(self, delivered: Delivered) -> None:
        self.inbound.look(delivered)
        mqtt.acknowledge([delivered])

    def _up(self) -> None:
        self._up_since = time.monotonic()

    def _greet(self) -> None:
        self._dialogue_link.publish(self._status_topic, _status(True, self._clock()), 1, retain=True)

    # -- the worker -----------------------------------------------------------------------------------------------

    def _turn(self, batch: list[Delivered], *, last: bool = False) -> bool:
        """Store a batch and acknowledge it. Waits while the database is away; False when told to end meanwhile."""
        wait = RETRY_S[0]
        while True:
            try:
                turn = self._once(batch)
            except Exception as error:
                self._undo()
                if not _is_of_the_message(error):
                    log.warning("database does not take it, trying again", error=_brief(error), messages=len(batch))
                    if last or self._stopping.is_set():
                        return False
                    waiting = self._refuse_taps(wait * random.uniform(0.7, 1.3))
                    full = len(batch) >= HELD
                    batch = batch + [one for one in waiting if one.message.qos or not full]
                    wait = min(wait * 2, RETRY_S[1])
                    continue
                log.error("a turn failed", error=_brief(error), kind=type(error).__name__, messages=len(batch))
                return self._one_by_one(batch, last=last)
            self._after(turn, batch)
            return True

    def _once(self, batch: list[Delivered]) -> Turn:
        """Hear a batch and store what follows; after this it is in the database."""
        if self._stale:
            self._reload()
        turn = Turn(self._clock())
        for delivered in batch:
            self.inbound.hear(turn, delivered)
        self._let_pass(turn)
        moment = time.monotonic()
        look, sweep = moment - self._looked >= LOOK_S, moment - self._swept >= SWEEP_S
        claim = look and self.store.waiting(turn.now)
        heard = turn.rows or turn.touched or turn.acks or self.inbound.sightings
        worth = heard or claim or self._orphans or (sweep and self._has_running())
        if worth:
            self._stale = self.store.store(turn, claim=claim, sweep=sweep, orphans=self._orphans)
        self.inbound.settle(stored=True, sightings=self.store.sightings if worth else 0)
        self._orphans = False
        self._looked = moment if look else self._looked
        self._swept = moment if sweep else self._swept
        db.session.rollback()
        return turn

    def _after(self, turn: Turn, batch: list[Delivered]) -> None:
        """The turn is stored: acknowledge it and say what is to be said. Nothing here may bring the batch back."""
        try:
            mqtt.acknowledge(batch)
            for say in turn.says:
                self._say(say)
            if batch:
                self.dialogue.settle()
            for ear in turn.touched.values():
                self.registry.plan(ear)
        except Exception as error:  # what was not acknowledged comes again and is known then
            log.error("saying failed", error=_brief(error), kind=type(error).__name__)
        self.stored += len(batch)

    def _let_pass(self, turn: Turn) -> None:
        """Run the timers that have come, unless older messages still wait or have just begun to flow in again."""
        if time.monotonic() - self._up_since < self._settle_s or not self._telemetry[0].connected.is_set():
            return
        until = min(turn.now, self.inbox.oldest(turn.now))
        for ear in self.registry.due(until):
            turn.let_pass(ear, until)

    def _undo(self) -> None:
        """The transaction failed: forget what was only in memory, and read it again when it is needed."""
        db.session.rollback()
        self.inbound.settle(stored=False)
        self.store.undo()
        self.registry.lose_all()

    def _one_by_one(self, batch: list[Delivered], *, last: bool) -> bool:
        """Something in this batch cannot be stored: find it, keep it aside, and store the others."""
        if len(batch) > 1:
            middle = len(batch) // 2
            return self._turn(batch[:middle], last=last) and self._turn(batch[middle:], last=last)
        if not batch:
            self._stopping.wait(1.0)  # it was a timer or a request, not a message: do not turn in circles
            return True
        turn = Turn(self._clock())
        for delivered in batch:
            self.inbound.set_aside(turn, delivered)
        try:
            self.store.store(turn)
        except Exception as error:
            self._undo()
            if not _is_of_the_message(error):
                return False
            log.error("a message cannot even be kept", error=_brief(error))
        mqtt.acknowledge(batch)
        return True

    def _refuse_taps(self, seconds: float) -> list[Delivered]:
        """Wait, and meanwhile say no to whoever taps; gives the messages taken, for they must be stored later."""
        taken: list[Delivered] = []
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            for delivered in self.inbox.take_urgent(left):
                taken.append(delivered)
                self._refuse(delivered.message)
        return taken

    def _refuse(self, message: Message) -> None:
        if not message.topic.endswith("/up/tap"):
            return
        for ear in self.registry.remembered(MAIN, message.topic):
            say = self.dialogue.refuse(ear, message)
            if say is not None:
                self._say(say)

    def _say(self, say: Say) -> None:
        self._dialogue_link.publish(say.topic, say.payload, say.qos, retain=say.retain, expiry_s=say.expiry_s)

    def _patience(self) -> float:
        """How long the worker may sleep if nothing arrives."""
        due = self.registry.next_due()
        return LOOK_S if due is None else min(LOOK_S, max(0.01, due - self._clock()))

    def _has_running(self) -> bool:
        return any(ear.running is not None for ear in self.registry.ears())

    def _persevere(self, attempt: Callable[[], None]) -> None:
        """Try until the database answers; anything else than its absence is raised."""
        wait = RETRY_S[0]
        while not self._stopping.is_set():
            try:
                attempt()
                return
            except Exception as error:
                db.session.rollback()
                if _is_of_the_message(error):
                    raise
                log.warning("waiting for the database", error=_brief(error))
                self._stopping.wait(wait)
                wait = min(wait * 2, RETRY_S[1])


def _is_of_the_message(error: Exception) -> bool:
    """False for a database that is away, locked or full: then waiting helps. True for everything else."""
    return not isinstance(error, DBAPIError) or isinstance(error, DataError | IntegrityError)


def _brief(error: Exception) -> str:
    """The reason without the values of the statement, which may hold what people should not read in a log."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).splitlines()[0][:200] if str(cause) else type(error).__name__


def _status(on: bool, since: float, why: str | None = None) -> bytes:
    told = {"v": 1, "on": on} | ({"since": int(since)} if on else {"why": why})
    return mqtt.compact(told)
