"""Programs in tests: a client that carries a bearer token of somebody."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from fablab.core.actor import Role, system
from fablab.people import tokens
from fablab.people.models import Person
from tests.factories import NOW


class Program:
    """Calls the API as a person; paths are below /api/v1."""

    def __init__(self, app: Flask, person: Person, *scopes: str) -> None:
        self._client = app.test_client()
        usual = "book" if person.role is Role.MAKER else "manage"
        _, secret = tokens.create(system("cli"), person.id, "test", scopes or (usual,), None, NOW)
        self._headers = {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """The answer to a request with a JSON body."""
        return self._client.open("/api/v1" + path, method=method, json=body, headers=self._headers | headers)

    def get(self, path: str) -> TestResponse:
        """The answer to a GET."""
        return self.ask("GET", path)
