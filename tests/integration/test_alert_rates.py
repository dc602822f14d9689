"""Rates that move neither fire an alert nor make it deaf."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from shared.alerts.rules import UNSET
from shared.deliveries import Done
from shared.money import Rates
from shared.schema.shards import alerts, rates, shard_state
from tests.development_rates import RATES
from tests.integration.alert_rows import (
    NOW,
    ROUTE,
    SHARD_MAP,
    Stage,
    alert_row,
    change,
    fare,
    stage,
    store_alerts,
    stored_alerts,
)

__all__ = ["stage"]

HOME = SHARD_MAP.shard_of(ROUTE)
TOMORROW = RATES.date + timedelta(days=1)


async def load_rates(stage: Stage, dollar: tuple[int, int], *, reach: float = 1) -> Rates:
    """Have the shard use a snapshot in which a dollar is worth so many euros."""
    loaded = Rates(TOMORROW, "EUR", dict(RATES.factors) | {"USD": dollar})
    async with stage.engines[HOME].begin() as connection:
        await connection.execute(
            insert(rates).values(
                date=loaded.date, reference="EUR", factors={k: list(v) for k, v in loaded.factors.items()}
            )
        )
        await connection.execute(update(shard_state).values(rates_date=loaded.date, reach=reach))
    return loaded


@pytest.mark.parametrize(
    ("previous", "price", "told"), [(9_701, 9_700, [9_700]), (9_700, 9_701, []), (12_000, 9_700, [9_700])]
)
async def test_a_fare_between_an_old_and_a_new_target_fires_once_when_it_falls(
    stage: Stage, previous: int, price: int, told: list[int]
) -> None:
    """A target in dollars is worth 98.00 euros instead of 96.00: what stood at 97 euros falls by a cent."""
    (armed,) = await store_alerts(stage.engines, alert_row(9_600, currency="USD"))
    assert await stage.match(change(9_701, 12_000)) == Done()
    await load_rates(stage, (98, 100), reach=1.03)
    async with stage.engines[HOME].begin() as connection:
        await connection.execute(update(alerts).values(armed_price=9_800, initial_price=9_800, rates_date=TOMORROW))

    for _ in range(3):
        await stage.match(change(price, previous))

    assert stage.prices_told == told
    assert (await stage.alert(armed)).fire_seq == len(told)


async def test_an_alert_that_waits_for_its_baseline_is_out_of_reach_of_fares_seen_before(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(UNSET, rule="new_low"))
    await load_rates(stage, (1, 1), reach=1_000.0)
    await stage.match(change(9_000, 2**40 - 1))
    assert {row.armed_price for row in (await stored_alerts(stage.engines)).values()} == {UNSET}


@pytest.mark.parametrize(
    ("price", "previous", "then", "fires"),
    [
        pytest.param(11_000, 10_900, 12_600, False, id="a quoted rise that rates make cheaper"),
        pytest.param(10_900, 11_000, 9_000, True, id="a quoted fall while rates made it dearer before"),
        pytest.param(10_900, 12_600, 12_600, True, id="a quoted fall through the target"),
        pytest.param(12_500, 12_600, 12_600, False, id="a quoted fall that stays above"),
        pytest.param(10_900, 10_980, 9_500, False, id="a quoted fall that began below already"),
    ],
)
async def test_only_a_quoted_fall_to_the_target_fires_at_the_rates_in_use(
    stage: Stage, price: int, previous: int, then: int, *, fires: bool
) -> None:
    """A dollar is worth 0.91 euros; the target is 100.00 euros; `then` is the higher reference amount of before."""
    await load_rates(stage, (91, 100))
    await store_alerts(stage.engines, alert_row(10_000))
    dollars = {"currency": "USD", "reference_price": 1, "previous_reference_price": then}
    await stage.match(change(price, previous, **dollars))
    assert stage.prices_told == [(price * 91 + 50) // 100] * fires


async def test_the_shards_rates_hold_on_the_boards_too(stage: Stage) -> None:
    await stage.see(fare(10_990, currency="USD", observed_at=NOW))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    await load_rates(stage, (91, 100))
    await stage.evaluate_alert(armed)
    assert stage.prices_told == [10_001] * 0
    (dearer,) = await store_alerts(stage.engines, alert_row(10_001))
    await stage.evaluate_alert(dearer)
    assert stage.prices_told == [10_001]
