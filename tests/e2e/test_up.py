"""A local fleet's life: it starts where it may, stops whole, and comes back after a crash."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis as Client

from fleet.servers import redis
from fleet.servers.children import children_in
from fleet.servers.redis import Redis
from shared.broker_users import ACCESSES
from tests.e2e.commands import finished, processes_below
from tests.e2e.running_fleet import RunningFleet, running_fleet

pytestmark = pytest.mark.timeout(300)
NOW = datetime.now(UTC)
DEPARTURE = (NOW + timedelta(30)).date()
BOARD = f"fares:JFK-LHR:{DEPARTURE}".encode()


@pytest.fixture
def fares(tmp_path: Path) -> Path:
    """A file with one fare."""
    file = tmp_path / "fares.csv"
    columns = "observed_at,origin,destination,departure_date,carrier,flight_number,currency,price"
    file.write_text(f"{columns}\n{NOW:%Y-%m-%dT%H:%M:%SZ},JFK,LHR,{DEPARTURE},BA,117,USD,321.00\n")
    return file


@pytest.fixture
def own_redis(server_programs: bool, tmp_path: Path) -> Iterator[Redis]:
    """A Redis that no fleet has started."""
    assert server_programs
    with children_in(tmp_path / "own", print) as children:
        server = redis.launch(children, tmp_path / "own" / "redis")
        children.wait_ready(server)
        yield server


def test_a_second_up_on_the_same_folder_is_refused_and_disturbs_nothing(fleet: RunningFleet) -> None:
    pids = fleet.status()["processes"]
    second = finished("up", "--data", fleet.folder, cwd=fleet.folder.parent)
    assert second.returncode == 1
    assert str(fleet.folder) in second.stderr
    assert str(fleet.process.pid) in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert fleet.status()["processes"] == pids


def test_every_service_comes_to_the_broker_as_its_own_user(fleet: RunningFleet) -> None:
    """A connection is named after the process that made it."""
    deadline = time.monotonic() + 15
    while len(users := users_by_service(fleet)) < len(ACCESSES):  # the broker lists a connection a little later
        assert time.monotonic() < deadline, users
        time.sleep(0.1)
    assert users == {access.service: {access.service} for access in ACCESSES}
    names = [path.name for path in (fleet.folder / "rabbitmq" / "users").iterdir() if path.stat().st_mode & 0o077]
    assert names == [], "others can read these passwords"


def users_by_service(fleet: RunningFleet) -> dict[str, set[str]]:
    """Who is connected to the broker, by service."""
    connections = fleet.client.get(f"{fleet.addresses.amqp_management}/api/connections").json()
    found: dict[str, set[str]] = {}
    for connection in connections:
        name = connection.get("client_properties", {}).get("connection_name", "")
        for service in (access.service for access in ACCESSES if name.startswith(access.service)):
            found.setdefault(service, set()).add(connection["user"])
    return found


def test_a_fleet_comes_back_after_kill_9_with_all_it_knew_and_none_of_its_old_processes(
    server_programs: bool, tmp_path: Path, fares: Path
) -> None:
    assert server_programs
    folder = tmp_path / "fleet"
    with running_fleet(folder) as crashing:
        traveller = crashing.traveller()
        crashing.replay(fares)
        crashing.drain()
        assert crashing.status()["ledger"]["changes"] == 1
        before = processes_below(folder)
        crashing.kill()
    with running_fleet(folder) as fleet:
        assert len(before) > len(fleet.addresses.services)
        assert set(before) & set(processes_below(folder)) == set()
        assert fleet.log_in(traveller)["user_id"] == traveller.id
        fleet.replay(fares)
        fleet.drain()
        assert fleet.status()["ledger"]["changes"] == 0, "the board has forgotten the fare"


def test_up_uses_a_redis_of_ones_own_and_stops_everything_but_that(
    tmp_path: Path, fares: Path, own_redis: Redis
) -> None:
    folder = tmp_path / "fleet"
    with running_fleet(folder, settings={"REDIS_URL": own_redis.url}) as fleet:
        assert fleet.addresses.redis == own_redis.url
        assert not (folder / "redis").exists()
        fleet.replay(fares)
        fleet.drain()
        running = processes_below(folder)
    assert running
    assert processes_below(folder) == []
    assert not (folder / "fleet.json").exists()
    with Client.from_url(own_redis.url) as client:
        assert client.keys("fares:*") == [BOARD]


def test_status_and_drain_say_the_same_in_json(fleet: RunningFleet) -> None:
    fleet.drain()
    status = fleet.status()
    assert {process["name"] for process in status["processes"]} == {
        "alert_worker",
        "alerts_api",
        "history_worker",
        "ingest_gateway",
        "notifier",
        "operations",
        "price_worker",
    }
    assert all(process["ready"] for process in status["processes"])
    assert {(depth["ready"], depth["in_hand"]) for depth in status["queues"].values()} == {(0, 0)}
    assert fleet.run("drain")["drained"] is True


@pytest.mark.parametrize("command", [["replay", "fares.csv"], ["drain"], ["status"]])
def test_without_a_fleet_a_command_says_how_to_start_one(command: list[str], tmp_path: Path, fares: Path) -> None:
    assert fares.name == "fares.csv"
    done = finished(*command, "--data", tmp_path / "none", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"farelark: no fleet runs in {tmp_path / 'none'}: "
        "start one with `./farelark up`, or name its folder with --data; for one that runs elsewhere, "
    )
    assert "RABBITMQ_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing.csv", None, "there is no such file"),
        ("empty.csv", b"", "the file is empty"),
        ("picture.png", b"\x89PNG", "the name must end in one of"),
        ("picture.csv", b"\x89PNG\r\n\xff\xfe", "is not UTF-8"),
        ("people.csv", b"name,age\nAda,36\n", "no column origin"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00", "cut short or damaged"),
    ],
)
def test_what_is_no_file_of_fares_is_refused_in_one_sentence(
    fleet: RunningFleet, tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = finished("replay", path, "--data", fleet.folder, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"farelark: {path}: ")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_replay_in_json_counts_what_it_mapped_and_set_aside(fleet: RunningFleet, fares: Path) -> None:
    with fares.open("a") as file:
        file.write(f"{NOW:%Y-%m-%d},JFK,LHR,{DEPARTURE},BA,117,USD,0\n")
    done = finished("replay", fares, "--json", "--data", fleet.folder, cwd=fares.parent)
    result = json.loads(done.stdout)
    assert result["fares"] == 1
    assert result["set_aside"] == {"price_missing": 1}
