"""RabbitMQ's management API: applies the topology, lets its users in, and tells how full every queue is.

The one place to ask for depths: a passive declaration answers from a cache and does not know what is unacknowledged.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from shared.broker_users import User, users
from shared.errors import UnavailableError
from shared.topology import EXCHANGES, WORK_QUEUES, Exchange, Policy, policies

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_IN_ALARM: Final = HTTPStatus.SERVICE_UNAVAILABLE
_DURABLE_QUORUM: Final = {"durable": True, "arguments": {"x-queue-type": "quorum"}}


@dataclass(frozen=True, slots=True)
class Depth:
    """One queue: messages ready, and in consumers' hands."""

    ready: int
    in_hand: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the broker; its alarms, such as `memory` and `disk`, block the publishers of all nodes."""

    name: str
    running: bool
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was not yet as the topology has it, by name: queues and exchanges that were made, policies that were set."""

    queues: list[str]
    exchanges: list[str]
    policies: list[str]


class Management:
    """The management API of one virtual host."""

    def __init__(self, session: aiohttp.ClientSession, virtual_host: str) -> None:
        self._session = session
        self._virtual_host = quote(virtual_host, safe="")

    async def apply_topology(self) -> Applied:
        """Make policies, queues, exchanges and bindings. Nothing is removed, and what is there keeps its messages.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        missing = await self._missing()
        await asyncio.gather(*map(self._put_policy, policies()))  # before there is a queue that they are for
        for queue in WORK_QUEUES:
            await asyncio.gather(*(self._put("queues", name, _DURABLE_QUORUM) for name in queue.all_names))
        for exchange in EXCHANGES:
            await self._put_exchange(exchange)
        return missing

    async def apply_users(self, passwords: Mapping[str, str]) -> None:
        """Let in each of the topology's users who has a password here, with the rights that the topology gives them.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        for user in users():
            if user.name in passwords:
                await self._put_user(user, passwords[user.name])

    async def depths(self) -> dict[str, Depth]:
        """Every queue of the virtual host, by name, as old as the queues' tick interval.

        Only totals are asked for: the full statistics are up to 5 s older.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        queues = await self._list("queues", "?disable_stats=true&enable_queue_totals=true")
        return {queue["name"]: _depth(queue) for queue in queues}

    async def consumers(self) -> dict[str, int]:
        """How many consumers each queue has, up to 5 s old; a queue of a broker that has just started may be missing.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        queues = await self._list("queues", "?columns=name,consumers")
        return {queue["name"]: queue["consumers"] for queue in queues if "consumers" in queue}

    async def nodes(self) -> list[Node]:
        """The broker's nodes with the alarms in force on them.

        Raises:
            UnavailableError: the API cannot be reached or refuses.
        """
        nodes = await self._request("GET", "nodes?columns=name,running")
        alarms = (await self._request("GET", "health/checks/alarms", also=_IN_ALARM)).get("alarms", [])
        return [_node(node, alarms) for node in nodes]

    async def _missing(self) -> Applied:
        queues, exchanges = await self._names("queues"), await self._names("exchanges")
        limits = {policy["name"]: (policy["pattern"], policy["definition"]) for policy in await self._list("policies")}
        return Applied(
            queues=[name for queue in WORK_QUEUES for name in queue.all_names if name not in queues],
            exchanges=[exchange.name for exchange in EXCHANGES if exchange.name not in exchanges],
            policies=[p.name for p in policies() if limits.get(p.name) != (p.pattern, p.definition)],
        )

    async def _names(self, kind: str) -> set[str]:
        return {found["name"] for found in await self._list(kind, "?disable_stats=true")}

    async def _list(self, kind: str, query: str = "") -> Any:  # noqa: ANN401  # JSON
        return await self._request("GET", f"{kind}/{self._virtual_host}{query}")

    async def _put(self, kind: str, name: str, body: dict[str, Any]) -> None:
        await self._request("PUT", f"{kind}/{self._virtual_host}/{name}", body)

    async def _put_policy(self, policy: Policy) -> None:
        body = {"pattern": policy.pattern, "definition": policy.definition, "apply-to": "queues"}
        await self._put("policies", policy.name, body)

    async def _put_exchange(self, exchange: Exchange) -> None:
        await self._put("exchanges", exchange.name, {"type": exchange.kind, "durable": True})
        for routing_key, queue in exchange.bindings:
            path = f"bindings/{self._virtual_host}/e/{exchange.name}/q/{queue}"
            await self._request("POST", path, {"routing_key": routing_key})

    async def _put_user(self, user: User, password: str) -> None:
        await self._request("PUT", f"users/{user.name}", {"password": password, "tags": ",".join(user.tags)})
        await self._put("permissions", user.name, user.rights)

    async def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None, also: int | None = None
    ) -> Any:  # noqa: ANN401  # JSON
        """The answer, whose status is a success or the one that is also expected."""
        try:
            async with self._session.request(method, f"/api/{path}", json=body) as response:
                if not response.ok and response.status != also:
                    answer = f"{method} /api/{path} answered {response.status}{await _reason(response)}"
                    raise UnavailableError("rabbitmq management", answer)
                return await response.json() if method == "GET" else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError("rabbitmq management", type(error).__name__) from None


@asynccontextmanager
async def open_management(url: str, virtual_host: str = "/") -> AsyncIterator[Management]:
    """The management API at `http://user:password@host:port`."""
    async with aiohttp.ClientSession(url, timeout=_TIMEOUT) as session:
        yield Management(session, virtual_host)


async def _reason(response: aiohttp.ClientResponse) -> str:
    """What RabbitMQ says to its refusal; a proxy before it may say anything."""
    if response.content_type != "application/json":
        return ""
    return f": {(await response.json()).get('reason')}"


def _depth(queue: dict[str, Any]) -> Depth:
    return Depth(ready=queue.get("messages_ready", 0), in_hand=queue.get("messages_unacknowledged", 0))


def _node(node: dict[str, Any], alarms: list[dict[str, str]]) -> Node:
    of_this = tuple(alarm["resource"] for alarm in alarms if alarm["node"] == node["name"])
    return Node(node["name"], node.get("running", False), of_this)
