"""Newer rates come into use on real shards: exactly, whatever cuts the load short, and no alert is missed meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID, uuid4

import pytest
import stamina
from redis.asyncio import Redis
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates import alerts as batches
from fleet.rates import loading
from fleet.rates.admission import RatesRefusedError
from fleet.rates.loading import Loaded, ShardBusyError, load_rates
from fleet.rates.showing import dates_in_use, rates_in_use
from fleet.servers.ports import free_ports
from fleet.shards.turn import TurnTakenError, turn
from shared.alerts.rules import UNSET
from shared.databases import open_engine
from shared.errors import UnavailableError
from shared.money import Factor, Rates
from shared.rates.in_redis import KEY, RatesInRedis
from shared.schema.shards import alerts, rates, shard_state
from shared.shards import Shards
from tests.development_rates import RATES
from tests.private_servers import Servers

DAY = date(2026, 12, 24)
TOLD = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Dollars rise, yen fall, kroner stay.
NEXT = replace(
    RATES,
    date=RATES.date + timedelta(days=3),
    factors={**RATES.factors, "USD": (9, 10), "JPY": (1, 2), "GBP": (7, 6)},
)
LATER = replace(NEXT, date=NEXT.date + timedelta(days=1), factors={**NEXT.factors, "USD": (8, 10)})

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BATCH", 2)


@pytest.fixture
async def published(servers: Servers, redis: Redis) -> AsyncIterator[RatesInRedis]:
    """What price workers look at: nothing yet."""
    assert redis
    store = RatesInRedis(servers.redis.url)
    yield store
    await store.close()


def wish(currency: str, **more: object) -> Row:
    """An alert that waits for 100.00, or what looks like it, in its own currency."""
    armed = RATES.to_reference(10_000, currency)
    usual = {
        "id": uuid4(),
        "user_id": uuid4(),
        "route": "NYC-LON",
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": 10_000,
        "currency": currency,
        "armed_price": armed,
        "initial_price": armed,
        "rates_date": RATES.date,
        "check_at": TOLD,
        "updated_at": TOLD,
    }
    return usual | more


def wishes() -> list[Row]:
    """Of every rule, currency and state; more of them than a batch holds."""
    return [
        *(wish(currency) for currency in ("USD", "JPY", "GBP", "DKK", "EUR", "USD", "JPY")),
        wish("USD", armed_price=4_321, fire_seq=1, last_fired_at=TOLD),
        wish("JPY", armed_price=4_321, state="paused"),
        wish("GBP", rule="drop", target=None, percent=10, armed_price=1_111, initial_price=2_222, state="fired"),
        wish("JPY", rule="new_low", target=None, armed_price=UNSET, initial_price=UNSET),
        wish("USD", rule="drop", target=None, percent=10, armed_price=3_333, initial_price=3_333, state="expired"),
        wish("USD", rates_date=None),
        wish("EUR", rates_date=None),
    ]


async def add(engines: Sequence[AsyncEngine], rows: Sequence[Row]) -> None:
    """Deal the alerts out to the shards."""
    for number, row in enumerate(rows):
        async with engines[number % len(engines)].begin() as connection:
            await connection.execute(insert(alerts).values(row))


async def stored(engines: Sequence[AsyncEngine]) -> dict[UUID, Row]:
    """Every alert."""
    found = {}
    for engine in engines:
        async with engine.connect() as connection:
            rows = await connection.execute(select(alerts))
            found.update({row["id"]: dict(row) for row in rows.mappings()})
    return found


async def states(engines: Sequence[AsyncEngine]) -> list[tuple[date, float]]:
    """Date in use and reach of each shard."""
    found = []
    for engine in engines:
        async with engine.connect() as connection:
            row = (await connection.execute(select(shard_state.c.rates_date, shard_state.c.reach))).one()
            found.append((row.rates_date, row.reach))
    return found


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def expected(row: Row, to: Rates = NEXT) -> Row:
    """The alert as it must be at the new rates."""
    if row["currency"] == "EUR":
        return row
    before, after = (Fraction(*snapshot.factors[row["currency"]]) for snapshot in (RATES, to))

    def moved(price: int) -> int:
        return price if price == UNSET else half_up(price * after / before)

    initial = half_up(row["target"] * after) if row["target"] else moved(row["initial_price"])
    armed = initial if row["armed_price"] == row["initial_price"] else moved(row["armed_price"])
    return row | {"initial_price": initial, "armed_price": armed, "rates_date": to.date}


def silent(_: int, __: int) -> None:
    """Show no progress."""


async def test_every_alert_is_converted_exactly_and_nothing_else_of_it_changes(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines)
    progress: list[tuple[int, int]] = []

    loaded = await load_rates(NEXT, shard_urls, published, lambda *step: progress.append(step))

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}
    assert await published.read() == NEXT
    foreign = sum(row["currency"] != "EUR" for row in before.values())
    assert loaded == Loaded(NEXT.date, "EUR", foreign, [])
    assert progress[-1] == (foreign, foreign)


async def test_alerts_at_rates_of_different_days_are_each_converted_from_their_own(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    """An alert comes from another shard, whose rates this one never used."""
    elsewhere, (first, *_) = shard_engines[1], shard_engines
    row = wish("USD", armed_price=10_000, initial_price=10_000, rule="new_low", target=None, rates_date=NEXT.date)
    await add([first], [row])
    async with elsewhere.begin() as connection:
        await connection.execute(insert(rates).values(date=NEXT.date, reference="EUR", factors=dict(NEXT.factors)))

    await load_rates(LATER, shard_urls, published, silent)

    assert (await stored([first]))[row["id"]]["armed_price"] == half_up(Fraction(10_000 * 8, 9))


class CutShortError(Exception):
    """The load ends here."""


def cut_short(at: int) -> Callable[[int, int], None]:
    """Progress that ends the load at its so many-th step."""
    steps = iter(range(at, -1, -1))

    def advanced(_: int, __: int) -> None:
        if not next(steps):
            raise CutShortError

    return advanced


class LostAtLast(RatesInRedis):
    """Redis goes away while the shards change their rates."""

    async def write(self, rates: Rates) -> None:
        raise UnavailableError("redis", f"before it had those of {rates.date}")


async def test_a_load_whose_redis_goes_away_meanwhile_is_finished_by_its_repeat(
    servers: Servers, shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines)
    lost = LostAtLast(servers.redis.url)
    with pytest.raises(UnavailableError, match="redis"):
        await load_rates(NEXT, shard_urls, lost, silent)
    await lost.close()

    await load_rates(NEXT, shard_urls, published, silent)

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await published.read() == NEXT


@pytest.mark.parametrize("at", range(0, 13, 2))
async def test_a_load_that_is_cut_short_anywhere_is_finished_by_its_repeat(
    at: int, shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, wishes() + wishes())
    before = await stored(shard_engines)
    with pytest.raises(CutShortError):
        await load_rates(NEXT, shard_urls, published, cut_short(at))
    assert await published.read() is None

    await load_rates(NEXT, shard_urls, published, silent)

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await published.read() == NEXT


async def test_rates_of_the_next_day_take_over_from_a_load_that_was_cut_short(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, [wish("USD") for _ in range(9)])
    before = await stored(shard_engines)
    with pytest.raises(CutShortError):
        await load_rates(NEXT, shard_urls, published, cut_short(4))

    await load_rates(LATER, shard_urls, published, silent)

    assert await stored(shard_engines) == {alert: expected(row, LATER) for alert, row in before.items()}


async def test_the_same_rates_again_touch_no_alert_and_fill_an_empty_redis(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis, redis: Redis
) -> None:
    await add(shard_engines, wishes())
    await load_rates(NEXT, shard_urls, published, silent)
    versions, reaches = await _row_versions(shard_engines), await states(shard_engines)
    await redis.delete(KEY)

    assert (await load_rates(NEXT, shard_urls, published, silent)).alerts == 0

    assert await _row_versions(shard_engines) == versions
    assert await states(shard_engines) == reaches
    assert await published.read() == NEXT


async def _row_versions(engines: Sequence[AsyncEngine]) -> set[tuple[UUID, str]]:
    found = set()
    for engine in engines:
        async with engine.connect() as connection:
            found |= {tuple(row) for row in await connection.execute(text("SELECT id, xmin::text FROM alerts"))}
    return found


async def test_a_snapshot_that_lies_in_redis_as_something_else_is_written_anew(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis, redis: Redis
) -> None:
    assert shard_engines
    await redis.set(KEY, b"{}")
    await load_rates(NEXT, shard_urls, published, silent)
    assert await published.read() == NEXT


async def test_a_currency_that_a_file_lacks_keeps_its_last_rate_and_is_named(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, [wish("DKK")])
    lacking: dict[str, Factor] = {currency: NEXT.factors[currency] for currency in NEXT.factors.keys() - {"DKK"}}
    before = await stored(shard_engines)

    loaded = await load_rates(replace(NEXT, factors=lacking), shard_urls, published, silent)

    assert loaded.kept == ["DKK"]
    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await published.read() == NEXT


@pytest.mark.parametrize(
    "refused",
    [
        replace(NEXT, reference="USD"),
        replace(NEXT, date=RATES.date),
        replace(NEXT, date=RATES.date - timedelta(days=1)),
    ],
)
async def test_rates_that_are_refused_change_nothing(
    refused: Rates, shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines), await states(shard_engines)
    with pytest.raises(RatesRefusedError):
        await load_rates(refused, shard_urls, published, silent)
    assert (await stored(shard_engines), await states(shard_engines)) == before
    assert await published.read() is None


async def test_a_redis_that_is_away_ends_a_load_before_it_begins(
    shard_urls: list[str], shard_engines: list[AsyncEngine]
) -> None:
    (port,) = free_ports(1)
    away = RatesInRedis(f"redis://127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match="redis"):
        await load_rates(NEXT, shard_urls, away, silent)
    assert {day for day, _ in await states(shard_engines)} == {RATES.date}
    await away.close()


async def test_no_alert_is_harder_to_find_than_it_should_be_at_any_step_of_a_load(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    """What the index holds is never below the true armed price, and never beyond the reach of a fare above it."""
    await add(shard_engines, wishes() + wishes())
    before = await stored(shard_engines)
    seen: list[bool] = []

    for _ in range(50):
        for engine, (in_use, reach) in zip(shard_engines, await states(shard_engines), strict=True):
            for alert, row in (await stored([engine])).items():
                true = (expected(before[alert]) if in_use == NEXT.date else before[alert])["armed_price"]
                assert row["armed_price"] >= true
                assert row["armed_price"] <= (true + 1) * reach or true == UNSET
                seen.append(row["armed_price"] > true)
        try:
            await load_rates(NEXT, shard_urls, published, cut_short(0))
        except CutShortError:
            continue
        break
    assert any(seen), "no alert was seen between the rates"
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}


async def test_an_alert_that_is_written_while_its_shard_waits_to_change_its_rates_is_converted_in_the_same_moment(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    """The change waits for the transaction that writes it; cut short at that alert, there is no change."""
    shards = Shards(shard_engines)
    await shards.refresh()
    late = wish("USD")
    async with AsyncExitStack() as second:
        async with shards.transaction(0, []):
            load = asyncio.create_task(load_rates(NEXT, shard_urls, published, cut_short(0)))
            await _until_waiting(shard_engines[1], 1)  # to widen the reach
            entering = asyncio.create_task(second.enter_async_context(shards.transaction(0, [])))
            await _until_waiting(shard_engines[1], 2)
        transaction = await entering
        assert transaction.reach > 1
        await _until_waiting(shard_engines[1], 1)  # to change the rates
        await transaction.connection.execute(insert(alerts).values(late))
    with pytest.raises(CutShortError):
        await load
    assert (await states(shard_engines))[0][0] == RATES.date
    assert (await stored(shard_engines[:1]))[late["id"]]["armed_price"] == late["armed_price"]

    await load_rates(NEXT, shard_urls, published, silent)
    assert (await stored(shard_engines[:1]))[late["id"]]["armed_price"] == 9_000


async def test_an_alert_that_an_edit_moves_to_a_shard_that_was_done_is_converted_there(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    *others, last = shard_engines
    moved = wish("JPY")
    await add([last], [wish("USD")])

    async def arrive() -> None:
        engine = open_engine(shard_urls[0], application="tests", pool_size=1)
        await add([engine], [moved])
        await engine.dispose()

    def advanced(done: int, _: int) -> None:
        if done == 1:  # the last shard's only alert: the first shard is done
            with ThreadPoolExecutor(1) as aside:
                aside.submit(asyncio.run, arrive()).result()

    await load_rates(NEXT, shard_urls, published, advanced)

    assert (await stored(others))[moved["id"]]["armed_price"] == 5_000


async def _until_waiting(observer: AsyncEngine, count: int) -> None:
    """Return once so many wait for a table."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted")
    async with asyncio.timeout(15), observer.connect() as connection:
        while await connection.scalar(waiting) != count:
            await connection.rollback()


async def test_a_shard_that_is_never_free_is_named_and_the_load_can_be_repeated(
    shard_urls: list[str],
    shard_engines: list[AsyncEngine],
    published: RatesInRedis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_LOCK_TIMEOUT", "20ms")
    shards = Shards(shard_engines)
    await shards.refresh()
    with stamina.set_testing(True, attempts=2):
        async with shards.transaction(2, []):
            with pytest.raises(ShardBusyError, match="shard2"):
                await load_rates(NEXT, shard_urls, published, silent)
    await load_rates(NEXT, shard_urls, published, silent)
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}


async def test_while_somebody_else_has_the_turn_nothing_is_loaded(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    async with turn(shard_urls[0]):
        with pytest.raises(TurnTakenError):
            await load_rates(NEXT, shard_urls, published, silent)
    assert {day for day, _ in await states(shard_engines)} == {RATES.date}


async def test_the_reach_covers_alerts_from_before_the_move_and_shrinks_once_all_are_younger(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines[:1], [wish("USD")])
    await load_rates(NEXT, shard_urls, published, silent)
    dollar_up, yen_down = (Fraction(*NEXT.factors[c]) / Fraction(*RATES.factors[c]) for c in ("USD", "JPY"))
    reaches = [reach for _, reach in await states(shard_engines)]
    assert reaches == [pytest.approx(float(dollar_up / yen_down)), 1, 1, 1]
    assert reaches[0] >= dollar_up / yen_down

    async with shard_engines[0].begin() as connection:
        await connection.execute(update(alerts).values(last_fired_at=datetime.now(UTC) + timedelta(hours=2)))
    await load_rates(NEXT, shard_urls, published, silent)
    assert [reach for _, reach in await states(shard_engines)] == [1, 1, 1, 1]


async def test_what_is_shown_is_what_shards_and_price_workers_use(
    shard_urls: list[str], shard_engines: list[AsyncEngine], published: RatesInRedis
) -> None:
    await add(shard_engines[:1], [wish("USD"), wish("EUR")])
    before = await rates_in_use(shard_urls, published)
    assert (before.rates, before.price_workers) == (RATES, None)

    await load_rates(NEXT, shard_urls, published, silent)
    await add(shard_engines[1:2], [wish("JPY")])

    after = await rates_in_use(shard_urls, published)
    assert (after.rates, after.price_workers) == (NEXT, NEXT.date)
    assert [shard.alerts_behind for shard in after.shards] == [0, 1, 0, 0]
    assert await dates_in_use(shard_urls) == {f"shard{number}": NEXT.date for number in range(4)}
