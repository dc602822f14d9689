"""A sweep of a travel API, whatever its server answers."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from services.ingest_gateway.sources import transport
from services.ingest_gateway.sources.api_work import ApiWork
from services.ingest_gateway.sources.asking import TRIES
from services.ingest_gateway.sources.halt import Halt
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle
from services.ingest_gateway.sources.transport import open_session
from shared.backoff import Backoff
from shared.fare_lanes import Lane
from shared.sweeps import SweepCounts, SweepEnding
from tests.integration.source_stand_in import (
    NOW,
    QUOTA_S,
    PriceApi,
    StandIn,
    body,
    fare,
    half_a_body,
    once_told,
    polled_at,
    prices,
    silence,
    standing_in,
    status,
)
from tests.unit.keeping_intake import KeepingIntake

COMPLETE = Ended(SweepEnding.COMPLETE)


class World:
    """One source, its server and an intake."""

    def __init__(self, stand_in: StandIn, session: aiohttp.ClientSession) -> None:
        self.stand_in = stand_in
        self.intake = KeepingIntake()
        self.halt = Halt()
        self.cycle = SourceCycle.begin("prices", NOW, self.halt)
        self._session = session

    async def sweep(self, *searches: str, with_login: bool = False, url: str = "") -> Ended:
        source = polled_at(url or f"{self.stand_in.url}/")
        api = PriceApi(searches, with_login=with_login)
        work = ApiWork(source, api, self._session, self.intake, lambda: NOW, first_wait_s=0.001)
        return await work.run(self.cycle)

    @property
    def taken(self) -> set[int]:
        return {fare["price"] for fare in self.intake.fares}

    @property
    def counts(self) -> SweepCounts:
        return self.cycle.counts


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with standing_in() as stand_in, open_session(aiohttp.ClientTimeout(total=0.5)) as session:
        yield World(stand_in, session)


async def test_every_page_of_every_search_is_taken_once(world: World) -> None:
    world.stand_in.on("/one", prices(1, 2, then="/one/more"))
    world.stand_in.on("/one/more", prices(3, 0, -5))
    world.stand_in.on("/two", prices(4))
    assert await world.sweep("/one", "/two") == COMPLETE
    assert sorted(world.intake.fares, key=lambda each: each["price"]) == [fare(price, NOW) for price in (1, 2, 3, 4)]
    assert world.intake.ways == {(Lane.SWEEP, "prices-20261123T120000Z")}
    assert world.counts == SweepCounts(requests=3, fares=4, set_aside=2)
    assert world.cycle.set_aside == {"price_missing": 1, "price_negative": 1}


@pytest.mark.parametrize(
    "first",
    [
        status(429, Retry_After="0"),
        status(429),
        status(500),
        status(503, Retry_After="Mon, 23 Nov 2026 11:59:00 GMT"),
        silence,
        half_a_body,
        body(b"<html>"),
        body(b"", Content_Encoding="gzip"),
        body(b"no gzip", Content_Encoding="gzip"),
    ],
    ids=["429 at once", "429", "500", "503 until", "silence", "half a body", "junk", "no body", "no gzip"],
)
async def test_what_may_pass_is_tried_again(world: World, first: object) -> None:
    world.stand_in.on("/one", first, prices(1))  # type: ignore[arg-type]  # parametrized
    assert await world.sweep("/one") == COMPLETE
    assert world.taken == {1}
    assert world.counts == SweepCounts(requests=2, fares=1)


async def test_a_search_that_never_succeeds_is_given_up_and_the_others_are_made(world: World) -> None:
    world.stand_in.on("/bad", status(500))
    world.stand_in.on("/good", prices(1))
    assert await world.sweep("/bad", "/good") == COMPLETE
    assert world.taken == {1}
    assert world.counts == SweepCounts(requests=TRIES + 1, fares=1, failed=1)


async def test_there_is_a_pause_between_two_tries_and_none_after_the_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused_after = []

    async def pause(_: Backoff) -> None:
        paused_after.append(world.counts.requests)

    monkeypatch.setattr(Backoff, "pause", pause)
    world.stand_in.on("/bad", status(500))
    await world.sweep("/bad")
    assert paused_after == list(range(1, TRIES))


async def test_a_search_with_nothing_is_skipped(world: World) -> None:
    world.stand_in.on("/good", prices(1))
    assert await world.sweep("/nothing", "/good") == COMPLETE
    assert world.counts == SweepCounts(requests=2, fares=1, skipped=1)


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (status(403), Ended(SweepEnding.STOPPED, "forbidden")),
        (status(402), Ended(SweepEnding.STOPPED, "quota_used_up", QUOTA_S)),
        (status(429, Retry_After="1800"), Ended(SweepEnding.STOPPED, "status_429", 1_800)),
        (status(401), Ended(SweepEnding.STOPPED, "token_expired")),
    ],
    ids=["forbidden", "quota", "quiet for long", "a second 401"],
)
async def test_a_refusal_of_everything_stops_the_sweep(
    world: World, answer: object, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest_gateway.sources.api_work._MOST_AT_ONCE", 1)
    world.stand_in.on("/bad", answer)  # type: ignore[arg-type]  # parametrized
    assert await world.sweep("/bad", "/never") == ended
    assert not world.stand_in.asked["/never"]


async def test_one_login_serves_a_sweep_and_a_token_that_is_refused_is_replaced(world: World) -> None:
    world.stand_in.on("/login", body(b"first"), body(b"second"))
    world.stand_in.on("/one", prices(1, then="/old"))
    world.stand_in.on("/old", status(401), prices(2))
    assert await world.sweep("/one", with_login=True) == COMPLETE
    assert world.taken == {1, 2}
    assert world.stand_in.tokens == [None, "Bearer first", "Bearer first", None, "Bearer second"]


async def test_searches_at_once_share_a_login(world: World) -> None:
    world.stand_in.on("/login", body(b"token"))
    names = [f"/{number}" for number in range(8)]
    for number, name in enumerate(names):
        world.stand_in.on(name, prices(number + 1))
    assert await world.sweep(*names, with_login=True) == COMPLETE
    assert world.taken == set(range(1, 9))
    assert world.stand_in.asked["/login"] == 1


@pytest.mark.parametrize("answer", [status(404), status(401)], ids=["404", "401"])
async def test_a_login_that_is_refused_stops_the_sweep(world: World, answer: object) -> None:
    world.stand_in.on("/login", answer)  # type: ignore[arg-type]  # parametrized
    ended = await world.sweep("/one", with_login=True)
    assert ended.ending is SweepEnding.STOPPED
    assert not world.stand_in.asked["/one"]


async def test_a_server_that_is_gone_is_given_up_before_every_search_has_been_tried(world: World) -> None:
    searches = [f"/{number}" for number in range(100)]
    ended = await world.sweep(*searches, url="http://127.0.0.1:1")
    assert ended == Ended(SweepEnding.AWAY, "unreachable")
    assert world.counts.requests < len(searches)


async def test_an_end_does_not_wait_for_the_searches_beside_it(world: World) -> None:
    held = asyncio.Event()
    world.stand_in.on("/slow", once_told(held, prices(1)))

    async def forbidden(_: web.Request) -> web.StreamResponse:
        await world.stand_in.asked_for["/slow"].wait()
        return web.Response(status=403)

    world.stand_in.on("/bad", forbidden)
    assert await world.sweep("/slow", "/bad") == Ended(SweepEnding.STOPPED, "forbidden")
    assert world.stand_in.asked == {"/slow": 1, "/bad": 1}


async def test_a_redirect_is_not_followed_for_it_would_take_the_token_elsewhere(world: World) -> None:
    world.stand_in.on("/login", body(b"token"))
    world.stand_in.on("/one", status(302, Location=f"{world.stand_in.url}/elsewhere"))
    assert await world.sweep("/one", with_login=True) == COMPLETE
    assert not world.stand_in.asked["/elsewhere"]


async def test_a_bomb_is_not_inflated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_MOST_BYTES", 100_000)
    bomb = b'{"prices": [' + b" " * 1_000_000 + b"2]}"
    world.stand_in.on("/one", body(gzip.compress(bomb), Content_Encoding="gzip"), prices(1))
    assert await world.sweep("/one") == COMPLETE
    assert world.taken == {1}


async def test_a_search_that_leads_in_circles_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest_gateway.sources.sweep._MOST_PAGES", 5)
    world.stand_in.on("/one", prices(1, then="/one"))
    assert await world.sweep("/one") == COMPLETE
    assert (world.counts.requests, world.counts.failed) == (5, 1)


async def test_a_page_is_given_until_the_intake_takes_it(world: World) -> None:
    world.intake.refusals = 3
    world.stand_in.on("/one", prices(1))
    assert await world.sweep("/one") == COMPLETE
    assert world.taken == {1}
    assert world.stand_in.asked["/one"] == 1


async def test_a_halt_gives_away_what_is_in_hand_and_asks_for_nothing_more(world: World) -> None:
    world.intake.meanwhile = world.halt.call
    world.stand_in.on("/one", prices(1, then="/one/more"))
    assert await world.sweep("/one") == Ended(SweepEnding.CUT_SHORT)
    assert world.taken == {1}
    assert not world.stand_in.asked["/one/more"]


async def test_a_halt_does_not_wait_for_an_answer(world: World) -> None:
    never = asyncio.Event()
    world.stand_in.on("/one", once_told(never, prices(1)))
    sweeping = asyncio.create_task(world.sweep("/one"))
    await world.stand_in.asked_for["/one"].wait()
    world.halt.call()
    assert await sweeping == Ended(SweepEnding.CUT_SHORT)
    assert (world.counts.requests, world.counts.fares) == (1, 0)


async def test_a_fault_of_ours_in_one_search_leaves_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = PriceApi.read

    def faulty(self: PriceApi, request: object, *arguments: object) -> object:
        if "/bad" in str(request):
            raise ZeroDivisionError
        return read(self, request, *arguments)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(PriceApi, "read", faulty)
    world.stand_in.on("/bad", prices(1))
    world.stand_in.on("/good", prices(2))
    assert await world.sweep("/bad", "/good") == COMPLETE
    assert world.taken == {2}
    assert world.counts.failed == 1
