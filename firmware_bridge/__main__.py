"""`python -m firmware_bridge [--config FILE]`: the bridge alone, as `fablab bridge`."""

import argparse
import sys
from pathlib import Path

from fablab.core.config import ConfigError, load_config
from fablab.core.errors import FablabError
from firmware_bridge.cli import serve


def main() -> None:
    """Run the bridge; every failure is one sentence on stderr, exit 1."""
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge", description=__doc__)
    parser.add_argument("--config", type=Path, help="configuration file (default ./config.toml)")
    options = parser.parse_args()
    try:
        serve(load_config(options.config))
    except (FablabError, ConfigError) as error:
        sys.exit(f"fablab: {error}")


if __name__ == "__main__":
    main()
