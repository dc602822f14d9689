"""`./farelark topology` as a person or a Job runs it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from fleet.commands import app
from fleet.topology.definitions import definitions
from fleet.topology.kubernetes import as_yaml
from shared.topology import EXCHANGES, FARES_INGEST, WORK_QUEUES, policies
from tests.integration.fleet_on_file import WITHOUT_SERVERS
from tests.private_servers import Servers

ALL = {
    "queues": [name for queue in WORK_QUEUES for name in queue.all_names],
    "exchanges": [exchange.name for exchange in EXCHANGES],
    "policies": [policy.name for policy in policies()],
}
NOTHING: dict[str, list[str]] = {"queues": [], "exchanges": [], "policies": []}


@pytest.fixture(autouse=True)
def no_servers_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL"):
        monkeypatch.delenv(name, raising=False)


class Host:
    """A virtual host of the run's broker in which nothing is, seen through the management API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        # Never the same again: queues of a host that is gone take their time to go.
        self.name = f"fresh-{token_hex(4)}"
        self._do("PUT", f"vhosts/{self.name}")
        self._do("PUT", f"permissions/{self.name}/farelark", {"configure": ".*", "write": ".*", "read": ".*"})

    def put(self, kind: str, name: str, body: dict[str, Any]) -> None:
        self._do("PUT", f"{kind}/{self.name}/{name}", body)

    def remove(self, kind: str, name: str) -> None:
        self._do("DELETE", f"{kind}/{self.name}/{name}")

    def bindings_of(self, exchange: str) -> list[str]:
        """The queues that it leads to."""
        bindings = self._do("GET", f"exchanges/{self.name}/{exchange}/bindings/source").json()
        return [binding["destination"] for binding in bindings]

    def publish(self, queue: str, body: str) -> None:
        message = {"properties": {}, "routing_key": queue, "payload": body, "payload_encoding": "string"}
        assert self._do("POST", f"exchanges/{self.name}/amq.default/publish", message).json() == {"routed": True}

    def messages_in(self, queue: str) -> list[str]:
        wanted = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
        return [each["payload"] for each in self._do("POST", f"queues/{self.name}/{queue}/get", wanted).json()]

    def delete(self) -> None:
        self._do("DELETE", f"vhosts/{self.name}")

    def _do(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._client.request(method, f"/api/{path}", json=body).raise_for_status()


@pytest.fixture
def host(servers: Servers) -> Iterator[Host]:
    with httpx.Client(base_url=servers.rabbitmq.management_url, timeout=60) as client:
        host = Host(client)
        yield host
        host.delete()


@pytest.fixture
def data(servers: Servers, host: Host, tmp_path: Path) -> Path:
    """The data folder of a fleet whose broker is this virtual host."""
    amqp, management = servers.rabbitmq.amqp_url + host.name, servers.rabbitmq.management_url
    replace(WITHOUT_SERVERS, amqp=amqp, amqp_management=management).write(tmp_path)
    return tmp_path


def topology(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["topology", *map(str, arguments)])


def applied(data: Path) -> Any:  # noqa: ANN401  # JSON
    result = topology("apply", "--json", "--data", data)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_applying_makes_what_is_missing_sets_what_has_changed_and_says_so(host: Host, data: Path) -> None:
    assert applied(data) == ALL
    assert applied(data) == NOTHING
    assert topology("apply", "--data", data).stdout.splitlines() == [
        "queues made: none, all are there",
        "exchanges made: none, all are there",
        "policies set: none, all are there",
    ]

    host.put("policies", "fares.ingest", {"pattern": "^fares.ingest$", "definition": {"max-length": 1}})
    host.remove("exchanges", "changes")
    assert applied(data) == NOTHING | {"exchanges": ["changes"], "policies": ["fares.ingest"]}
    assert host.bindings_of("changes") == ["changes.alerts", "changes.history"]


def test_applying_removes_nothing_and_leaves_what_is_not_ours_alone(host: Host, data: Path) -> None:
    host.put("queues", "theirs", {"durable": True})
    applied(data)
    for queue in ("theirs", FARES_INGEST.name):
        host.publish(queue, "kept")
    applied(data)
    for queue in ("theirs", FARES_INGEST.name):
        assert host.messages_in(queue) == ["kept"]


def test_a_queue_of_another_kind_is_an_error_that_names_it(host: Host, data: Path) -> None:
    host.put("queues", FARES_INGEST.name, {"durable": True})
    result = topology("apply", "--data", data)
    assert result.exit_code == 1
    assert f"/api/queues/{host.name}/fares.ingest answered 400: inequivalent arg 'x-queue-type'" in result.output


def test_without_a_fleet_the_environment_names_the_broker(
    host: Host, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a Job, which knows of no other server."""
    monkeypatch.setenv("RABBITMQ_MANAGEMENT_URL", servers.rabbitmq.management_url)
    monkeypatch.setenv("RABBITMQ_URL", f"amqp://rabbitmq/{host.name}")
    assert applied(tmp_path) == ALL


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://user:hunter2@127.0.0.1:1", "not applied at 127.0.0.1:1: rabbitmq management is unavailable"),
        ("", "RABBITMQ_MANAGEMENT_URL=http://user:password@host:15672"),
    ],
)
def test_a_broker_that_is_away_or_not_named_is_said_in_one_sentence_with_what_to_do(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_MANAGEMENT_URL", url)
    result = topology("apply", "--data", tmp_path)
    assert result.exit_code == 1
    assert said in result.output
    assert "hunter2" not in result.output
    assert len(result.output.splitlines()) == 1


def test_definitions_are_printed_as_json_and_hold_no_users() -> None:
    assert json.loads(topology("definitions").stdout) == definitions({})


def test_the_operators_objects_are_printed_as_they_are_committed() -> None:
    assert topology("kubernetes").stdout == as_yaml()
