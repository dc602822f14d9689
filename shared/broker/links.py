"""The link to RabbitMQ: made with patience, and each call over it with a deadline."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import stamina
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from shared.errors import UnavailableError

HEARTBEAT_S: Final = 10
CONNECT_TIMEOUT_S: Final = 5.0
_CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, RuntimeError)

Connection = TypeVar("Connection", bound=AbstractConnection)


@asynccontextmanager
async def reaching_rabbitmq(seconds: float) -> AsyncIterator[None]:
    """Turn a lost link, an error of the broker and a passed deadline into `UnavailableError`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise UnavailableError("rabbitmq", "the link was lost") from None
    except _CONNECTION_ERRORS as error:
        raise UnavailableError("rabbitmq", type(error).__name__) from error


async def connect(make: Callable[..., Awaitable[Connection]], url: str, name: str) -> Connection:
    """Connect, waiting as long as it takes for the broker to be there."""
    attempts = stamina.retry_context(on=_CONNECTION_ERRORS, attempts=None, timeout=None, wait_max=5.0)
    async for attempt in attempts:
        with attempt:
            return await connect_once(make, url, name)
    raise AssertionError("the retries above never run out")


async def connect_once(make: Callable[..., Awaitable[Connection]], url: str, name: str) -> Connection:
    """Connect, or raise what the library does."""
    return await make(
        url,
        heartbeat=HEARTBEAT_S,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_interval=random.uniform(0.5, 1.5),  # noqa: S311  # spreads the fleet, hides nothing
        client_properties={"connection_name": name},
    )
