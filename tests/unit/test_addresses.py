"""Where commands find a fleet: in its folder, or else in the environment."""

import socket
from pathlib import Path
from typing import Any

import pytest

from fleet import addresses
from fleet.addresses import Service
from shared.errors import ConfigurationError
from tests.unit.local_addresses import LOCAL

ENVIRONMENT = {
    "RABBITMQ_URL": "amqp://operations:pa55word@rabbitmq:5672/",
    "RABBITMQ_MANAGEMENT_URL": "http://operations:pa55word@rabbitmq:15672",
    "REDIS_URL": "redis://:pa55word@redis:6379/0",
    "ACCOUNTS_URL": "postgresql://farelark:pa55word@accounts/accounts",
    "SHARD_URLS": "postgresql://farelark:pa55word@shard0/shard0, postgresql://farelark:pa55word@shard1/shard1",
}


@pytest.fixture(autouse=True)
def no_fleet_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENVIRONMENT, "OPS_TARGETS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet whose addresses are in the environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def name_service(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each name stands for; others are unknown."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, *_: object, **__: object) -> list[Any]:
        if host not in known:
            raise socket.gaierror(host)
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in known[host]]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, 0))
            for family, address in zip(families, known[host], strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def test_what_was_written_is_read_and_only_its_owner_can(tmp_path: Path) -> None:
    LOCAL.write(tmp_path)
    assert addresses.read(tmp_path) == LOCAL
    assert (tmp_path / "fleet.json").stat().st_mode & 0o077 == 0
    assert [process.name for process in LOCAL.processes] == ["notifier", "operations"]


@pytest.mark.usefixtures("elsewhere")
def test_a_fleet_in_the_folder_goes_before_one_in_the_environment(tmp_path: Path) -> None:
    LOCAL.write(tmp_path)
    assert addresses.read(tmp_path) == LOCAL
    addresses.forget(tmp_path)
    assert addresses.read(tmp_path).amqp == ENVIRONMENT["RABBITMQ_URL"]


@pytest.mark.usefixtures("elsewhere")
def test_one_elsewhere_has_no_processes_here() -> None:
    at = addresses.from_environment()
    assert (at.pid, at.services, at.operations) == (0, [], None)
    assert [url.rpartition("/")[2] for url in at.shards] == ["shard0", "shard1"]


def test_without_either_both_ways_are_told_and_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", ENVIRONMENT["REDIS_URL"])
    with pytest.raises(ConfigurationError) as refused:
        addresses.read(tmp_path)
    told = str(refused.value)
    assert told.startswith(f"no fleet runs in {tmp_path}: start one with `./farelark up`, or name its folder")
    for name in ENVIRONMENT.keys() - {"REDIS_URL"}:
        assert name in told
    assert "pa55word" not in told


@pytest.mark.usefixtures("elsewhere")
def test_a_name_stands_for_all_processes_behind_it_at_the_moment(
    monkeypatch: pytest.MonkeyPatch, name_service: dict[str, list[str]]
) -> None:
    monkeypatch.setenv("OPS_TARGETS", "price_worker=http://price-worker-ops:9100,alerts_api=http://alerts-api-ops:8000")
    name_service |= {"price-worker-ops": ["10.0.0.9", "10.0.0.8"], "alerts-api-ops": ["fd00::7"]}
    assert addresses.from_environment().services == [
        Service("price_worker", 0, "http://10.0.0.8:9100"),
        Service("price_worker", 0, "http://10.0.0.9:9100"),
        Service("alerts_api", 0, "http://[fd00::7]:8000"),
    ]
    name_service["price-worker-ops"] = ["10.0.0.8"]
    assert len(addresses.from_environment().services) == 2


@pytest.mark.usefixtures("elsewhere", "name_service")
def test_a_service_without_any_process_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A headless Service without pods has no address."""
    monkeypatch.setenv("OPS_TARGETS", "notifier=http://notifier-ops:9100")
    assert addresses.from_environment().services == [Service("notifier", 0, "http://notifier-ops:9100")]


@pytest.mark.usefixtures("elsewhere", "name_service")
@pytest.mark.parametrize(
    "target", ["notifier", "http://notifier-ops:9100", "notifier=notifier-ops:9100", "n=http://a:b", "n=http://[a"]
)
def test_a_target_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("OPS_TARGETS", target)
    with pytest.raises(ConfigurationError, match=r"OPS_TARGETS: .* is not SERVICE=http://host:port"):
        addresses.from_environment()
