"""While a load of rates is between a shard and its alerts, each fires at its true price all the same."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert, update

from shared.deliveries import Done
from shared.money import Rates
from shared.schema.shards import rates, shard_state
from tests.development_rates import RATES
from tests.integration.alert_rows import ROUTE, SHARD_MAP, Stage, alert_row, change, stage, store_alerts

__all__ = ["stage"]

HOME = SHARD_MAP.shard_of(ROUTE)
TARGET = 10_000  # dollars
COMING = RATES.date + timedelta(days=1)


async def know(stage: Stage, dollar: tuple[int, int], *, in_use: date) -> Rates:
    """Have the shard know tomorrow's rates, and use these or today's."""
    coming = Rates(COMING, "EUR", {**RATES.factors, "USD": dollar})
    async with stage.engines[HOME].begin() as connection:
        await connection.execute(insert(rates).values(date=COMING, reference="EUR", factors=dict(coming.factors)))
        await connection.execute(update(shard_state).values(rates_date=in_use, reach=1.2))
    return coming


def dollars(at: Rates) -> dict[str, Any]:
    armed = at.to_reference(TARGET, "USD")
    return {"currency": "USD", "target": TARGET, "armed_price": armed, "initial_price": armed, "rates_date": at.date}


async def test_an_alert_that_is_already_lifted_fires_at_its_price_of_today(stage: Stage) -> None:
    coming = await know(stage, (9, 10), in_use=RATES.date)
    today = RATES.to_reference(TARGET, "USD")
    (alert,) = await store_alerts(stage.engines, alert_row(**dollars(coming)))

    for previous, price in ((9_500, today + 1), (today + 1, today)):
        assert await stage.match(change(price, previous)) == Done()

    assert stage.prices_told == [today]
    row = await stage.alert(alert)
    assert (row.rates_date, row.initial_price, row.armed_price) == (RATES.date, today, today * 98 // 100)


async def test_an_alert_that_is_not_yet_pressed_fires_at_its_price_at_the_new_rates(stage: Stage) -> None:
    await know(stage, (8, 10), in_use=COMING)
    (alert,) = await store_alerts(stage.engines, alert_row(**dollars(RATES)))

    for previous, price in ((9_500, 8_001), (8_001, 8_000)):
        assert await stage.match(change(price, previous)) == Done()

    assert stage.prices_told == [8_000]
    row = await stage.alert(alert)
    assert (row.rates_date, row.initial_price, row.armed_price) == (COMING, 8_000, 7_840)
