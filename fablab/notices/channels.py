"""Other channels than mail, through Apprise: which address is one, and sending to it. Addresses are never logged."""

import logging

import apprise

from fablab.core.mail import NotSent
from fablab.core.words import config
from fablab.notices import guard, rules

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines would show addresses

CONNECT_S = 5.0
READ_S = 15.0


def is_readable(url: str) -> bool:
    """True when Apprise makes a channel of this address."""
    return _channel(url) is not None


def send(url: str, title: str, body: str, *, trusted: bool = False) -> None:
    """One message to one channel. `trusted` addresses, those of the configuration, lead anywhere. Raises NotSent."""
    channel = _channel(url)
    if channel is None:
        raise NotSent("the address cannot be read", final=True)
    if trusted:
        _send(channel, title, body)
        return
    hosts = frozenset(config().notifications.allowed_hosts)
    if rules.address_fault(url, hosts):
        raise NotSent("the address is not allowed", final=True)
    channel.redirects = False
    channel.verify_certificate = True
    with guard.only_public(hosts):
        _send(channel, title, body)


def _send(channel: apprise.NotifyBase, title: str, body: str) -> None:
    sender = apprise.Apprise(asset=channel.asset)
    sender.add(channel)
    result = sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    if not result:
        raise NotSent(f"{channel.service_name} did not take it ({result.status.name.lower()})")


def _channel(url: str) -> apprise.NotifyBase | None:
    asset = apprise.AppriseAsset(
        app_id="Fablab",
        app_desc=config().lab.name,
        async_mode=False,
        http_redirects=False,
        interpret_emojis=False,
        interpret_escapes=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    made = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not isinstance(made, apprise.NotifyBase):
        return None
    made.socket_connect_timeout = CONNECT_S
    made.socket_read_timeout = READ_S
    return made
