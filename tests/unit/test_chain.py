"""When the chain is busy: a message under way must be seen somewhere."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import httpx
import pytest

from fleet.addresses import Service
from fleet.chain import Chain, Look, NotDrainedError
from shared.management import Depth, Management
from tests.unit.local_addresses import LOCAL


@pytest.mark.parametrize(
    ("look", "busy"),
    [
        (Look({}, {}), False),
        (Look({"fares.live": Depth(0, 0)}, {"farelark_messages_in_hand": 0.0, "farelark_spooled_batches": 0.0}), False),
        (Look({"fares.live": Depth(1, 0)}, {}), True),
        (Look({"changes.history": Depth(0, 1)}, {}), True),
        (Look({}, {"farelark_messages_in_hand": 1.0}), True),
        (Look({}, {"farelark_spooled_batches": 1.0}), True),
    ],
)
def test_a_queue_a_worker_or_the_spool_keeps_it_busy(look: Look, busy: bool) -> None:
    assert look.busy is busy


@pytest.mark.parametrize(
    ("look", "left"),
    [
        (Look({"fares.live": Depth(3, 1), "fares.ingest": Depth(0, 0)}, {}), "fares.live 3+1"),
        (Look({}, {"farelark_spooled_batches": 2.0}), "fares in the gateways' spool"),
        (
            Look({"fares.live": Depth(0, 1)}, {"farelark_spooled_batches": 2.0}),
            "fares.live 0+1, fares in the gateways' spool",
        ),
        (Look({}, {"farelark_messages_in_hand": 1.0, "farelark_spooled_batches": 0.0}), "messages still move"),
    ],
)
def test_who_gives_up_waiting_is_told_what_is_left(look: Look, left: str) -> None:
    assert str(NotDrainedError(look)) == f"not drained in time; ready+in hand: {left}"


class Queues:
    """Stands for the management API of a broker whose queues are always as full as this."""

    def __init__(self, depths: Mapping[str, Depth]) -> None:
        self._depths = depths

    async def depths(self) -> Mapping[str, Depth]:
        return self._depths


def worker(request: httpx.Request) -> httpx.Response:
    """Stands for a gateway with two batches in its spool."""
    assert request.url.path == "/metrics"
    return httpx.Response(200, text="farelark_spooled_batches 2.0\n")


@pytest.mark.parametrize(
    ("depth", "left"),
    [
        (Depth(3, 1), "fares.live 3+1, fares in the gateways' spool"),
        (Depth(0, 0), "fares in the gateways' spool"),
    ],
)
async def test_a_drain_that_gives_up_names_queues_and_spool(depth: Depth, left: str) -> None:
    at = replace(LOCAL, services=[Service("ingest_gateway", 0, "http://gateway")])
    async with httpx.AsyncClient(transport=httpx.MockTransport(worker)) as client:
        chain = Chain(at, cast("Management", Queues({"fares.live": depth})), client)
        with pytest.raises(NotDrainedError, match=re.escape(left)):
            await chain.drain(0)
