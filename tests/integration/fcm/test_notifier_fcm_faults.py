"""What keeps an answer of FCM from coming, and an access token from being had; the notifier goes on regardless."""

import asyncio
import resource
from collections.abc import Iterator

import aiohttp
import pytest

from services.notifier.fcm import client as fcm_client
from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.gateway import Outcome, Verdict
from shared.errors import UnavailableError
from tests.counted import counted
from tests.integration.fcm_stand_in import Answer, FcmStandIn
from tests.integration.pushes import Pace, open_gateway, push
from tests.integration.raw_server import ACCEPTED, raw_server

SENT = Outcome(Verdict.SENT)
UNKNOWN = Outcome(Verdict.TRANSIENT, "outcome_unknown")
REVOKED = Answer(401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "test error"}})


def answered(stand_in: FcmStandIn, address: str) -> list[int]:
    return [message["answered"] for message in stand_in.messages() if message["token"] == address]


async def _sending(gateway: FirebaseGateway, pushes: int) -> None:
    await gateway.send([push("anybody") for _ in range(pushes)])


async def test_an_answer_that_takes_too_long_leaves_the_push_to_be_repeated(
    stand_in: FcmStandIn, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcm_client, "_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    before = counted("farelark_fcm_answers_total", code="timeout")
    stand_in.set_latency(30)
    async with open_gateway(stand_in.account, stand_in.url) as gateway:
        assert await gateway.send([push(address)]) == [UNKNOWN]
    assert answered(stand_in, address) == [200]
    assert counted("farelark_fcm_answers_total", code="timeout") - before == 1


async def test_a_server_that_is_not_there_leaves_the_push_to_be_repeated(stand_in: FcmStandIn) -> None:
    before = counted("farelark_fcm_answers_total", code="lost")
    async with open_gateway(stand_in.account, "http://127.0.0.1:1") as gateway:
        assert await gateway.send([push("anybody")]) == [UNKNOWN]
    assert counted("farelark_fcm_answers_total", code="lost") - before == 1


async def test_an_answer_that_breaks_off_leaves_the_push_to_be_repeated_later_and_not_at_once(
    stand_in: FcmStandIn,
) -> None:
    requests = []

    async def break_off(number: int, writer: asyncio.StreamWriter) -> None:
        requests.append(number)
        writer.write(ACCEPTED[: len(ACCEPTED) // 2 if len(requests) == 1 else -1])
        await writer.drain()
        writer.close()

    async with raw_server(break_off) as url, open_gateway(stand_in.account, url) as gateway:
        assert await gateway.send([push("in its head")]) == [UNKNOWN]
        assert await gateway.send([push("in its body")]) == [UNKNOWN]
    assert requests == [1, 1]


async def test_connections_that_the_server_has_kept_for_long_enough_cost_no_push(stand_in: FcmStandIn) -> None:
    """It hangs up on the fourth request of each connection, without a word."""
    connections = 0

    async def tire(number: int, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += number == 1
        if number > 3:
            writer.close()
        else:
            writer.write(ACCEPTED)

    async with raw_server(tire) as url, open_gateway(stand_in.account, url, connections=1) as gateway:
        assert await gateway.send([push("anybody") for _ in range(30)]) == [SENT] * 30
    assert connections == 10


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of a thousand connections may be open at once; many a system allows 1,024 files unless it is asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_pushes_are_in_flight_at_once(stand_in: FcmStandIn) -> None:
    """Nobody is answered before all have asked."""
    asked = asyncio.Barrier(1_000)
    in_flight = []

    async def wait_for_all(_: int, writer: asyncio.StreamWriter) -> None:
        if await asked.wait() == 0:  # one sees for all
            in_flight.append(counted("farelark_fcm_in_flight"))
        writer.write(ACCEPTED)

    async with raw_server(wait_for_all) as url, open_gateway(stand_in.account, url, connections=1_000) as gateway:
        assert await gateway.send([push("anybody") for _ in range(1_000)]) == [SENT] * 1_000
    assert in_flight == [1_000]
    assert counted("farelark_fcm_in_flight") == 0


async def test_pushes_of_a_cancelled_call_that_have_not_left_never_do(stand_in: FcmStandIn) -> None:
    first_asked, answer = asyncio.Event(), asyncio.Event()
    requests = 0

    async def hold(_: int, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        first_asked.set()
        await answer.wait()
        writer.write(ACCEPTED)

    async with raw_server(hold) as url, open_gateway(stand_in.account, url, connections=1) as gateway:
        cancelled = asyncio.create_task(_sending(gateway, 50))
        await first_asked.wait()
        cancelled.cancel()
        await asyncio.wait([cancelled])
        answer.set()
        assert await gateway.send([push("anybody")]) == [SENT]
    assert requests == 2


async def test_without_an_access_token_nothing_is_sent_and_the_work_waits(stand_in: FcmStandIn, address: str) -> None:
    stand_in.set_token_endpoint(status=400)
    pace = Pace()
    async with open_gateway(stand_in.account, stand_in.url, pace) as gateway:
        with pytest.raises(UnavailableError, match="fcm_access_token"):
            await gateway.send([push(address)])
        assert answered(stand_in, address) == []
        assert pace.permits == 0
        stand_in.set_token_endpoint()
        assert await gateway.send([push(address)]) == [SENT]


async def test_while_the_token_endpoint_hangs_the_loop_goes_on(stand_in: FcmStandIn, address: str) -> None:
    stand_in.set_token_endpoint(latency=60)
    before = stand_in.exchanges()
    async with open_gateway(stand_in.account, stand_in.url) as gateway:
        sending = asyncio.create_task(gateway.send([push(address)]))
        while stand_in.exchanges() == before:  # noqa: ASYNC110  # each round is the loop at work
            await asyncio.sleep(0.01)
        assert not sending.done()
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_token_is_got_once_for_all(stand_in: FcmStandIn, address: str) -> None:
    before = stand_in.exchanges()
    async with open_gateway(stand_in.account, stand_in.url) as gateway:
        await asyncio.gather(*(gateway.send([push(address)] * 20) for _ in range(10)))
    assert stand_in.exchanges() - before == 1


async def test_after_a_401_the_token_is_renewed_once_for_all_and_each_push_repeated_once(
    stand_in: FcmStandIn, address: str
) -> None:
    before = stand_in.exchanges()
    addresses = [f"{address}-{number}" for number in range(100)]
    for one in addresses:
        stand_in.answer(one, REVOKED, times=1)
    async with open_gateway(stand_in.account, stand_in.url) as gateway:
        assert await gateway.send([push(one) for one in addresses]) == [SENT] * 100
    assert [answered(stand_in, one) for one in addresses] == [[401, 200]] * 100
    assert stand_in.exchanges() - before == 2
