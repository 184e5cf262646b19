"""Fablab as gunicorn starts it for measuring, on the configuration file of BENCH_CONFIG."""

import os
from pathlib import Path

from flask import Flask

from fablab.app import create_app
from fablab.core.config import load_config


def create() -> Flask:
    """The whole application."""
    return create_app(load_config(Path(os.environ["BENCH_CONFIG"])))
