"""Commands that start things: `fablab up`, `web`, `jobs` and `demo`."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import click

from fablab.core.config import Config

Load = Callable[[], Config]


@click.command()
@click.pass_context
def up(context: click.Context) -> None:
    """Run the whole lab: pages, bridge, jobs and, where configured, the embedded broker. Ctrl-C ends it."""
    from fablab.run import lab, web

    config: Config = context.obj()
    web.require_port(config)
    code = lab.prepare(config)
    file = context.find_root().params.get("file")
    lines = [f"{config.lab.name} is at {web.address(config)}"]
    if code is not None:
        lines.append(f"It has no administrator yet: open {web.address(config)}/set-up and type the code {code}")
    sys.exit(lab.run(config, file, announce=lambda: click.echo("\n  " + "\n  ".join(lines) + "\n")))


@click.command("web")
@click.pass_obj
def web_command(load: Load) -> None:
    """Serve the pages and the API alone."""
    from fablab.run import web

    web.serve(load())


@click.command()
@click.pass_obj
def jobs(load: Load) -> None:
    """Run what is on the timetable alone; of several such processes one works, the others wait."""
    from fablab.app import create_app
    from fablab.run import scheduler

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler.run(create_app(load()), stop)


@click.command()
@click.option("--speed", default=10.0, show_default=True, type=click.FloatRange(1, 200), help="How fast stories pass.")
@click.option("--seed", default=1, show_default=True, help="Another number invents another lab.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Or the next free one.")
def demo(speed: float, seed: int, host: str, port: int) -> None:
    """Try a lab with invented people and simulated devices, in a throw-away folder."""
    from fablab.core import clock, ports
    from fablab.run import demo as demos
    from fablab.run import lab

    with tempfile.TemporaryDirectory(prefix="fablab-demo-") as folder:
        where = (host, ports.first_free(host, port))
        made = demos.build(Path(folder), seed, speed, clock.now(), where, lambda step: click.echo(f"  {step} …"))
        click.echo("  starting broker, bridge, jobs, pages and devices …")
        status = lab.run(made.config, made.file, plan=made.plan, announce=lambda: click.echo(demos.welcome(made)))
    sys.exit(status)


COMMANDS = (up, web_command, jobs, demo)
