"""The gateway as it is wired: it opens without its broker, and stops when those it has let in are answered."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.producer_keys import Rights, make_key
from fleet.servers.ports import free_ports
from services.ingest_gateway.app import serve
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.intake.taken import FareValues, Taken
from services.ingest_gateway.settings import Settings
from shared.fare_lanes import Lane
from shared.health import Health
from shared.messages.batches import ARROW, decode
from shared.messages.fares import FARES
from shared.topology import FARES_LIVE
from tests.integration.conftest import Probe
from tests.integration.spools import kept
from tests.private_servers import Servers

NOWHERE = "amqp://farelark:hunter2@127.0.0.1:1/"


class ServedGateway:
    """A gateway in this process, and a producer of it."""

    def __init__(self, url: str, key: str, health: Health, stopping: asyncio.Event) -> None:
        self.health = health
        self.stopping = stopping
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}

    async def push(self, flight: int) -> tuple[int, dict[str, Any]]:
        """Push one fare; gives the answer's status and body."""
        body, headers = fare(flight), self._headers
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._url}/v1/fares", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()

    async def answers(self) -> bool:
        """Whether it says that it lives."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._url}/health/live") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def served(servers: Servers, **changes: object) -> AsyncIterator[ServedGateway]:
    """A gateway that answers; it must end without an error."""
    accounts_url, (port,) = servers.postgres.url("accounts"), free_ports(1)
    where = {"rabbitmq_url": servers.rabbitmq.amqp_url, "redis_url": servers.redis.url, "accounts_url": accounts_url}
    settings = Settings.model_validate({**where, "ingest_port": port, **changes})
    key, _ = await make_key(accounts_url, Rights("tests", "tests", [Lane.LIVE], 1_000_000, None))
    gateway = ServedGateway(f"http://127.0.0.1:{port}", key.text, Health(), asyncio.Event())
    serving = asyncio.create_task(serve(settings, gateway.health, gateway.stopping))
    async with asyncio.timeout(20):
        while not await gateway.answers():
            assert not serving.done(), serving
            await asyncio.sleep(0.02)
    yield gateway
    gateway.stopping.set()
    await serving


def fare(flight: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "origin": "BCN",
        "destination": "BUD",
        "departure_date": f"{now.date() + timedelta(days=30)}",
        "flight_number": f"{flight}",
        "currency": "EUR",
        "price": 8_999,
        "observed_at": now.isoformat(),
    }


async def test_without_its_broker_the_door_opens_and_answers_from_the_spool(
    servers: Servers, accounts: AsyncEngine
) -> None:
    async with served(servers, rabbitmq_url=NOWHERE) as gateway:
        status, receipt = await gateway.push(1)
        assert (status, receipt["stored"], receipt["accepted"]) == (201, "spool", 1)
        assert gateway.health.missing() == []
    assert [(row["lane"], row["fares"]) for row in await kept(accounts)] == [("live", 1)]


async def test_what_lay_in_the_spool_goes_to_the_broker_once_it_is_there(
    topology: Servers, accounts: AsyncEngine, probe: Probe
) -> None:
    async with served(topology, rabbitmq_url=NOWHERE) as gateway:
        assert (await gateway.push(1))[0] == 201
    async with served(topology):
        assert (await probe.next(FARES_LIVE.name)).body
    assert await kept(accounts) == []


async def test_when_told_to_stop_it_answers_those_whom_it_has_let_in(
    topology: Servers, accounts: AsyncEngine, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert accounts
    take, all_inside = Intake.take, asyncio.Event()
    inside: list[FareValues] = []

    async def noted(self: Intake, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        inside.extend(fares)
        if len(inside) == 20:
            all_inside.set()
        return await take(self, fares, lane, cycle)

    async with served(topology, batch_age_ms=500) as gateway:
        while (await gateway.push(1))[0] != 202:
            pass  # it has found no broker yet
        monkeypatch.setattr(Intake, "take", noted)
        pushing = [asyncio.create_task(gateway.push(flight)) for flight in range(2, 22)]
        await all_inside.wait()
        gateway.stopping.set()
        answers = await asyncio.gather(*pushing)
        assert [(status, receipt["accepted"]) for status, receipt in answers] == [(202, 1)] * 20
    assert not await gateway.answers()
    batches = [decode(FARES, message.body, ARROW).rows for message in await probe.all(FARES_LIVE.name)]
    queued = {flight for batch in batches for flight in batch.column("flight_number").to_pylist()}
    assert queued == {str(flight) for flight in range(1, 22)}
