"""schemathesis against the served OpenAPI document: whatever it thinks of is answered as documented."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from tests.e2e.running_fleet import RunningFleet, Traveller

pytestmark = pytest.mark.timeout(600)

# Requests to each operation: so many valid ones, and so many others.
EXAMPLES = int(os.environ.get("FARELARK_SCHEMA_EXAMPLES", "12"))
SENT = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
# Dates may be in the past and tags stale, however well they are written.
CONFIGURATION = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "400", "401", "403", "404", "409", "412"]}
    }
}


def test_every_answer_is_one_that_is_documented(fleet_of_the_run: RunningFleet) -> None:
    where = f"{fleet_of_the_run.addresses.api}/schema/openapi.json"
    document = schemathesis.openapi.from_url(where, config=schemathesis.Config.from_dict(CONFIGURATION))
    traveller = fleet_of_the_run.traveller()
    operations = list(operations_of(document))
    assert len(operations) > 30
    faults = [fault for operation in operations for fault in faults_of(operation, traveller)]
    assert not faults, "\n\n".join(faults)


def operations_of(document: schemathesis.BaseSchema) -> Iterator[schemathesis.APIOperation[Any, Any, Any, Any]]:
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        yield result.ok()


def faults_of(operation: schemathesis.APIOperation[Any, Any, Any, Any], traveller: Traveller) -> Iterator[str]:
    """What is wrong with the answers to requests that are as documented, and to others."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        try:
            ask(operation, mode, traveller)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, f"{operation.label} can never be asked"
        except (Exception, FailureGroup) as error:  # noqa: BLE001  # all are shown at the end
            yield f"{operation.label} ({mode.name}): {type(error).__name__}: {error}"[:3_000]


def ask(operation: schemathesis.APIOperation[Any, Any, Any, Any], mode: GenerationMode, traveller: Traveller) -> None:
    """Send requests of one mode, the same ones in every run; a wrong answer is an error."""

    @SENT
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # One that lacks its token, or has something else in its place, is left like that.
        good = mode is GenerationMode.POSITIVE or "Authorization" in (case.headers or {})
        case.call_and_validate(headers=traveller.headers if good else None)

    check()
