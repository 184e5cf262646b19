"""Figures as people of each language read them."""

import pytest
from flask import Flask
from flask_babel import force_locale

from fablab.core.app import create_core_app
from fablab.web import names
from tests.conftest import make_config


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Figures need no database: one app for all."""
    return create_core_app(make_config(tmp_path_factory.mktemp("names")))


@pytest.mark.parametrize(
    ("language", "wh", "expected"),
    [
        ("en", 0, "0 Wh"),
        ("en", 999.4, "999 Wh"),
        ("en", 1000, "1 kWh"),
        ("en", 121_432, "121.4 kWh"),
        ("fr", 121_432, "121,4 kWh"),
        ("bg", 121_432, "121,4 kWh"),
    ],
)
def test_energy(app: Flask, language: str, wh: float, expected: str) -> None:
    with app.test_request_context(), force_locale(language):
        assert names.energy(wh) == expected


@pytest.mark.parametrize(
    ("language", "power", "expected"),
    [("en", 0.42, "0.4 W"), ("en", 245.3, "245 W"), ("en", 1250, "1.25 kW"), ("fr", 1250, "1,25 kW")],
)
def test_power(app: Flask, language: str, power: float, expected: str) -> None:
    with app.test_request_context(), force_locale(language):
        assert names.watts(power) == expected
