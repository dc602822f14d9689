"""Asks the servers behind a fleet whether they answer, and for what only they know; none can hold up a look."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeVar

import asyncpg

from fleet.addresses import Addresses
from fleet.backends import virtual_host_of
from fleet.shards.connections import connect
from fleet.shards.states import state_of
from fleet.status.snapshot import Node, Queue, Server
from shared.cycles import Cycle, CycleBook
from shared.errors import ConfigurationError, FarelarkError
from shared.management import open_management
from shared.shards import Shards

TIMEOUT_S: Final = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broker:
    """What RabbitMQ says of itself; nothing while it is away."""

    queues: dict[str, Queue] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the servers have answered; `rates` is without the shards that are away."""

    servers: list[Server]
    broker: Broker
    cycle: Cycle | None
    rates: dict[str, date]


async def ask_servers(at: Addresses) -> Answers:
    """Ask all of them side by side."""
    names = [Shards.name(number) for number in range(len(at.shards))]
    asking_shards = (probe(name, _ask_shard(name, url)) for name, url in zip(names, at.shards, strict=True))
    (rabbitmq, broker), (redis, cycle), (accounts, _), shards = await asyncio.gather(
        probe("rabbitmq", _ask_broker(at)),
        probe("redis", _ask_redis(at.redis)),
        probe("accounts", _ask_accounts(at.accounts)),
        asyncio.gather(*asking_shards),
    )
    return Answers(
        servers=[rabbitmq, redis, accounts, *(server for server, _ in shards)],
        broker=broker or Broker(),
        cycle=cycle,
        rates={server.name: day for server, day in shards if day},
    )


async def probe(name: str, asking: Awaitable[T]) -> tuple[Server, T | None]:
    """Whether and how soon a server answers; nothing that can go wrong goes further than this."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await asking
    except TimeoutError:
        return Server(name, up=False, milliseconds=None, problem=f"no answer within {TIMEOUT_S:g} s"), None
    except FarelarkError as error:
        return Server(name, up=False, milliseconds=None, problem=str(error)), None
    except Exception as error:  # noqa: BLE001  # of any library below; its text might hold an address
        return Server(name, up=False, milliseconds=None, problem=type(error).__name__), None
    return Server(name, up=True, milliseconds=round(1000 * (time.perf_counter() - started), 1)), answer


async def _ask_broker(at: Addresses) -> Broker:
    async with open_management(at.amqp_management, virtual_host_of(at.amqp)) as management:
        depths, consumers, nodes = await asyncio.gather(management.depths(), management.consumers(), management.nodes())
    queues = {name: Queue(depth.ready, depth.in_hand, consumers.get(name)) for name, depth in depths.items()}
    return Broker(queues, [Node(node.name, node.running, list(node.alarms)) for node in nodes])


async def _ask_redis(url: str) -> Cycle | None:
    book = CycleBook(url)
    try:
        return await book.newest()
    finally:
        await book.close()


async def _ask_accounts(url: str) -> None:
    async with _connected("accounts", url) as connection:
        await connection.fetchval("SELECT 1")


async def _ask_shard(name: str, url: str) -> date:
    async with _connected(name, url) as connection:
        try:
            state = await state_of(connection)
        except asyncpg.UndefinedTableError:
            state = None
    if state is None:
        raise ConfigurationError(f"{name} is not migrated: `./farelark migrate`")
    return state.rates_date


@asynccontextmanager
async def _connected(name: str, url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(name, url)
    try:
        yield connection
    except BaseException:
        connection.terminate()  # to a server that is frozen a goodbye would take as long as the question
        raise
    await connection.close()
