"""A look at real servers: what is there is seen, what is away is shown as such, and nothing holds it up or fails."""

import asyncio
from typing import Final

import pytest

from fleet.addresses import Addresses, Service
from fleet.status.findings import findings
from fleet.status.snapshot import Snapshot
from fleet.status.watching import Watcher
from shared.broker.broker import Broker
from shared.cycles import CycleBook, Stage
from shared.management import Depth, open_management
from shared.topology import FARES_INGEST, WORK_QUEUES
from tests.integration.conftest import Probe
from tests.integration.rabbitmqctl import alarm
from tests.integration.silent_server import silent_server
from tests.integration.watched_fleet import CLOSED, addresses_of
from tests.private_servers import Servers

# A look takes two seconds at the most; so long only if it hangs.
HANGS_S: Final = 20.0
AWAY: Final = {
    "rabbitmq": {"amqp_management": f"http://x:pa55word@{CLOSED}"},
    "redis": {"redis": f"redis://:pa55word@{CLOSED}"},
    "accounts": {"accounts": f"postgresql://x:pa55word@{CLOSED}/none"},
}


async def look(at: Addresses) -> Snapshot:
    async with asyncio.timeout(HANGS_S):
        return await Watcher(lambda: at).look()


@pytest.fixture
async def emptied(topology: Servers, probe: Probe) -> Servers:
    """The run's servers, once the broker has counted its queues anew: the test before may have left letters there."""
    assert probe
    async with open_management(topology.rabbitmq.management_url) as management, asyncio.timeout(HANGS_S):
        while set((await management.depths()).values()) - {Depth(0, 0)}:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.02)
    return topology


async def test_all_that_is_there_is_seen(emptied: Servers, broker: Broker, shard_urls: list[str]) -> None:
    assert broker
    snapshot = await look(addresses_of(emptied, shard_urls))
    assert [(server.name, server.up) for server in snapshot.servers] == [
        (name, True) for name in ("rabbitmq", "redis", "accounts", "shard0", "shard1", "shard2", "shard3")
    ]
    assert set(snapshot.queues) >= {name for queue in WORK_QUEUES for name in queue.all_names}
    assert [work.queue for work in snapshot.work] == [
        "fares.live",
        "fares.ingest",
        "changes.alerts",
        "alerts.evaluate",
        "changes.history",
        "notifications.urgent",
        "notifications.standard",
        "notifications.digest",
    ]
    assert [(node.running, node.alarms) for node in snapshot.nodes] == [(True, [])]
    assert set(snapshot.rates) == {"shard0", "shard1", "shard2", "shard3"}
    assert snapshot.days_ahead["accounts.notifications"] >= 14
    assert findings(snapshot) == []


async def test_consumers_are_seen_once_the_broker_has_counted_them(
    topology: Servers, broker: Broker, shard_urls: list[str]
) -> None:
    async def hold(_: object) -> None:
        """No message comes."""

    await broker.consume(FARES_INGEST, hold)
    at = addresses_of(topology, shard_urls)
    async with asyncio.timeout(HANGS_S):
        while not any(work.consumers for work in (await look(at)).work):  # noqa: ASYNC110  # it is the broker that counts
            await asyncio.sleep(0.1)


async def test_an_alarm_of_the_broker_is_seen_at_once(emptied: Servers, shard_urls: list[str]) -> None:
    at = addresses_of(emptied, shard_urls)
    async with alarm(emptied, "memory"):
        snapshot = await look(at)
    assert snapshot.nodes[0].alarms == ["memory"]
    assert [finding.runbook for finding in findings(snapshot)] == ["broker-alarm"]
    assert (await look(at)).nodes[0].alarms == []


@pytest.mark.parametrize("server", AWAY)
async def test_one_server_that_is_away_is_shown_and_the_others_all_the_same(
    emptied: Servers, shard_urls: list[str], server: str
) -> None:
    snapshot = await look(addresses_of(emptied, shard_urls, **AWAY[server]))
    assert [each.name for each in snapshot.servers if not each.up] == [server]
    runbooks = [finding.runbook for finding in findings(snapshot)]
    assert runbooks == [{"rabbitmq": "broker-down"}.get(server, f"{server}-down")]
    assert "pa55word" not in str(snapshot)


async def test_one_shard_that_is_away_leaves_the_others(emptied: Servers, shard_urls: list[str]) -> None:
    snapshot = await look(addresses_of(emptied, [shard_urls[0], f"postgresql://x:pa55word@{CLOSED}/none"]))
    assert [each.name for each in snapshot.servers if not each.up] == ["shard1"]
    assert set(snapshot.rates) == {"shard0"}
    assert [finding.runbook for finding in findings(snapshot)] == ["shard-down"]
    assert "pa55word" not in str(snapshot)


async def test_servers_that_take_connections_and_say_nothing_hold_nobody_up() -> None:
    with silent_server() as frozen:
        host = frozen.url.rpartition("@")[2].rpartition("/")[0]
        at = Addresses(
            pid=0,
            api="",
            amqp=f"amqp://{host}/",
            amqp_management=f"http://{host}",
            amqp_tick_interval=5,
            redis=f"redis://{host}",
            accounts=frozen.url,
            shards=[frozen.url],
            push_log="",
            services=[Service("price_worker", 0, f"http://{host}")],
        )
        snapshot = await look(at)
    assert [server.up for server in snapshot.servers] == [False] * 4
    problems = {server.name: server.problem for server in snapshot.servers}
    assert {problems[name] for name in ("rabbitmq", "accounts", "shard0")} == {"no answer within 2 s"}
    assert [(process.ready, process.missing) for process in snapshot.processes] == [(False, None)]
    assert {finding.severity.value for finding in findings(snapshot)} == {"down"}


async def test_a_server_that_is_there_and_not_migrated_is_said_to_be_so(topology: Servers) -> None:
    """Any other database than a shard's."""
    snapshot = await look(addresses_of(topology, [topology.postgres.url("postgres")]))
    (shard,) = [server for server in snapshot.servers if server.name == "shard0"]
    assert not shard.up
    assert "migrate" in shard.problem


async def test_the_newest_cycle_is_shown_with_the_time_that_it_takes(
    topology: Servers, redis: object, shard_urls: list[str]
) -> None:
    assert redis
    book = CycleBook(topology.redis.url)
    await book.add("morning", {Stage.PUBLISHED: 1_000, Stage.COMPARED: 250})
    watcher = Watcher(lambda: addresses_of(topology, shard_urls))
    assert (await watcher.look()).cycle is not None
    await book.add("morning", {Stage.COMPARED: 250})
    await book.close()
    cycle = (await watcher.look()).cycle
    assert cycle is not None
    assert (cycle.id, cycle.counts) == ("morning", {"published": 1_000, "compared": 500})
    assert cycle.seconds_left
    assert cycle.seconds_left > 0
