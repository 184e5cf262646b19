"""The web process: gunicorn with threads, as measured in docs/decisions/0009-demo-and-processes.md.

A live page takes a thread for as long as it is open, so there are many. On SIGTERM a flag is set that ends the live
pages at once; other requests get five seconds to finish.
"""

from __future__ import annotations

import gc
import signal
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from fablab.app import create_app
from fablab.core import ports, schema
from fablab.core.config import Config
from fablab.core.db import db
from fablab.core.errors import FablabError
from fablab.web import stopping

GRACE_S = 5


class PortInUse(FablabError):
    """Somebody else listens where the lab's pages should be."""


class Server(BaseApplication):
    """Gunicorn, configured by the lab's own configuration alone."""

    def __init__(self, app: Flask, config: Config) -> None:
        self._app = app
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        """The settings; nothing is read from the environment or from files."""
        web = self._config.web
        settings: dict[str, Any] = {
            "bind": f"[{web.host}]:{web.port}" if ":" in web.host else f"{web.host}:{web.port}",
            "worker_class": "gthread",
            "workers": web.processes,
            "threads": web.threads,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            "keepalive": 15,
            "control_socket_disable": True,
            "accesslog": None,
            "loglevel": "warning",
            "proc_name": "fablab web",
            "post_worker_init": _end_live_pages_on_signals,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made before the workers were forked."""
        return self._app


def serve(config: Config) -> None:
    """Serve until stopped. Raises PortInUse, SchemaError or ConfigError before anything is served."""
    require_port(config)
    app = create_app(config)
    with app.app_context():
        schema.check()
        db.engine.dispose()
    gc.collect()
    gc.freeze()  # what is loaded by now stays shared between this process and its workers
    Server(app, config).run()


def require_port(config: Config) -> None:
    """Raises PortInUse unless the lab's pages can be served on the configured port."""
    if not ports.is_free(config.web.host, config.web.port):
        raise PortInUse(
            f"port {config.web.port} of {config.web.host} is in use;"
            " stop the program that has it, or choose another with web.port"
        )


def address(config: Config) -> str:
    """Where a browser on this machine finds the lab."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.web.host, config.web.host)
    return f"http://{host}:{config.web.port}"


def _end_live_pages_on_signals(_worker: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _flag_first(signal.getsignal(number)))


def _flag_first(before: Any) -> Any:
    def handle(number: int, frame: FrameType | None) -> None:
        stopping.FLAG.set()
        if callable(before):
            before(number, frame)

    return handle
