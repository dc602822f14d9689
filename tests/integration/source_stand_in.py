"""A travel API of few words, the HTTP server that stands in for it, and what its poller knows of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time

import msgspec
from aiohttp import web

from services.ingest_gateway.sources.settings import ApiSettings
from services.ingest_gateway.sources.source import (
    LogInAgain,
    Mapped,
    Page,
    Refusal,
    Request,
    Skip,
    Stop,
    Token,
    TryAgain,
)
from shared.errors import UnreadableError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUOTA_S = 3_600

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Prices(msgspec.Struct):
    prices: list[int]
    next: str | None = None


class PriceApi:
    """Tells prices of one route, page by page: `{"prices": [...], "next": "/path"}`."""

    def __init__(self, searches: Sequence[str], *, with_login: bool = False) -> None:
        self._searches = searches
        self._with_login = with_login

    def requests(self, today: date) -> Iterator[Request]:
        for search in self._searches:
            yield Request("GET", search, f"{search} {today}")

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:
        try:
            prices = msgspec.json.decode(body, type=_Prices)
        except msgspec.DecodeError as error:
            raise UnreadableError("json_malformed", request.what) from error
        fares = [fare(price, observed_at) for price in prices.prices if price >= 0]
        set_aside = {"price_negative": len(prices.prices) - len(fares)} if len(fares) < len(prices.prices) else {}
        further = [Request("GET", prices.next, request.what)] if prices.next else []
        return Page(Mapped(fares, set_aside), further)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        assert all(name == name.lower() for name in headers), body
        known: dict[int, Refusal] = {
            302: Skip("moved"),
            401: LogInAgain("token_expired"),
            402: Stop("quota_used_up", after_s=QUOTA_S),
            403: Stop("forbidden"),
            404: Skip("nothing_found"),
        }
        return known.get(status, TryAgain(f"status_{status}"))

    def login(self) -> Request | None:
        return Request("POST", "/login", "login", body=b"who=me") if self._with_login else None

    def token(self, body: bytes) -> Token:
        return Token(body.decode(), 600)


def fare(price: int, observed_at: datetime) -> dict[str, object]:
    return {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": date(2026, 12, 24),
        "return_date": None,
        "carrier": "BA",
        "flight_number": str(1 + price % 9_999),
        "departure_time": time(18, 30),
        "cabin": "economy",
        "stops": 0,
        "currency": "USD",
        "price": price,
        "observed_at": observed_at,
        "source": "prices",
    }


def polled_at(url: str) -> ApiSettings:
    """The settings of a source that is there; what is searched is its API's affair."""
    return ApiSettings.model_validate(
        {
            "name": "prices",
            "kind": "ryanair",
            "every": "1h",
            "base_url": url,
            "requests_per_second": 100,
            "routes": ["NYC-LON"],
            "days_ahead": [7],
        }
    )


class StandIn:
    """Answers each path as the test has said: with its answers in order, the last of them again and again."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, list[Answer]] = {}
        self.asked: Counter[str] = Counter()
        self.tokens: list[str | None] = []
        self.asked_for: dict[str, asyncio.Event] = {}

    def on(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)
        self.asked_for[path] = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[path] += 1
        self.tokens.append(request.headers.get("Authorization"))
        if path not in self.answers:
            return web.Response(status=404)
        self.asked_for[path].set()
        answers = self.answers[path]
        return await (answers.pop(0) if len(answers) > 1 else answers[0])(request)


@asynccontextmanager
async def standing_in() -> AsyncIterator[StandIn]:
    """Serve while the block runs."""
    stand_in = StandIn()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    await runner.cleanup()


def prices(*amounts: int, then: str | None = None) -> Answer:
    return body(msgspec.json.encode({"prices": amounts, "next": then}))


def body(content: bytes, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def status(code: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def once_told(event: asyncio.Event, answer: Answer) -> Answer:
    async def wait(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await answer(request)

    return wait


async def silence(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def half_a_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"prices": [1')
    assert request.transport
    request.transport.abort()
    return response
