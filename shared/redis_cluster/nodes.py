"""The nodes of a cluster, and who serves which slot as far as they have told."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ClusterDownError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.redis_cluster.addresses import Address

SLOTS: Final = 16_384
# Asked side by side for who serves what; the first answer counts, so that two which hang hold nobody up.
_ASKED_AT_ONCE: Final = 3


class Nodes:
    """Clients of the nodes, opened as they are needed.

    Args:
        seeds: the nodes to ask first.
        open_node: makes a client.
    """

    def __init__(self, seeds: Sequence[Address], open_node: Callable[[Address], Redis]) -> None:
        self._seeds = seeds
        self._open_node = open_node
        self._clients: dict[Address, Redis] = {}
        self._owners: list[Address | None] = []
        self._looking = asyncio.Lock()
        self.looks = 0  # how often the nodes have told who serves what

    def owner(self, slot: int) -> Address | None:
        """Who serves a slot, None if nobody does."""
        return self._owners[slot]

    def moved(self, slot: int, address: Address) -> None:
        """Take note that a slot is served by another node from now on."""
        self._owners[slot] = address

    @property
    def masters(self) -> set[Address]:
        """Those that serve slots."""
        return {address for address in self._owners if address}

    def client(self, address: Address) -> Redis:
        """The client of a node."""
        if address not in self._clients:
            self._clients[address] = self._open_node(address)
        return self._clients[address]

    async def look(self, looks: int) -> None:
        """Have the nodes tell who serves what, unless they did after so many looks.

        Raises:
            RedisError: none of them answers.
        """
        if self.looks != looks:
            return
        async with self._looking:
            if self.looks == looks:
                await self._take(await self._told())
                self.looks += 1

    async def make_sure_of_all(self) -> None:
        """Return if every slot has a node that answers and deems the whole cluster well.

        Raises:
            RedisError, OSError: not so.
        """
        await self.look(self.looks)
        if None in self._owners:
            raise ClusterDownError("nobody serves a slot")
        answers = (self.client(master).cluster("INFO") for master in self.masters)
        if any(info["cluster_state"] != "ok" for info in await asyncio.gather(*answers)):
            raise ClusterDownError("a node deems the cluster down")

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))

    async def _told(self) -> Mapping[Address, Sequence[range]]:
        known = list({*self._seeds, *self.masters})
        random.shuffle(known)
        error: Exception = RedisConnectionError("no node is known")
        for start in range(0, len(known), _ASKED_AT_ONCE):
            asking = [asyncio.create_task(self._ask(node)) for node in known[start : start + _ASKED_AT_ONCE]]
            try:
                for answer in asyncio.as_completed(asking):
                    try:
                        return await answer
                    except (RedisError, OSError) as failure:
                        error = failure
            finally:
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
        raise error

    async def _ask(self, node: Address) -> Mapping[Address, Sequence[range]]:
        """Who serves what in the eyes of a node; one that does not know its own address leaves that out."""
        served: dict[Address, list[range]] = {}
        for first, last, (host, port, *_), *_ in await self.client(node).cluster("SLOTS"):
            master = Address(host.decode() if host else node.host, port)
            served.setdefault(master, []).append(range(first, last + 1))
        if not served:
            raise RedisConnectionError("a node that belongs to no cluster")
        return served

    async def _take(self, served: Mapping[Address, Sequence[range]]) -> None:
        owners: list[Address | None] = [None] * SLOTS
        for address, ranges in served.items():
            for slots in ranges:
                owners[slots.start : slots.stop] = [address] * len(slots)
        self._owners = owners
        gone = self._clients.keys() - self.masters - set(self._seeds)
        await asyncio.gather(*(self._clients.pop(address).aclose() for address in gone))
