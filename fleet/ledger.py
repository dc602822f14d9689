"""Counts what a fleet has done, from where each thing is kept and not from what somebody says about it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from fleet.addresses import Addresses
from fleet.chain import Chain, open_chain
from shared.errors import FarelarkError

_SOON_S: Final = 10.0
_CLAIMS = "SELECT coalesce(sum(fire_seq), 0) FROM alerts"
_NOTIFICATIONS = "SELECT count(*) FROM notifications WHERE content ->> 'kind' = 'fired'"
_DROPPED = "SELECT count(*) FROM notifications WHERE state = 'dropped'"
_SUPPRESSED = "SELECT count(*) FROM notifications WHERE state = 'suppressed'"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Totals since the fleet's data folder was made; changes and set-aside since the workers started.

    Claims are those of alerts that are still there. Dropped are the notifications that nobody was sent because they
    were true no more, suppressed those that were kept back, most because another of their alert told more.
    """

    changes: int
    set_aside: int
    claims: int
    notifications: int
    dropped: int
    suppressed: int
    pushes: int
    dead_lettered: int


async def count(addresses: Addresses, chain: Chain) -> Ledger:
    """Take stock of a fleet; exact only once it is drained."""
    look = await chain.look()
    claims = await asyncio.gather(*(_scalar(url, _CLAIMS) for url in addresses.shards))
    return Ledger(
        changes=int(look.metrics.get("farelark_changes_total", 0)),
        set_aside=int(look.metrics.get("farelark_set_aside_documents_total", 0)),
        claims=sum(claims),
        notifications=await _scalar(addresses.accounts, _NOTIFICATIONS),
        dropped=await _scalar(addresses.accounts, _DROPPED),
        suppressed=await _scalar(addresses.accounts, _SUPPRESSED),
        pushes=await asyncio.to_thread(_lines, Path(addresses.push_log)),
        dead_lettered=await chain.dead_letters(),
    )


async def count_soon(addresses: Addresses) -> Ledger | None:
    """The same within ten seconds; None if something is away or there is too much to count."""
    try:
        async with asyncio.timeout(_SOON_S), open_chain(addresses) as chain:
            return await count(addresses, chain)
    except (FarelarkError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None


async def _scalar(url: str, statement: str) -> int:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)
