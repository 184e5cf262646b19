"""The API's documentation is there for everybody, and says what the API is."""

from flask.testing import FlaskClient


def test_the_document_is_openapi_3_1_for_everybody(client: FlaskClient) -> None:
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["openapi"].startswith("3.1")
    assert "/api/v1/events" in response.json["paths"]


def test_the_page_reads_the_document_and_fetches_nothing_from_elsewhere(client: FlaskClient) -> None:
    response = client.get("/api/docs")
    assert response.status_code == 200
    assert 'data-spec="/api/v1/openapi.json"' in response.text
    assert "http://" not in response.text
    assert "https://" not in response.text
