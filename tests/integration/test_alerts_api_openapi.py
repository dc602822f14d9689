"""The OpenAPI document that the API serves, and the page to browse it with."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # a folder of files

from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.app import utc_now
from tests.integration.running_api import RunningApi, running_api, settings_for

NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"
Operation = dict[str, Any]


def headers_with_a_good_token(api: RunningApi) -> dict[str, str]:
    tokens = AccessTokens(TokenKeys(api.settings.jwt_keys, utc_now))
    return {"Authorization": f"Bearer {tokens.issue(uuid4(), utc_now())}"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API in production; the document needs no databases."""
    with running_api(settings_for(NOWHERE, [NOWHERE], tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture(scope="module")
def at_a_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API in development."""
    folder = tmp_path_factory.mktemp("api")
    with running_api(settings_for(NOWHERE, [NOWHERE], folder, environment="development")) as api:
        yield api


@pytest.fixture(scope="module")
def operations(api: RunningApi) -> dict[str, Operation]:
    """Every operation by its method and path."""
    paths = api.client.get("/schema/openapi.json").json()["paths"]
    return {f"{method} {path}": operation for path, item in paths.items() for method, operation in item.items()}


def test_every_operation_has_a_heading_a_name_and_a_sentence(operations: dict[str, Operation]) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert all(name.isidentifier() for name in names)
    assert len(set(names)) == len(names)
    assert [where for where, operation in operations.items() if len(operation["tags"]) != 1] == []
    assert [where for where, operation in operations.items() if " " not in operation["summary"]] == []


def test_every_body_has_an_example_that_the_api_would_take(api: RunningApi) -> None:
    handlers = [handler for handler in handlers_of(api.client.app) if handler.parsed_data_field]
    assert handlers
    for handler in handlers:
        field = handler.parsed_data_field
        assert field
        assert isinstance(field.kwarg_definition, BodyKwarg), handler.handler_name
        assert field.kwarg_definition.examples, handler.handler_name
        for example in field.kwarg_definition.examples:
            msgspec.convert(example.value, field.annotation, str_keys=True)


def handlers_of(app: Litestar) -> list[HTTPRouteHandler]:
    routes = [route for route in app.routes if hasattr(route, "route_handlers")]
    return [handler for route in routes for handler in route.route_handlers]


def test_what_stands_in_front_of_the_handlers_is_documented(operations: dict[str, Operation]) -> None:
    for where, operation in operations.items():
        documented = set(operation["responses"])
        assert operation.get("security", [{"bearer": []}]) == [{"bearer": []}]
        if operation.get("security"):
            assert documented >= {"400", "401", "429", "503"}, where
        if operation.get("requestBody"):
            assert documented >= {"400", "413", "415"}, where
        if "/health/" not in where:
            assert "429" in documented, where


def test_what_is_documented_to_want_a_token_wants_one_and_nothing_else_does(
    api: RunningApi, operations: dict[str, Operation]
) -> None:
    for where, operation in operations.items():
        method, path = where.split(" ")
        answer = api.client.request(method, re.sub(r"\{.*?\}", str(uuid4()), path), json={})
        challenged = "WWW-Authenticate" in answer.headers
        assert challenged == bool(operation.get("security")), where


def test_every_refusal_is_documented_as_a_problem(operations: dict[str, Operation]) -> None:
    for where, operation in operations.items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (where, status)
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema["$ref"].endswith("/Problem"), (where, status)


def test_the_document_says_what_bodies_are_refused_for(api: RunningApi) -> None:
    schemas = api.client.get("/schema/openapi.json").json()["components"]["schemas"]
    wish = schemas["AlertRequest"]
    assert wish["additionalProperties"] is False
    airport, some_airports = wish["properties"]["origin"]["anyOf"]
    assert airport["pattern"] == some_airports["items"]["pattern"] == "^[A-Z]{3}$"
    assert some_airports["maxItems"] == 10
    assert "    " not in wish["description"]


def test_every_schema_that_is_named_is_there(api: RunningApi) -> None:
    document = api.client.get("/schema/openapi.json")
    named = set(re.findall(r'"#/components/schemas/(\w+)"', document.text))
    assert named <= set(document.json()["components"]["schemas"])


@pytest.mark.parametrize("path", ["/api/alerts", f"/api/alerts/{UUID(int=7)}", "/api/auth/login"])
def test_options_tells_of_all_methods_of_a_path(api: RunningApi, path: str) -> None:
    allowed = api.client.options(path, headers=headers_with_a_good_token(api)).headers["Allow"]
    assert set(allowed.split(", ")) == set(api.client.request("TRACE", path).headers["Allow"].split(", "))


def test_in_production_there_is_the_document_and_no_page(api: RunningApi) -> None:
    assert api.client.get("/schema").json() == api.client.get("/schema/openapi.json").json()
    assert api.client.get("/schema/begin.js").status_code == 404
    assert api.client.get("/schema/ui/swagger-ui-bundle.js").status_code == 404


def test_in_development_there_is_a_page_that_loads_nothing_from_elsewhere(at_a_desk: RunningApi) -> None:
    page = at_a_desk.client.get("/schema")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    kinds = {path: at_a_desk.client.get(path).headers["Content-Type"].partition(";")[0] for path in loaded}
    assert kinds == {
        "/schema/ui/favicon-32x32.png": "image/png",
        "/schema/ui/swagger-ui.css": "text/css",
        "/schema/ui/swagger-ui-bundle.js": "text/javascript",
        "/schema/begin.js": "text/javascript",
    }
    assert '"/schema/openapi.json"' in at_a_desk.client.get("/schema/begin.js").text
    assert at_a_desk.client.get("/schema/openapi.json").json()["openapi"].startswith("3.1")


def test_browsers_let_the_page_load_and_ask_nothing_else(at_a_desk: RunningApi) -> None:
    page = at_a_desk.client.get("/schema")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script>|<style|style=|onload=", page.text)


def test_the_page_can_read_our_version_of_openapi() -> None:
    """Swagger UI before 5 refuses 3.1."""
    assert b"isOAS31" in (swagger_ui_path / "swagger-ui-bundle.js").read_bytes()
