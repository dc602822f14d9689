"""Clients of a bench say so when a server answers otherwise than it should, or not at all."""

from asyncio import StreamWriter

import pytest

from fleet.bench.http_load import Ask, Load, RefusedError
from shared.errors import UnavailableError
from tests.integration.raw_server import Treat, raw_server

LIVE = Ask("GET", "/health/live", 200)


def answers(answer: bytes) -> Treat:
    """Answer one request of each connection with this, and hang up."""

    async def treat(_: int, writer: StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    return treat


def load(root: str, told: list[int]) -> Load:
    return Load([root], clients=2, asked=told.append)


async def test_a_request_that_is_answered_as_it_should_be_counts() -> None:
    told: list[int] = []
    async with raw_server(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")) as root:
        pace = await load(root, told).put([LIVE, LIVE])
        assert await load(root, told).answer(LIVE) is True
    assert told == [1, 1]
    assert 0 < pace.p50 <= pace.p99


async def test_an_answer_of_another_status_is_an_error_with_what_it_says() -> None:
    async with raw_server(answers(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")) as root:
        with pytest.raises(ExceptionGroup) as ended:
            await load(root, []).put([LIVE, LIVE])
    assert {str(error) for error in ended.value.exceptions} == {"GET /health/live was answered 503: busy"}
    assert ended.group_contains(RefusedError)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_server_that_hangs_up_is_away(answer: bytes) -> None:
    async with raw_server(answers(answer)) as root:
        with pytest.raises(UnavailableError, match="its log may say why"):
            await load(root, []).answer(LIVE)


async def test_a_server_that_is_not_there_is_away() -> None:
    async with raw_server(answers(b"")) as root:
        pass
    with pytest.raises(UnavailableError, match=f"^{root} is unavailable"):
        await load(root, []).answer(LIVE)
