"""What the reply to a write suggests for a target that its route has never come near."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.databases import open_engine
from tests.integration.fares_on_sale import DAY
from tests.integration.past_prices import PastPrice, api, traveller
from tests.integration.running_api import RunningApi, Traveller, wish

__all__ = ["api", "traveller"]

OLD = 120
# On the 20 days before today 100.00 to 119.00 euros, yesterday 100.00, which stands; long ago 80.00. What is dearer on
# a day makes no difference.
RECENT = [PastPrice(10_000 + 100 * day, day + 1) for day in range(20)]
PAST = [
    *RECENT,
    *(PastPrice(50_000, day + 1, departure=DAY + timedelta(days=1)) for day in range(20)),
    PastPrice(8_000, OLD),
    PastPrice(1_000, 3, departure=DAY + timedelta(days=20)),
    PastPrice(2_000, 3, cabin=3),
    PastPrice(3_000, 3, back=DAY + timedelta(days=7)),
    PastPrice(4_000, OLD, route="NYC-ROM"),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a suggestion may take longer than a traveller waits."""
    monkeypatch.setattr("services.alerts_api.alerts.suggestions._TIMEOUT_S", 30.0)


def target(amount: int, currency: str = "EUR", **changes: object) -> dict[str, object]:
    rule = {"kind": "target", "price": {"amount": amount, "currency": currency}}
    return wish(cabin="economy", departure_from=DAY.isoformat(), rule=rule) | changes


def suggested(traveller: Traveller, body: dict[str, object]) -> dict[str, object] | None:
    answer = traveller.post("/api/alerts", body)
    assert answer.status_code == 201, answer.text
    suggestion: dict[str, object] | None = answer.json()["suggestion"]
    return suggestion


def euros(price: int, lowest: int, days: int) -> dict[str, object]:
    return {
        "price": {"amount": price, "currency": "EUR"},
        "lowest": {"amount": lowest, "currency": "EUR"},
        "days": days,
    }


def test_a_target_far_below_all_that_was_seen_is_told_what_is_realistic(traveller: Traveller) -> None:
    """Three of 21 days were at 101.00 or below."""
    assert suggested(traveller, target(7_199)) == euros(10_100, 10_000, 21)


@pytest.mark.parametrize(
    "body",
    [
        target(7_200),
        target(100, rule={"kind": "new_low", "currency": "EUR"}),
        target(100, origin="PAR"),
        target(100, destination="ROM"),
        target(100, cabin="business"),
        target(1_900, cabin="first"),
    ],
    ids=["near", "no target", "route never seen", "not seen lately", "cabin never seen", "near in its cabin"],
)
def test_there_is_no_suggestion(traveller: Traveller, body: dict[str, object]) -> None:
    assert suggested(traveller, body) is None


def test_a_suggestion_is_for_the_dates_that_the_alert_is_for(traveller: Traveller) -> None:
    round_trip = {"nights_max": 14}
    assert suggested(traveller, target(100, round_trip=round_trip)) == euros(3_000, 3_000, 4)
    assert suggested(traveller, target(100, cabin=None, departure_to=DAY.isoformat())) == euros(2_000, 2_000, 21)


def test_a_suggestion_is_in_the_currency_of_the_target(traveller: Traveller) -> None:
    assert suggested(traveller, target(8_998, "USD")) == {
        "price": {"amount": 12_625, "currency": "USD"},
        "lowest": {"amount": 12_500, "currency": "USD"},
        "days": 21,
    }


def test_an_edit_is_answered_with_a_suggestion_too(traveller: Traveller) -> None:
    path = traveller.post("/api/alerts", target(12_000)).headers["Location"]
    answer = traveller.patch(path, {"rule": {"price": {"amount": 100}}})
    assert answer.json()["suggestion"] == euros(10_100, 10_000, 21)
    assert "suggestion" not in traveller.get(path).json()


def test_a_history_that_does_not_answer_costs_an_alert_its_suggestion_alone(
    api: RunningApi, traveller: Traveller
) -> None:
    async def while_locked() -> dict[str, object] | None:
        async with locked(api):
            return await asyncio.to_thread(suggested, traveller, target(100))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.alerts_api.alerts.suggestions._TIMEOUT_S", 0.05)
        assert asyncio.run(while_locked()) is None
    assert suggested(traveller, target(100)) == euros(10_100, 10_000, 21)


def test_a_history_that_fails_costs_an_alert_its_suggestion_alone(api: RunningApi, traveller: Traveller) -> None:
    asyncio.run(on_shards(api, "ALTER TABLE price_history RENAME TO elsewhere"))
    try:
        assert suggested(traveller, target(100)) is None
    finally:
        asyncio.run(on_shards(api, "ALTER TABLE elsewhere RENAME TO price_history"))
    assert suggested(traveller, target(100)) == euros(10_100, 10_000, 21)


async def on_shards(api: RunningApi, statement: str) -> None:
    for url in api.settings.shards:
        engine = open_engine(url, application="tests", pool_size=1)
        async with engine.begin() as connection:
            await connection.execute(text(statement))
        await engine.dispose()


@asynccontextmanager
async def locked(api: RunningApi) -> AsyncIterator[None]:
    """While nobody can read the history."""
    async with AsyncExitStack() as stack:
        for url in api.settings.shards:
            engine = open_engine(url, application="tests", pool_size=1)
            stack.push_async_callback(engine.dispose)
            connection = await stack.enter_async_context(engine.connect())
            await connection.execute(text("LOCK TABLE price_history"))
        yield
