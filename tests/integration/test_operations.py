"""The operations process: whom it tells what, its gauges, and its end."""

import asyncio
import signal

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet.status.snapshot import decode
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.topology import FARES_INGEST, WORK_QUEUES
from tests.integration.conftest import Probe
from tests.integration.watched_fleet import BEARER, CLOSED, TOKEN, addresses_of, environment_of, operations, start
from tests.private_servers import Servers

PAGES = ("/queue/status", "/health")
STRANGERS: tuple[dict[str, str] | dict[str, bytes], ...] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer " + TOKEN[:-1]},
    {"Authorization": "Bearer " + TOKEN + "x"},
    {"Authorization": "Basic " + TOKEN},
    {"Authorization": TOKEN},
    {"Authorization": b"Bearer \xff\xfe"},
)


async def test_it_tells_of_the_fleet_who_has_its_token_and_nothing_to_anybody_else(
    topology: Servers, probe: Probe, shard_urls: list[str]
) -> None:
    assert probe
    settings = {"LOOK_EVERY_SECONDS": "3600", "REDRIVE_EVERY_SECONDS": "0"}
    async with operations(addresses_of(topology, shard_urls), **settings) as (process, client):
        for page in PAGES:
            await refuses_strangers(client, page)
        await shares_one_look(client)
        await has_its_gauges(client)
        assert (await client.get("/health/live")).is_success
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr
        said = (await process.stderr.read()).decode()
    assert "HTTP" not in said, "a line for every process and look would drown all others"
    assert TOKEN not in said


async def refuses_strangers(client: httpx.AsyncClient, page: str) -> None:
    for headers in STRANGERS:
        answer = await client.get(page, headers=headers)  # type: ignore[arg-type]  # bytes that are no text, too
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Cache-Control"] == "no-store"


async def shares_one_look(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/queue/status", headers=BEARER) for _ in range(2)]
    first, second = (decode(answer.content) for answer in answers)
    assert first == second, "a request has made it look"
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert msgspec.json.decode(answers[0].content)["status"] == "ok"
    health = await client.get("/health", headers={"authorization": f"bearer {TOKEN}"})
    assert health.status_code == 200
    assert health.json() == {
        "status": "ok",
        "findings": [],
        "servers": {server.name: "up" for server in first.servers},
    }


async def has_its_gauges(client: httpx.AsyncClient) -> None:
    found = await gauges(client)
    queues = {name for queue in WORK_QUEUES for name in queue.all_names}
    assert {labels["queue"] for labels, _ in found["farelark_queue_messages"]} >= queues
    assert ({"server": "redis"}, 1.0) in found["farelark_server_up"]
    assert ({"alarm": "disk"}, 0.0) in found["farelark_broker_alarms"]
    assert {labels["table"] for labels, _ in found["farelark_partitions_ahead_days"]} == {
        "notifications",
        "price_history",
    }
    consumed = {labels["queue"] for labels, _ in found.get("farelark_queue_consumers", [])}
    assert consumed <= {queue.name for queue in WORK_QUEUES}, "nobody ever consumes from the others"
    assert "farelark_fares_total" not in found, "that is a price worker's"


async def test_with_everything_away_it_is_ready_and_says_so(topology: Servers) -> None:
    away = f"postgresql://x:pa55word@{CLOSED}/none"
    at = addresses_of(
        topology,
        [away],
        amqp=f"amqp://x:pa55word@{CLOSED}/",
        amqp_management=f"http://x:pa55word@{CLOSED}",
        redis=f"redis://:pa55word@{CLOSED}",
        accounts=away,
    )
    async with operations(at) as (process, client):
        answer = await client.get("/health", headers=BEARER)
        assert answer.status_code == 503
        assert answer.json()["status"] == "down"
        assert set(answer.json()["servers"].values()) == {"away"}
        found = await gauges(client)
        assert {up for _, up in found["farelark_server_up"]} == {0.0}
        assert "farelark_queue_messages" not in found, "old numbers would look like new ones"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr
        assert b"pa55word" not in await process.stderr.read()


async def test_dead_letters_of_a_transient_reason_are_sent_again(
    topology: Servers, probe: Probe, broker: Broker, shard_urls: list[str]
) -> None:
    for body, reason in ((b"again", "board_unreadable"), (b"never", "not_utf8")):
        letter = Outgoing(FARES_INGEST.dead, body, "text/plain", FARES_INGEST.redelivery, headers={"reason": reason})
        await broker.publish(letter)
    async with operations(addresses_of(topology, shard_urls)):
        assert (await probe.next(FARES_INGEST.name)).body == b"again"
    assert [letter.body for letter in await probe.all(FARES_INGEST.dead)] == [b"never"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"OPS_TOKEN": "too short"}, "OPS_TOKEN"), ({"OPS_TARGETS": "price_worker"}, "OPS_TARGETS")],
)
async def test_settings_that_make_no_sense_end_it_with_one_sentence(
    topology: Servers, changes: dict[str, str], problem: str
) -> None:
    at = addresses_of(topology, [topology.postgres.url("shard0")])
    process = await start(environment_of(at) | {"OPS_PORT": "0", "OPS_TOKEN": TOKEN} | changes)
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 1
    sentence = said.decode().splitlines()[-1]
    assert sentence.startswith("operations: ")
    assert problem in sentence
    assert "too short" not in sentence
    assert b"Traceback" not in said


async def gauges(client: httpx.AsyncClient) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples that it shows, by name."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families((await client.get("/metrics")).text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found
