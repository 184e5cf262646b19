"""`python -m firmware_bridge.simulate PLAN.json --broker FOLDER`: a plan of devices on a lab's embedded broker."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

from firmware_bridge import broker as embedded
from firmware_bridge.simulate import plan
from firmware_bridge.simulate.runner import Broker, Runner, await_server

SERVER_WAIT_S = 20.0
"""So long the devices wait for the bridge: what they say before is heard by nobody."""
SETTLE_S = 0.5
"""The bridge's other connections come up in this time."""


def main() -> None:
    """Play until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge.simulate", description=__doc__)
    parser.add_argument("plan", type=Path, help="which devices to play")
    parser.add_argument("--broker", type=Path, required=True, help="folder of the embedded broker")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        devices = plan.read(options.plan)
        told = embedded.read(options.broker)
        embedded.wait_ready(told)
    except (plan.PlanError, embedded.BrokerError) as error:
        sys.exit(f"fablab: {error}")
    broker = Broker(embedded.HOST, told.port, embedded.DEVICES, told.device_password)
    runner = Runner(devices, broker)
    signal.signal(signal.SIGTERM, runner.stop)
    signal.signal(signal.SIGINT, runner.stop)
    if await_server(broker, SERVER_WAIT_S, runner.stopping):
        time.sleep(SETTLE_S)
    logging.getLogger(__name__).info("%d simulated devices are on the broker", len(devices))
    runner.run()


if __name__ == "__main__":
    main()
