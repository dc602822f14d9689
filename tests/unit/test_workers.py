"""The processes of a local fleet: how many, where they answer, and as whom they come to the broker."""

from collections.abc import Mapping
from itertools import count, islice
from urllib.parse import urlsplit

import pytest

from fleet.backends import Backends
from fleet.supervision import Worker
from fleet.workers import SERVICES, only, service_workers
from shared.broker_users import ACCESSES, users


@pytest.fixture(autouse=True)
def numbered_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports from 1 on, which nobody opens."""
    ports = count(1)
    monkeypatch.setattr("fleet.workers.free_ports", lambda number: list(islice(ports, number)))


def workers(scale: Mapping[str, int]) -> dict[str, Worker]:
    backends = Backends(
        amqp="amqp://admin:secret@127.0.0.1:5672/",
        amqp_management="",
        amqp_tick_interval=1,
        amqp_passwords={user.name: user.name for user in users()},
        redis="",
        accounts="",
        shards=[],
    )
    return {worker.name: worker for worker in service_workers(backends, {}, scale)}


def test_every_service_runs_once_unless_the_scale_names_it() -> None:
    assert list(workers({})) == list(SERVICES)
    assert {access.service for access in ACCESSES} == set(SERVICES)
    scaled = workers(dict.fromkeys(SERVICES, 0) | {"price_worker": 2})
    assert list(scaled) == ["price_worker-1", "price_worker-2"]
    assert scaled["price_worker-2"].argv[-2:] == ["-m", "services.price_worker"]


def test_a_fleet_of_some_services_has_none_of_the_others() -> None:
    assert list(workers(only("ingest_gateway", "price_worker"))) == ["price_worker", "ingest_gateway"]


def test_who_answers_requests_is_asked_there_whether_it_is_ready() -> None:
    running = workers({})
    serving = {name: worker for name, worker in running.items() if worker.serves}
    assert serving.keys() == {"ingest_gateway", "alerts_api"}
    for worker, setting in ((serving["ingest_gateway"], "INGEST_PORT"), (serving["alerts_api"], "API_PORT")):
        assert str(urlsplit(worker.serves).port) == worker.environment[setting]
    for name in running.keys() - {"alerts_api"}:
        assert str(urlsplit(running[name].ops).port) == running[name].environment["OPS_PORT"]
    assert running["alerts_api"].ops == running["alerts_api"].serves


def test_each_process_has_ports_and_a_broker_user_of_its_own() -> None:
    running = workers({"notifier": 3})
    ports = [worker.environment[port] for worker in running.values() for port in ("OPS_PORT", "API_PORT")]
    assert len(ports) == len(set(ports))
    comes_as = {name: urlsplit(worker.environment["RABBITMQ_URL"]).username for name, worker in running.items()}
    assert comes_as == {name: name.partition("-")[0] for name in running}
