"""A stand-in for FCM, and a gateway to it that is not slowed down and whose clock stands still."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from services.notifier.fcm.firebase import FirebaseGateway
from tests.hand_moved_clock import Clock
from tests.integration.fcm_stand_in import FcmStandIn, fcm_stand_in
from tests.integration.pushes import Pace, open_gateway


@pytest.fixture(scope="module")
def running() -> Iterator[FcmStandIn]:
    with fcm_stand_in() as one:
        yield one


@pytest.fixture
def stand_in(running: FcmStandIn) -> Iterator[FcmStandIn]:
    """A stand-in without orders."""
    yield running
    running.answer_all(None)
    running.set_latency(0)
    running.set_token_endpoint()


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gateway(stand_in: FcmStandIn, pace: Pace, clock: Clock) -> AsyncIterator[FirebaseGateway]:
    async with open_gateway(stand_in.account, stand_in.url, pace, clock) as opened:
        yield opened


@pytest.fixture
def address() -> str:
    """A device that no other test knows: the stand-in serves them all."""
    return f"device-{uuid4()}"
