"""The dialects that Fablab understands: one module each, listed here by hand. To add one, see docs/devices.md."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fablab.devices.readings import Message, Reading, Sighting
from firmware_bridge.decoders import fablab_v1, moonraker, octoprint, tasmota


class Decoder(Protocol):
    """What a dialect's module offers. All of it is pure; a decoder's state is a JSON-able dict, `{}` at first."""

    @property
    def NAME(self) -> str:
        """The dialect's name, as devices are configured with it."""

    @property
    def DISCOVERY(self) -> tuple[str, ...]:
        """MQTT filters whose messages give unknown devices away."""

    def topics(self, options: Mapping[str, Any]) -> list[str]:
        """MQTT filters of all that one adopted device says."""

    def commands(self, options: Mapping[str, Any]) -> list[str]:
        """MQTT filters of what Fablab itself says to it and the decoder wants to know (`outbound` messages)."""

    def recognise(self, message: Message) -> Sighting | None:
        """The device that this message gives away, if any."""

    def scrub(self, message: Message, options: Mapping[str, Any], cloak: Callable[[str], str]) -> Message:
        """The message with every card number replaced by `cloak(canonical number)` and without secrets. What it gives
        is journalled and decoded, so live and replay hear the same. The same message where there is nothing to hide."""

    def decode(
        self, state: dict[str, Any], message: Message, options: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Reading]]:
        """The new state and what the message says, in order. Never raises; never changes `state` itself."""


DECODERS: tuple[Decoder, ...] = (octoprint, moonraker, tasmota, fablab_v1)
BY_NAME: dict[str, Decoder] = {decoder.NAME: decoder for decoder in DECODERS}
