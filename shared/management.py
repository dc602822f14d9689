"""RabbitMQ's management API: applies the topology and tells how full every queue is.

The one place to ask for depths: a passive declaration answers from a cache and does not know what is unacknowledged.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from shared.errors import UnavailableError
from shared.topology import EXCHANGES, WORK_QUEUES, Exchange, Policy, policies

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_DURABLE_QUORUM: Final = {"durable": True, "arguments": {"x-queue-type": "quorum"}}


@dataclass(frozen=True, slots=True)
class Depth:
    """One queue: messages ready, and in consumers' hands."""

    ready: int
    in_hand: int


class Management:
    """The management API of one virtual host."""

    def __init__(self, session: aiohttp.ClientSession, virtual_host: str) -> None:
        self._session = session
        self._virtual_host = quote(virtual_host, safe="")

    async def apply_topology(self) -> None:
        """Make policies, queues, exchanges and bindings; those that are there stay as they are.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        for policy in policies():
            await self._put_policy(policy)
        for queue in WORK_QUEUES:
            await asyncio.gather(*(self._request("PUT", "queues", name, _DURABLE_QUORUM) for name in queue.all_names))
        for exchange in EXCHANGES:
            await self._put_exchange(exchange)

    async def depths(self) -> dict[str, Depth]:
        """Every queue of the virtual host, by name, as old as the queues' tick interval.

        Only totals are asked for: the full statistics are up to 5 s older.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        queues = await self._request("GET", "queues", query="?disable_stats=true&enable_queue_totals=true")
        return {queue["name"]: _depth(queue) for queue in queues}

    async def _put_policy(self, policy: Policy) -> None:
        body = {"pattern": policy.pattern, "definition": policy.definition, "apply-to": "queues"}
        await self._request("PUT", "policies", policy.name, body)

    async def _put_exchange(self, exchange: Exchange) -> None:
        await self._request("PUT", "exchanges", exchange.name, {"type": exchange.kind, "durable": True})
        for routing_key, queue in exchange.bindings:
            await self._request("POST", "bindings", f"e/{exchange.name}/q/{queue.name}", {"routing_key": routing_key})

    async def _request(
        self, method: str, kind: str, name: str = "", body: dict[str, Any] | None = None, query: str = ""
    ) -> Any:  # noqa: ANN401  # JSON
        path = f"/api/{kind}/{self._virtual_host}" + (f"/{name}" if name else "") + query
        try:
            async with self._session.request(method, path, json=body) as response:
                response.raise_for_status()
                return await response.json() if method == "GET" else None
        except aiohttp.ClientResponseError as error:
            raise UnavailableError("rabbitmq management", f"{method} {path} answered {error.status}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError("rabbitmq management", type(error).__name__) from None


@asynccontextmanager
async def open_management(url: str, virtual_host: str = "/") -> AsyncIterator[Management]:
    """The management API at `http://user:password@host:port`."""
    async with aiohttp.ClientSession(url, timeout=_TIMEOUT) as session:
        yield Management(session, virtual_host)


def _depth(queue: dict[str, Any]) -> Depth:
    return Depth(ready=queue.get("messages_ready", 0), in_hand=queue.get("messages_unacknowledged", 0))
