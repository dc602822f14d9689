"""An API in which fares are searched for: some are on sale, others are history."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from shared.errors import UnavailableError
from shared.shards import Shards
from tests.integration.fares_on_sale import DAY, NOW, Offer, put_on_sale
from tests.integration.past_prices import PastPrice, keep
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.private_servers import Servers

TRIP = {"origin": "NYC", "destination": "LON", "date": DAY.isoformat()}
WEEK = timedelta(days=7)

# In euro cents 12,000, 9,600, 12,000, 12,000, 5,000 and none: there is no rate for the krona.
FARES = (
    Offer(12_000, flight=("BA", "117", "18:25")),
    Offer(12_000, "USD", flight=("VS", "9", "09:00"), seen=NOW - timedelta(hours=7)),
    Offer(12_000, flight=("BA", "1", "08:00"), airports="EWR-LGW", stops=1),
    Offer(12_000, departure=DAY - timedelta(days=1), flight=("LH", "400", "23:00")),
    Offer(5_000, flight=("U2", "55", None), cabin="business"),
    Offer(100, "SEK", flight=("SK", "901", "12:00")),
    Offer(1_000, flight=("LX", "14", "10:00"), seen=NOW - timedelta(days=15)),
    Offer(30_000, back=DAY + WEEK, flight=("AA", "100", "20:00")),
)
PAST = (
    PastPrice(11_000, 2),
    PastPrice(9_000, 40),
    PastPrice(12_500, 3, currency="USD"),
    PastPrice(40_000, 2, cabin=2),
    PastPrice(52_000, 5, back=DAY + WEEK),
    PastPrice(700_000, 1, currency="SEK"),
    PastPrice(7_000, 1, route="NYC-PAR"),
)


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        asyncio.run(put_on_sale(servers.redis.url, *FARES))
        asyncio.run(keep(api.settings.shards, *PAST))
        yield api


@pytest.fixture(scope="module")
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()


def search(traveller: Traveller, **changes: str | int | None) -> dict[str, Any]:
    """The answer to a search; None leaves a parameter out."""
    params = {name: value for name, value in (TRIP | changes).items() if value is not None}
    answer = traveller.get("/api/fares", **params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def prices(page: dict[str, Any]) -> list[tuple[int, str]]:
    return [(fare["price"]["amount"], fare["price"]["currency"]) for fare in page["resources"]]


def nothing_but_absence(_: Shards, shard: int, __: object) -> NoReturn:
    raise UnavailableError(f"shard{shard}")
