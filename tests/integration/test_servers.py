"""The private servers keep their data over every kind of end, and leave nothing running."""

import os
import re
import signal
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import aio_pika
import asyncpg
import msgspec
import psutil
import pytest
from redis import Redis

from fleet.servers.children import Children, children_in
from fleet.servers.errors import ChildFailedError, FolderInUseError, ProgramsMissingError
from fleet.servers.records import load_records
from tests.private_servers import Servers, start_servers

pytestmark = pytest.mark.usefixtures("server_programs")

REPOSITORY = Path(__file__).parents[2]

# A fleet in a process of its own: it tells when its servers serve, and then waits for its end.
FLEET = """
import signal, sys
from pathlib import Path
from fleet.servers.children import children_in
from tests.private_servers import start_servers

with children_in(Path(sys.argv[1]), print) as children:
    start_servers(children, ["accounts"], print)
    print("serving", flush=True)
    signal.pause()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder below one that only its owner may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / "data of a fleet"


async def leave_data(servers: Servers) -> None:
    with Redis.from_url(servers.redis.url) as redis:
        redis.set("fares:JFK-LHR", b"board")
    accounts = await asyncpg.connect(servers.postgres.url("accounts"))
    await accounts.execute("CREATE TABLE traveller (name text)")
    await accounts.execute("INSERT INTO traveller VALUES ('Zoë')")
    await accounts.close()
    async with await aio_pika.connect(servers.rabbitmq.amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("fares", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"fare", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue.name)


async def assert_queue_and_table_kept(servers: Servers) -> None:
    accounts = await asyncpg.connect(servers.postgres.url("accounts"))
    assert await accounts.fetchval("SELECT name FROM traveller") == "Zoë"
    await accounts.close()
    async with await aio_pika.connect(servers.rabbitmq.amqp_url) as connection:
        channel = await connection.channel()
        message = await (await channel.get_queue("fares")).get(timeout=10)
        assert message is not None
        assert message.body == b"fare"


def board(servers: Servers) -> bytes | None:
    with Redis.from_url(servers.redis.url) as redis:
        value = redis.get("fares:JFK-LHR")
    assert value is None or isinstance(value, bytes)
    return value


def pids(folder: Path) -> dict[str, int]:
    return {record.name: record.pid for record in load_records(folder / "run")}


def wait_for_end(*pids: int) -> None:
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(there, timeout=30)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


async def test_a_second_start_finds_queues_keys_and_tables_of_the_first(folder: Path) -> None:
    with children_in(folder, print) as children:
        servers = start_servers(children, ["accounts"], print)
        await leave_data(servers)
        started = pids(folder)
    assert sorted(started) == ["epmd", "postgres", "rabbitmq", "redis"]
    assert pids(folder) == {}
    assert not any(psutil.pid_exists(pid) for pid in started.values())

    with children_in(folder, print) as children:
        servers = start_servers(children, ["accounts", "shard0"], print)
        await assert_queue_and_table_kept(servers)
        assert board(servers) == b"board"
        await (await asyncpg.connect(servers.postgres.url("shard0"))).close()


@pytest.mark.parametrize("with_its_servers", [False, True])
async def test_kill_9_of_a_fleet_leaves_nothing_that_hinders_the_next(
    folder: Path, tmp_path: Path, *, with_its_servers: bool
) -> None:
    with children_in(folder, print) as children:
        await leave_data(start_servers(children, ["accounts"], print))

    with children_in(tmp_path, print) as outer:
        fleet = outer.spawn("fleet", [sys.executable, "-c", FLEET, folder], env={"PYTHONPATH": str(REPOSITORY)})
        outer.wait_ready(LogSays("fleet", outer.log("fleet"), "serving"))
        started = pids(folder)
        for pid in [fleet, *(started.values() if with_its_servers else [])]:
            os.kill(pid, signal.SIGKILL)
        wait_for_end(*started.values())

    with children_in(folder, print) as children:
        servers = start_servers(children, ["accounts"], print)
        await assert_queue_and_table_kept(servers)
        assert board(servers) == b"board"


def test_everything_listens_on_the_loopback_address_only(servers: Servers) -> None:
    ours = {process.pid for process in psutil.Process().children(recursive=True)}
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.pid in ours and connection.status == psutil.CONN_LISTEN
    }
    assert all(ip_address(ip).is_loopback for ip, _ in listening)
    ports = {servers.rabbitmq.amqp_port, servers.rabbitmq.management_port, servers.redis.port}
    assert ports | {servers.postgres.port} <= {port for _, port in listening}


def test_a_second_holder_of_a_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    holder = rf"in use by process {os.getpid()}\b"
    with (
        children_in(tmp_path, print),
        pytest.raises(FolderInUseError, match=holder),
        children_in(tmp_path, print),
    ):
        pytest.fail("two fleets hold one folder")


def test_what_a_killed_fleet_left_running_is_swept(tmp_path: Path) -> None:
    crashed = Children(make(tmp_path / "crashed"))
    pid = crashed.spawn("worker", ["sleep", "300"], env={})
    with children_in(tmp_path / "crashed", print):
        assert pids(tmp_path / "crashed") == {}
        assert [ended.status for ended in crashed.exited()] == [-signal.SIGTERM]
        wait_for_end(pid)


def test_a_record_whose_pid_now_belongs_to_another_process_stops_nobody(tmp_path: Path) -> None:
    with children_in(tmp_path / "other", print) as others:
        others.spawn("bystander", ["sleep", "300"], env={})
        (bystander,) = load_records(tmp_path / "other" / "run")
        stale = msgspec.structs.replace(bystander, name="worker", start_ticks=bystander.start_ticks - 1)
        stale.save(make(tmp_path / "ours" / "run"))
        with children_in(tmp_path / "ours", print):
            assert pids(tmp_path / "ours") == {}
        assert bystander.alive()


def test_a_child_that_ignores_its_stop_signal_is_killed_with_its_group(tmp_path: Path) -> None:
    with children_in(tmp_path, print) as children:
        script = "trap '' TERM; sleep 300 & echo $!; wait"
        child = children.spawn("stubborn", ["sh", "-c", script], env={}, grace_seconds=0.2)
        children.wait_ready(LogSays("stubborn", children.log("stubborn"), "\n"))
        grandchild = int(children.log("stubborn").read_text())
        children.stop("stubborn")
        wait_for_end(child, grandchild)


def test_a_child_that_dies_is_told_with_its_status_and_the_end_of_its_log(tmp_path: Path) -> None:
    with children_in(tmp_path, print) as children:
        children.spawn("redis", ["sh", "-c", "echo no memory left; exit 3"], env={})
        with pytest.raises(ChildFailedError, match=r"(?s)redis ended with status 3.*no memory left"):
            children.wait_ready(LogSays("redis", children.log("redis"), "ready"))
        assert children.exited() == []


def test_missing_programs_are_told_with_the_command_that_installs_them() -> None:
    error = ProgramsMissingError(["rabbitmq-server", "redis-server"])
    command = re.search(r"sudo sh (\S+) (.*)", str(error))
    assert command is not None
    assert Path(command[1]).is_file()
    assert command[2] == "rabbitmq-server redis-server"


@dataclass
class LogSays:
    """A child is ready once its log holds these words."""

    name: str
    log: Path
    words: str

    def ready(self) -> bool:
        return self.words in self.log.read_text()


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
