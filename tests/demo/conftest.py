"""A seeded demo lab, on both databases."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from fablab.core.config import Config
from fablab.demo import service

NOW = datetime(2026, 3, 4, 13, 7, 21, tzinfo=UTC)


@pytest.fixture
def seeded(app: Flask, config: Config) -> service.Demo:
    """The lab that the seed 1 makes on a Wednesday afternoon."""
    return service.seed(config, 1, NOW, password_hash="hash", pace=10)
