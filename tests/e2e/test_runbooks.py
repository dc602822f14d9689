"""Runbooks followed on faults made on purpose: each names what is seen, its commands mend it, nobody is told twice."""

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from fleet.addresses import REPOSITORY, Service
from fleet.fcm_stand_in.answers import Answer, invalid_argument
from shared.topology import CHANGES_ALERTS, FARES_INGEST, NOTIFICATIONS_STANDARD
from tests.e2e.following import following, typed
from tests.e2e.running_fleet import RunningFleet, frozen
from tests.e2e.running_notifier import until
from tests.e2e.watched_routes import ROUTES_A_SHARD, WatchedRoutes, watched_routes
from tests.integration.rabbitmqctl import rabbitmqctl, raise_alarm

pytestmark = pytest.mark.timeout(300)

RATES = REPOSITORY / "shared" / "rates" / "reference_rates.csv"
WELL = "nothing is late or wrong"
FORBIDDEN = Answer(403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no", "details": []}})


@pytest.fixture(scope="module")
def routes(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedRoutes]:
    assert server_programs
    with watched_routes(tmp_path_factory.mktemp("runbooks")) as routes:
        routes.fall()
        routes.all_is_well()
        yield routes


def test_a_shard_that_is_away_comes_back_and_its_travellers_are_told_late(routes: WatchedRoutes) -> None:
    told = len(routes.pushed())
    routes.shard.stop()
    with following("shard-down", routes.fleet) as runbook:
        assert "shard1 is away" in routes.finding("shard-down")
        assert routes.metric("operations", "farelark_server_up", server="shard1") == 0
        assert "shard1 is away" in runbook.follow("status")
        routes.fall()
        until(lambda: len(routes.pushed()) == told + ROUTES_A_SHARD)
        waits = {"queue": CHANGES_ALERTS.name, "reason": "shard_unavailable"}
        assert routes.metric("alert_worker", "farelark_retries_total", **waits)
        routes.shard.start()
        routes.all_is_well()
        assert WELL in runbook.follow("status")
        assert "all is well" in runbook.follow("shards check")


def test_what_a_broker_with_an_alarm_does_not_take_goes_on_once_it_has_room(routes: WatchedRoutes) -> None:
    told, management = len(routes.pushed()), routes.fleet.addresses.amqp_management
    with frozen(routes.fleet.process_of("price_worker")):
        routes.fall()
        asyncio.run(raise_alarm(management, "memory"))
    with following("broker-alarm", routes.fleet) as runbook:
        assert "out of memory" in routes.finding("broker-alarm")
        assert routes.metric("operations", "farelark_broker_alarms", alarm="memory")
        until(lambda: routes.metric("price_worker", "farelark_broker_blocked"))
        page = runbook.follow("status")
        assert "out of memory" in page
        assert "price_worker waits for rabbitmq_alarm" in page
        assert "no dead letters" in runbook.follow("dlq list")
        assert len(routes.pushed()) == told
        (mend,) = [line.split()[1:] for line in runbook.examples("rabbitmqctl") if "watermark" in line]
        asyncio.run(rabbitmqctl(management, *mend))
        routes.all_is_well()
        assert WELL in runbook.follow("status")


def test_dead_letters_are_told_of_once_their_cause_is_mended_and_what_is_hopeless_is_kept_in_a_file(
    routes: WatchedRoutes,
) -> None:
    routes.stand_in.answer_all(invalid_argument("message.data", "invalid"))
    routes.fall()
    routes.publish(b"\xff\xfe")
    routes.fleet.drain()
    with following("dead-letters", routes.fleet) as runbook:
        assert f"{FARES_INGEST.name}: 1 dead letter" in routes.finding("dead-letters")
        for service, queue, reason in (
            ("price_worker", FARES_INGEST, "not_utf8"),
            ("notifier", NOTIFICATIONS_STANDARD, "invalid_argument"),
        ):
            assert routes.metric(service, "farelark_dead_letters_total", queue=queue.name, reason=reason)
        heaps = runbook.follow("dlq list")
        assert "not_utf8" in heaps
        assert "invalid_argument" in heaps
        assert "not_utf8" in runbook.follow("dlq show")
        runbook.follow("dlq export")
        routes.stand_in.answer_all(None)
        runbook.follow("dlq replay", REASON="invalid_argument")
        assert "discarded 1 dead letter" in runbook.follow("dlq discard", REASON="not_utf8", answer="y\n")
        routes.all_is_well()
        assert "no dead letters" in runbook.follow("dlq list")
    saved = (routes.fleet.folder.parent / "dead-letters.ndjson").read_text()
    assert saved.count("\n") == 1 + 2 * ROUTES_A_SHARD
    assert "not_utf8" in saved


def test_after_a_flush_of_redis_the_next_sweep_fills_the_boards_and_tells_nobody_anything_twice(
    routes: WatchedRoutes,
) -> None:
    typed(routes.fleet, "rates", "load", str(RATES))
    told, changed = len(routes.pushed()), changes(routes)
    with Redis.from_url(routes.fleet.addresses.redis) as redis:
        redis.flushall()
    routes.sweep()
    with following("redis-flushed", routes.fleet) as runbook:
        routes.fleet.drain()
        assert changes(routes) == changed + len(routes.routes), "every fare is new"
        runbook.follow("status")
        assert "their file" in runbook.follow("rates show")
        runbook.follow("rates load", FILE=str(RATES))
        routes.sweep()
        routes.all_is_well()
        assert WELL in runbook.follow("status")
        assert "their file" not in runbook.follow("rates show")
    assert changes(routes) == changed + len(routes.routes), "the boards are there again"
    assert len(routes.pushed()) == told
    routes.fall()
    routes.all_is_well()


def test_pushes_that_fcm_refuses_wait_and_go_out_once_it_takes_us_again(routes: WatchedRoutes) -> None:
    told = len(routes.pushed())
    routes.stand_in.answer_all(FORBIDDEN)
    routes.fall()
    with following("fcm-refusing", routes.fleet) as runbook:
        assert "fcm" in routes.finding("fcm-refusing")
        assert routes.metric("notifier", "farelark_pushes_total", outcome="refused")
        assert "permission_denied" in (routes.fleet.folder / "logs" / "notifier.log").read_text()
        assert "fcm" in runbook.follow("status")
        runbook.follow("pushes stop")
        routes.stand_in.answer_all(None)
        restart(routes.fleet, "notifier")
        assert "pushes are stopped" in routes.finding("pushes-stopped")
        assert len(routes.pushed()) == told
        runbook.follow("pushes start")
        routes.all_is_well()
        assert WELL in runbook.follow("status")


def changes(routes: WatchedRoutes) -> float:
    return routes.metric("price_worker", "farelark_changes_total")


def restart(fleet: RunningFleet, name: str) -> None:
    """Have a service's process started again in good order."""
    before = fleet.process_of(name).pid
    os.kill(before, signal.SIGTERM)
    until(lambda: fleet.process_of(name).pid != before and is_ready(fleet.process_of(name)))


def is_ready(process: Service) -> bool:
    try:
        return httpx.get(f"{process.ops}/health/ready").is_success
    except httpx.TransportError:  # it is still starting
        return False
