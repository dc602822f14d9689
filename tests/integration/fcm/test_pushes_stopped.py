"""Pushes that are stopped while they wait in line for FCM do not leave any more."""

import asyncio

from services.notifier.gateway import PUSHES_STOPPED, Outcome, Verdict
from tests.integration.fcm_stand_in import FcmStandIn
from tests.integration.pushes import Pace, open_gateway, push
from tests.integration.raw_server import ACCEPTED, raw_server

SENT = Outcome(Verdict.SENT)


class HeldPace(Pace):
    """Gives the first permit at once and the next when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.give = asyncio.Event()

    async def permit(self, waiting: int) -> None:
        await super().permit(waiting)
        if self.permits > 1:
            self.asked.set()
            await self.give.wait()


async def test_of_a_batch_what_has_left_ends_as_it_does_and_the_rest_stays(stand_in: FcmStandIn) -> None:
    stop, requests = asyncio.Event(), 0

    async def stop_at_the_second(_: int, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        if requests == 2:
            stop.set()
        writer.write(ACCEPTED)

    async with (
        raw_server(stop_at_the_second) as url,
        open_gateway(stand_in.account, url, connections=1, stopped=stop.is_set) as gateway,
    ):
        assert await gateway.send([push("anybody")] * 5) == [SENT, SENT, *[PUSHES_STOPPED] * 3]
    assert requests == 2


async def test_a_push_that_waits_for_its_permit_meanwhile_does_not_leave(stand_in: FcmStandIn) -> None:
    stop, pace = asyncio.Event(), HeldPace()
    async with open_gateway(stand_in.account, stand_in.url, pace, stopped=stop.is_set) as gateway:
        sending = asyncio.create_task(gateway.send([push("anybody")] * 3))
        await pace.asked.wait()
        stop.set()
        pace.give.set()
        assert await sending == [SENT, PUSHES_STOPPED, PUSHES_STOPPED]
    assert pace.permits == 2
