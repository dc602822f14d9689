"""Looks at a fleet again and again; what it knows of earlier looks makes rates of counters."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

from fleet.addresses import Addresses
from fleet.ledger import count_soon
from fleet.partitions_ahead import days_ahead
from fleet.status.assembling import assemble, cycle_counter
from fleet.status.exposition import Told
from fleet.status.pace import Pace
from fleet.status.probes import TIMEOUT_S, ask_servers
from fleet.status.processes import ask_all
from fleet.status.snapshot import Process, Snapshot
from shared.cycles import Cycle

_DAYS_AHEAD_EVERY_S: Final = 60.0
_BETWEEN_TWO_LOOKS_S: Final = 0.5
_SLOW_S: Final = 1.0


class Watcher:
    """Looks at one fleet.

    Args:
        find: tells where everything is at the moment; may take its time, for it may resolve names.
    """

    def __init__(self, find: Callable[[], Addresses]) -> None:
        self._find_addresses = find
        self._at: Addresses | None = None
        self._pace = Pace()
        self._days_ahead: dict[str, int] = {}
        self._next_days_ahead = 0.0

    async def look(self) -> Snapshot:
        """Look at all of it side by side; what does not answer is shown as such.

        Raises:
            ConfigurationError: nothing says where the fleet is.
        """
        at = await self._find()
        answers, processes, _ = await asyncio.gather(ask_servers(at), ask_all(at.processes), self._look_ahead(at))
        self._pace.see(time.monotonic(), _counters(processes, answers.cycle))
        return assemble(datetime.now(UTC), answers, processes, self._days_ahead, self._pace)

    async def look_twice(self) -> Snapshot:
        """A look that knows rates, unless something is so slow that nobody would wait for a second one; as above."""
        started = time.monotonic()
        first = await self.look()
        if time.monotonic() - started > _SLOW_S:
            return first
        await asyncio.sleep(_BETWEEN_TWO_LOOKS_S)
        return await self.look()

    async def with_totals(self, snapshot: Snapshot) -> Snapshot:
        """The same with totals, which scan whole tables: only of a fleet on this machine, and if no server is away."""
        at = await self._find()
        if not at.pid or not all(server.up for server in snapshot.servers):
            return snapshot
        ledger = await count_soon(at)
        return replace(snapshot, ledger=asdict(ledger)) if ledger else snapshot

    async def _find(self) -> Addresses:
        """Where everything is now; while names cannot be resolved, where it was."""
        finding = asyncio.to_thread(self._find_addresses)
        try:
            self._at = await asyncio.wait_for(finding, TIMEOUT_S if self._at else None)
        except TimeoutError:
            assert self._at, "the first time has no deadline"
        return self._at

    async def _look_ahead(self, at: Addresses) -> None:
        if time.monotonic() < self._next_days_ahead:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                found = await days_ahead(at.accounts, at.shards, datetime.now(UTC).date())
                self._days_ahead = {f"{database}.{table}": days for (database, table), days in found.items()}
        self._next_days_ahead = time.monotonic() + _DAYS_AHEAD_EVERY_S


def _counters(processes: Sequence[tuple[Process, Told]], cycle: Cycle | None) -> dict[tuple[str, str], int]:
    counters = {(process.at, name): number for process, told in processes for name, number in told.counted.items()}
    if cycle:
        counters |= {("cycle", cycle_counter(cycle.id, stage)): number for stage, number in cycle.counts.items()}
    return counters
