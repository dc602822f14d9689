"""`./farelark dlq` as a person types it, and as a script does."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fleet.commands import app
from shared.broker import browsing
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.messages.batches import ARROW, encode
from shared.messages.fares import FARES
from shared.topology import ALERTS_EVALUATE, CHANGES_ALERTS, FARES_INGEST
from tests.e2e.commands import finished
from tests.integration.conftest import Probe, probing
from tests.integration.fleet_on_file import WITHOUT_SERVERS
from tests.private_servers import Servers
from tests.unit.fares import fare, rows_of

DIED_AT = "2026-12-24T06:30:00.000+00:00"
BATCH = encode(FARES, rows_of(FARES, fare(), fare(price=1)))
NONE_MATCHES = 3
MANY = 200


@pytest.fixture
def data(topology: Servers, tmp_path: Path) -> Path:
    """The data folder of a fleet that is only a broker, with empty queues."""
    asyncio.run(purge(topology))
    replace(WITHOUT_SERVERS, amqp=topology.rabbitmq.amqp_url).write(tmp_path)
    return tmp_path


@pytest.fixture
def letters(data: Path, topology: Servers) -> Path:
    """The same, with two dead letters of one reason and one of another in another queue."""
    unreadable = {"reason": "not_utf8", "died_at": DIED_AT, "tries": 1, "cycle": "c1"}
    unread_boards = {"reason": "board_unreadable", "died_at": DIED_AT, "tries": 4, "redrives": 3}
    dead = [
        Outgoing(FARES_INGEST.dead, b"\xff\xfejunk", "application/json", message_id="junk", headers=unreadable),
        Outgoing(FARES_INGEST.dead, BATCH, ARROW, message_id="batch", headers=unreadable),
        Outgoing(CHANGES_ALERTS.dead, b"[]", "application/json", message_id="changes", headers=unread_boards),
    ]
    asyncio.run(publish(topology, dead))
    return data


async def purge(servers: Servers) -> None:
    async with probing(servers.rabbitmq.amqp_url) as probe:
        await probe.purge()


async def publish(servers: Servers, messages: list[Outgoing]) -> None:
    broker = await Broker.connect(servers.rabbitmq.amqp_url, "tests")
    await broker.publish_all(messages)
    await broker.close()


def dlq(data: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["dlq", *arguments, "--data", str(data)], input=typed)


def told(data: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """What a command says to a script."""
    result = dlq(data, *arguments, "--json")
    assert result.exit_code == status, result.output
    return dict(json.loads(result.stdout))


def lying(data: Path) -> dict[tuple[str, str], int]:
    return {(heap["queue"], heap["reason"]): heap["count"] for heap in told(data, "list")["heaps"]}


def ids_in(servers: Servers, queue: str) -> Counter[str | None]:
    """Of all messages of a queue, taken away."""

    async def take() -> Counter[str | None]:
        async with probing(servers.rabbitmq.amqp_url) as probe:
            return Counter(message.message_id for message in await probe.all(queue))

    return asyncio.run(take())


ALL = {("fares.ingest", "not_utf8"): 2, ("changes.alerts", "board_unreadable"): 1}


def test_list_counts_by_queue_and_reason_and_says_what_a_reason_means(letters: Path) -> None:
    assert lying(letters) == ALL
    counted = told(letters, "list", "--queue", "fares.ingest")
    (heap,) = counted["heaps"]
    assert (counted["letters"], heap["bytes"], heap["transient"]) == (2, len(BATCH) + 6, False)
    assert heap["oldest"] == heap["newest"] == "2026-12-24T06:30:00Z"
    table = dlq(letters, "list", "--reason", "board_unreadable").stdout
    assert "changes.alerts" in table
    assert "board_unreadable: A fare board is of a format that the worker does not read yet. Such" in table
    assert "fares.ingest" not in table


def test_list_says_so_when_there_is_nothing_and_that_is_no_failure(data: Path) -> None:
    listed = dlq(data, "list")
    assert (listed.stdout, listed.exit_code) == ("no dead letters\n", 0)
    assert dlq(data, "list", "--reason", "not_utf8").exit_code == 0
    assert told(data, "list") == {"letters": 0, "heaps": [], "held_elsewhere": []}


def test_show_tells_what_is_in_a_letter_and_what_is_wrong_with_it(letters: Path) -> None:
    shown = dlq(letters, "show", "--queue", "fares.ingest.dead").stdout
    for part in (
        "id junk",
        "not_utf8: ",
        "ff fe 6a 75 6e 6b",
        "cycle: c1",
        "farelark.fares version 1",
        "died 2026-12-24",
    ):
        assert part in shown
    (letter,) = told(letters, "show", "--id", "batch")["letters"]
    assert (letter["count"], letter["documents"][1]["price"], letter["tries"]) == (2, 1, 1)
    assert len(told(letters, "show", "--limit", "1")["letters"]) == 1
    assert lying(letters) == ALL


def test_export_writes_all_that_there_is_to_a_private_file_and_leaves_it_there(letters: Path, tmp_path: Path) -> None:
    file = tmp_path / "letters.ndjson"
    assert told(letters, "export", str(file)) == {"exported": 3}
    exported = {letter["id"]: letter for letter in map(json.loads, file.read_bytes().splitlines())}
    assert exported["junk"]["base64"] == "//5qdW5r"
    assert [row["price"] for row in exported["batch"]["documents"]] == [39900, 1]
    assert (exported["changes"]["redrives"], exported["changes"]["headers"]) == (3, {})
    assert file.stat().st_mode & 0o777 == 0o600
    assert lying(letters) == ALL
    again = dlq(letters, "export", str(file))
    assert (again.exit_code, "File exists" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--queue", "fares.ingest"], {"junk", "batch"}),
        (["--reason", "not_utf8"], {"junk", "batch"}),
        (["--id", "batch"], {"batch"}),
        (["--yes"], {"junk", "batch"}),
    ],
)
def test_replay_brings_back_what_is_meant_and_again_finds_nothing(
    letters: Path, topology: Servers, arguments: list[str], ids: set[str]
) -> None:
    replayed = told(letters, "replay", *arguments)["replayed"]
    assert replayed == sum(ALL.values()) - sum(lying(letters).values())
    assert set(ids_in(topology, FARES_INGEST.name)) == ids
    assert told(letters, "replay", *arguments, status=NONE_MATCHES) == {"replayed": 0}


@pytest.mark.parametrize(("typed", "status"), [("n\n", 1), ("", 1), ("y\n", 0)])
def test_replaying_all_has_to_be_confirmed(letters: Path, topology: Servers, typed: str, status: int) -> None:
    result = dlq(letters, "replay", typed=typed)
    assert result.exit_code == status
    assert "replay 3 dead letters?" in result.output
    assert len(ids_in(topology, FARES_INGEST.name)) == (0 if status else 2)


@pytest.mark.parametrize(("typed", "status"), [("n\n", 1), ("", 1), ("y\n", 0)])
def test_discarding_has_to_be_confirmed_by_number(letters: Path, typed: str, status: int) -> None:
    result = dlq(letters, "discard", "--reason", "not_utf8", typed=typed)
    assert result.exit_code == status
    assert "discard 2 dead letters?" in result.output
    assert lying(letters) == (ALL if status else {("changes.alerts", "board_unreadable"): 1})


def test_discard_throws_away_nothing_that_it_was_not_told_to(letters: Path) -> None:
    assert "say which to discard" in dlq(letters, "discard", "--yes").output
    assert dlq(letters, "discard", "--all", "--queue", "fares.ingest", "--yes").exit_code == 1
    assert lying(letters) == ALL
    assert told(letters, "discard", "--all", "--yes") == {"discarded": 3}
    assert lying(letters) == {}


@pytest.mark.parametrize("command", ["show", "replay", "discard"])
def test_where_nothing_is_meant_the_exit_status_says_so(letters: Path, command: str) -> None:
    result = dlq(letters, command, "--queue", ALERTS_EVALUATE.name, "--reason", "not_utf8")
    assert result.exit_code == NONE_MATCHES
    assert "there is no such dead letter" in result.output


def test_an_unknown_queue_is_told_in_a_sentence(data: Path) -> None:
    result = dlq(data, "list", "--queue", "fares")
    assert result.exit_code == 1
    assert "farelark: there is no queue 'fares': the queues are" in result.output


def test_a_broker_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    replace(WITHOUT_SERVERS, amqp="amqp://farelark:secret@127.0.0.1:1/").write(tmp_path)
    result = dlq(tmp_path, "list")
    assert result.exit_code == 1
    assert result.output.strip() == "farelark: rabbitmq is unavailable: AMQPConnectionError"


def test_what_another_command_has_in_hand_is_told_of(letters: Path, topology: Servers) -> None:
    async def list_beside_another() -> str:
        async with (
            browsing.browsing(topology.rabbitmq.amqp_url, "tests") as browser,
            browser.look_through(FARES_INGEST.dead) as look,
        ):
            assert len([seen async for seen in look.messages()]) == 2
            command = ("dlq", "list", "--json", "--data", letters)
            return (await asyncio.to_thread(finished, *command, cwd=letters)).stdout

    listed = json.loads(asyncio.run(list_beside_another()))
    assert (listed["letters"], listed["held_elsewhere"]) == (1, [FARES_INGEST.dead])


@pytest.fixture
def failpoint(tmp_path: Path) -> Mapping[str, str]:
    """The settings under which the 120th letter that is safe in its queue is the last that a replay sees."""
    folder = tmp_path / "failpoints"
    folder.mkdir()
    (folder / "dead_letters.published").write_text("120")
    return {"FAILPOINTS": str(folder)}


def test_a_replay_that_is_killed_and_run_again_loses_nothing(
    data: Path, topology: Servers, failpoint: Mapping[str, str]
) -> None:
    ids = {f"letter {number}" for number in range(MANY)}
    dead = [Outgoing(FARES_INGEST.dead, id_.encode(), "text/plain", message_id=id_) for id_ in ids]
    asyncio.run(publish(topology, dead))
    killed = finished("dlq", "replay", "--yes", "--data", data, cwd=data, settings=failpoint)
    assert killed.returncode == -signal.SIGKILL
    asyncio.run(given_back(topology))
    again = finished("dlq", "replay", "--yes", "--data", data, cwd=data, settings=failpoint)
    assert again.returncode == 0
    delivered = ids_in(topology, FARES_INGEST.name)
    assert set(delivered) == ids
    assert delivered.total() > MANY
    assert lying(data) == {}


async def given_back(servers: Servers) -> None:
    """Wait until the broker has noticed that nobody holds the dead letters any more."""
    async with probing(servers.rabbitmq.amqp_url) as probe, asyncio.timeout(15):
        # Of a queue nobody tells when it has got something back.
        while await depth(probe, FARES_INGEST.dead) + await depth(probe, FARES_INGEST.name) <= MANY:  # noqa: ASYNC110  # as said above
            await asyncio.sleep(0.05)


async def depth(probe: Probe, queue: str) -> int:
    found = await probe.channel.declare_queue(queue, passive=True)
    return found.declaration_result.message_count or 0
