"""Whether requests should be sent to this process.

Every process sees the same servers: what is away for one is away for all, and a balancer without a process left has
nothing to answer with. So only what nearly every request needs counts: accounts, and some shard.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Literal

from shared.errors import FarelarkError, UnavailableError

Check = Callable[[], Awaitable[None]]
States = dict[str, Literal["ok", "away"]]

# Shorter than what balancers wait for, who take no answer for a no.
_PATIENCE_S: Final = 1.0


class NotReadyError(FarelarkError):
    """Accounts is away, or every shard.

    Args:
        servers: how each server is.
    """

    def __init__(self, servers: States) -> None:
        away = [name for name, state in servers.items() if state == "away"]
        super().__init__(f"out of reach: {', '.join(away)}")
        self.servers = servers


class Readiness:
    """Asks all servers at once.

    Args:
        accounts: makes sure that the accounts database answers.
        shards: does so for each shard, by name.
        others: and for servers that requests can be answered without.
    """

    def __init__(self, accounts: Check, shards: Mapping[str, Check], others: Mapping[str, Check]) -> None:
        self._checks = {"accounts": accounts, **shards, **others}
        self._shards = list(shards)
        self.holds = False  # as far as the last look has shown

    async def look(self) -> States:
        """How each server is.

        Raises:
            NotReadyError: too few are there.
        """
        states = await asyncio.gather(*map(_state_by, self._checks.values()))
        servers: States = dict(zip(self._checks, states, strict=True))
        self.holds = servers["accounts"] == "ok" and any(servers[shard] == "ok" for shard in self._shards)
        if not self.holds:
            raise NotReadyError(servers)
        return servers

    async def renew(self) -> None:
        """Look on behalf of those who only ask whether it `holds`."""
        with suppress(NotReadyError):
            await self.look()


async def _state_by(check: Check) -> Literal["ok", "away"]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await check()
    except (UnavailableError, TimeoutError):
        return "away"
    return "ok"
