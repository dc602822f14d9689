"""The running chain as one thing: how full its queues are, what its workers have done, and when it is at rest.

The broker's numbers are samples up to a tick old, and each queue takes its own, so one look at empty queues
proves nothing. The chain is at rest when two looks, more than a tick apart, show empty queues, an empty spool and idle
workers, and no worker has settled a message in between: a message under way would have sat in one place all that time,
and be seen there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from fleet.addresses import Addresses
from fleet.backends import virtual_host_of
from shared.errors import FarelarkError
from shared.management import Depth, Management, open_management
from shared.topology import WORK_QUEUES

_MARGIN_S: Final = 0.1
_SCRAPE_TIMEOUT_S: Final = 5.0
_IN_HAND: Final = "farelark_messages_in_hand"
_SPOOLED: Final = "farelark_spooled_batches"

Depths = Mapping[str, Depth]
Metrics = Mapping[str, float]


class NotDrainedError(FarelarkError):
    """The chain still had work when the time was up."""

    def __init__(self, look: "Look") -> None:
        super().__init__(f"not drained in time; ready+in hand: {look.left or 'messages still move'}")


@dataclass(frozen=True, slots=True)
class Look:
    """The work and retry queues, and the workers' counters summed over processes and labels."""

    depths: Depths
    metrics: Metrics

    @property
    def busy(self) -> bool:
        """Whether a queue or the gateways' spool holds something, or a worker has it in hand, by anybody's word."""
        return bool(_busy(self.depths) or self.metrics.get(_IN_HAND) or self.metrics.get(_SPOOLED))

    @property
    def left(self) -> str:
        """Where work is left, such as `fares.ingest 3+4`: so many messages ready, and so many in hand."""
        left = [f"{name} {depth.ready}+{depth.in_hand}" for name, depth in _busy(self.depths).items()]
        if self.metrics.get(_SPOOLED):
            left.append("fares in the gateways' spool")
        return ", ".join(left)

    @property
    def settled(self) -> float:
        """How many messages the workers have ever settled."""
        return self.metrics.get("farelark_messages_total", 0)


class Chain:
    """The queues and workers of one fleet."""

    def __init__(self, addresses: Addresses, management: Management, client: httpx.AsyncClient) -> None:
        self._addresses = addresses
        self._management = management
        self._client = client

    async def look(self) -> Look:
        """Look once.

        Raises:
            UnavailableError: the broker cannot be reached.
        """
        return Look(_of_the_chain(await self.depths()), await self.metrics())

    async def depths(self) -> Depths:
        """All queues, those of dead letters too.

        Raises:
            UnavailableError: the broker cannot be reached.
        """
        return await self._management.depths()

    async def dead_letters(self) -> int:
        """How many messages lie in dead-letter queues, those that somebody looks at now included.

        Raises:
            UnavailableError: the broker cannot be reached.
        """
        depths = await self.depths()
        dead = [depths[queue.dead] for queue in WORK_QUEUES if queue.dead in depths]
        return sum(depth.ready + depth.in_hand for depth in dead)

    async def drain(self, seconds: float) -> None:
        """Return when every work and retry queue and the gateways' spool are empty and nothing is in hand.

        Args:
            seconds: when to give up.

        Raises:
            NotDrainedError: names what is left.
        """
        deadline = time.monotonic() + seconds
        before = None
        while True:
            depths = _of_the_chain(await self.depths())
            look = Look(depths, {} if _busy(depths) else await self.metrics())  # workers are many, and answer slowly
            settled = None if look.busy else look.settled
            if settled is not None and settled == before:
                return
            if time.monotonic() > deadline:
                raise NotDrainedError(Look(depths, await self.metrics()))
            before = settled
            await asyncio.sleep(self._addresses.amqp_tick_interval + (0 if look.busy else _MARGIN_S))

    async def metrics(self) -> Metrics:
        """The workers' counters summed over processes and labels."""
        totals: dict[str, float] = {}
        scrapes = await asyncio.gather(
            *(self._client.get(f"{service.ops}/metrics") for service in self._addresses.services),
            return_exceptions=True,  # a process that is being started again counts from 0
        )
        for scrape in scrapes:
            if isinstance(scrape, httpx.Response):
                _add(totals, scrape.text)
        return totals


@asynccontextmanager
async def open_chain(addresses: Addresses) -> AsyncIterator[Chain]:
    """The chain of the fleet at these addresses."""
    async with (
        open_management(addresses.amqp_management, virtual_host_of(addresses.amqp)) as management,
        httpx.AsyncClient(timeout=_SCRAPE_TIMEOUT_S) as client,
    ):
        yield Chain(addresses, management, client)


def _add(totals: dict[str, float], exposition: str) -> None:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0) + sample.value


def _of_the_chain(depths: Depths) -> dict[str, Depth]:
    """Dead letters wait for a person, not for the chain."""
    names = [name for queue in WORK_QUEUES for name in queue.all_names if name != queue.dead]
    return {name: depths[name] for name in names if name in depths}


def _busy(depths: Depths) -> dict[str, Depth]:
    return {name: depth for name, depth in depths.items() if depth.ready or depth.in_hand}
