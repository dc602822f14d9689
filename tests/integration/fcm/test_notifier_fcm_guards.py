"""What the gateway to FCM leaves alone: FCM while it is down or refuses us, and platforms it cannot push to."""

import asyncio
from collections import Counter

import pytest

from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.gateway import Outcome, Verdict
from shared.errors import UnavailableError
from tests.counted import counted
from tests.hand_moved_clock import Clock
from tests.integration.fcm_stand_in import Answer, FcmStandIn
from tests.integration.pushes import Pace, open_gateway, push
from tests.integration.raw_server import raw_server

SENT = Outcome(Verdict.SENT)
BARRED = Outcome(Verdict.UNTRIED, "circuit_open")
HELD = Outcome(Verdict.UNTRIED, "third_party_auth", 60)
DENIED = Outcome(Verdict.REFUSED, "permission_denied")
AWAY = Outcome(Verdict.TRANSIENT, "server_error")

DOWN = Answer(503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "test error"}})
FORBIDDEN = Answer(403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "test error"}})
UNKNOWN_KEY = Answer(
    401,
    {
        "error": {
            "code": 401,
            "status": "UNAUTHENTICATED",
            "message": "test error",
            "details": [
                {
                    "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                    "errorCode": "THIRD_PARTY_AUTH_ERROR",
                }
            ],
        }
    },
)


def requests(stand_in: FcmStandIn, address: str) -> int:
    return sum(message["token"] == address for message in stand_in.messages())


def state(name: str) -> float:
    return counted("farelark_breaker_state", breaker="fcm", state=name)


async def test_down_it_is_left_alone_then_asked_by_one_push_and_back_it_gets_all(
    stand_in: FcmStandIn, gateway: FirebaseGateway, pace: Pace, clock: Clock, address: str
) -> None:
    stand_in.answer_all(DOWN)
    assert await gateway.send([push(address)] * 10) == [AWAY] * 10
    assert state("open") == 1

    permits = pace.permits
    assert await gateway.send([push(address)] * 50) == [BARRED] * 50
    assert (requests(stand_in, address), pace.permits) == (10, permits)

    clock.now += 5
    assert Counter(await gateway.send([push(address)] * 50)) == {AWAY: 1, BARRED: 49}
    assert requests(stand_in, address) == 11

    stand_in.answer_all(None)
    clock.now += 10
    assert await gateway.send([push(address)]) == [SENT]
    assert state("closed") == 1
    assert await gateway.send([push(address)] * 50) == [SENT] * 50


async def test_hundreds_of_failures_that_were_in_flight_are_one_outage(stand_in: FcmStandIn, clock: Clock) -> None:
    before = counted("farelark_breaker_changes_total", breaker="fcm", state="open")
    asked = asyncio.Barrier(300)

    async def fail_all_at_once(_: int, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(fail_all_at_once) as url, open_gateway(stand_in.account, url, clock=clock) as gateway:
        assert set(await gateway.send([push("anybody")] * 300)) == {AWAY}
    assert counted("farelark_breaker_changes_total", breaker="fcm", state="open") - before == 1


async def test_devices_that_are_gone_and_limits_that_are_reached_are_no_outage(
    stand_in: FcmStandIn, gateway: FirebaseGateway, address: str
) -> None:
    for status in (400, 404, 429):
        stand_in.answer_all(Answer(status, {"error": {"code": status, "message": "test error"}}))
        outcomes = await gateway.send([push(address)] * 50)
        assert Verdict.UNTRIED not in {outcome.verdict for outcome in outcomes}
    assert state("closed") == 1


async def test_refused_it_asks_again_in_a_minute_and_with_one_push(
    stand_in: FcmStandIn, gateway: FirebaseGateway, clock: Clock, address: str
) -> None:
    stand_in.answer_all(FORBIDDEN)
    assert await gateway.send([push(address)]) == [DENIED]
    clock.now += 59
    assert await gateway.send([push(address)] * 5) == [BARRED] * 5
    clock.now += 1
    assert Counter(await gateway.send([push(address)] * 5)) == {DENIED: 1, BARRED: 4}
    assert requests(stand_in, address) == 2
    stand_in.answer_all(None)
    clock.now += 60
    assert await gateway.send([push(address)]) == [SENT]


async def test_a_platform_whose_key_is_not_taken_is_held_while_the_others_flow(
    stand_in: FcmStandIn, gateway: FirebaseGateway, clock: Clock, address: str
) -> None:
    iphone, android = push(f"{address}-ios", platform="ios"), push(address)
    stand_in.answer(iphone.device.address, UNKNOWN_KEY)
    assert await gateway.send([iphone]) == [HELD]
    assert counted("farelark_platform_held", platform="ios") == 1
    assert await gateway.send([iphone, android] * 20) == [HELD, SENT] * 20
    assert requests(stand_in, iphone.device.address) == 1
    assert state("closed") == 1

    for probes in (2, 3):
        clock.now += 60
        assert await gateway.send([iphone] * 20) == [HELD] * 20
        assert requests(stand_in, iphone.device.address) == probes

    stand_in.answer(iphone.device.address, Answer(200, {"name": "projects/p/messages/1"}))
    clock.now += 60
    assert await gateway.send([iphone]) == [SENT]
    assert counted("farelark_platform_held", platform="ios") == 0
    assert await gateway.send([iphone] * 20) == [SENT] * 20


class Interrupted(Pace):
    """A pacer whose Redis goes away after so many permits."""

    def __init__(self, permits: int) -> None:
        super().__init__()
        self.left = permits

    async def permit(self, waiting: int) -> None:
        if self.permits == self.left:
            raise UnavailableError("redis")
        await super().permit(waiting)


async def test_while_the_fleets_schedule_is_away_nothing_is_sent(stand_in: FcmStandIn, address: str) -> None:
    async with open_gateway(stand_in.account, stand_in.url, Interrupted(0)) as gateway:
        with pytest.raises(UnavailableError, match="redis"):
            await gateway.send([push(address)] * 3)
    assert requests(stand_in, address) == 0


async def test_what_left_before_the_schedule_went_away_is_known_and_the_rest_was_not_tried(
    stand_in: FcmStandIn, address: str
) -> None:
    async with open_gateway(stand_in.account, stand_in.url, Interrupted(2)) as gateway:
        untried = Outcome(Verdict.UNTRIED, "redis_unavailable")
        assert await gateway.send([push(address)] * 5) == [SENT, SENT, untried, untried, untried]
    assert requests(stand_in, address) == 2
