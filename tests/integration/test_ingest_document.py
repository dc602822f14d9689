"""schemathesis against the gateway's OpenAPI document: whatever it thinks of is answered as documented."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from litestar.testing import TestClient
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from tests.open_door import KEY, OpenDoor

SENT = settings(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
CONFIGURATION = {
    "checks": {
        # Whether a cycle is the key's own, and a string an Arrow stream, no schema says.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "403"]},
        # A fare that makes no sense is set aside in a receipt, and is no reason to refuse the others.
        "negative_data_rejection": {"expected-statuses": ["202", "400", "401", "403", "413", "415"]},
    }
}
Operation = schemathesis.APIOperation[Any, Any, Any, Any]


def operations() -> dict[str, Operation]:
    config = schemathesis.Config.from_dict(CONFIGURATION)
    document = schemathesis.openapi.from_asgi("/schema/openapi.json", OpenDoor().app, config=config)
    found = [result.ok() for result in document.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


OPERATIONS = operations()


def test_the_document_has_what_there_is_for_producers_and_balancers() -> None:
    assert set(OPERATIONS) == {"POST /v1/fares", "GET /health/live", "GET /health/ready"}


def test_every_schema_that_is_named_is_there() -> None:
    with TestClient(OpenDoor().app) as client:
        document = client.get("/schema/openapi.json")
    named = set(re.findall(r'"#/components/schemas/(\w+)"', document.text))
    assert {"Fare", "Receipt", "Problem"} <= named <= set(document.json()["components"]["schemas"])


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_push_is_answered_as_documented(mode: GenerationMode) -> None:
    @SENT
    @given(case=OPERATIONS["POST /v1/fares"].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # One that lacks its key, or has something else in its place, is left like that.
        good = mode is GenerationMode.POSITIVE or "Authorization" in (case.headers or {})
        case.call_and_validate(headers=KEY if good else None)

    check()
