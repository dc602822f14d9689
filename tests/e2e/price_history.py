"""What the price history must say of the changes that the model has seen, and what a fleet's says.

The days of observation are left out: a replay is all of today, unless midnight comes in between.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.e2e.model import Priced
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.wishes import CITIES

_BY_KEY = """
    SELECT route, departure_date::text AS departure, currency, min(low) AS low, max(high) AS high,
        (array_agg(last ORDER BY last_observed_at DESC, last))[1] AS last,
        (array_agg(low_reference ORDER BY low, low_reference))[1] AS low_reference,
        (array_agg(last_reference ORDER BY last_observed_at DESC, last))[1] AS last_reference,
        sum(changes) AS changes
    FROM price_history WHERE return_date = '1970-01-01' AND cabin = 0
    GROUP BY route, departure_date, currency
"""


class Key(NamedTuple):
    route: str
    departure: str
    currency: str


class Row(NamedTuple):
    """Prices in minor units of the currency, their reference amounts in euro cents."""

    low: int
    high: int
    last: int
    low_reference: int
    last_reference: int
    changes: int


def history_of(batches: Iterable[Sequence[Priced]]) -> dict[Key, Row]:
    """What changed in each batch, one by one; what is in one batch was observed at one instant."""
    history: dict[Key, Row] = {}
    for batch in batches:
        of_key: dict[Key, list[Priced]] = {}
        for change in batch:
            of_key.setdefault(_key(change), []).append(change)
        for key, changes in of_key.items():
            history[key] = _then(history.get(key), changes)
    return history


def _key(change: Priced) -> Key:
    fare = change.fare
    cities = [CITIES.get(airport, airport) for airport in (fare.origin, fare.destination)]
    return Key("-".join(cities), str(fare.departure), fare.currency)


def _then(before: Row | None, changes: Sequence[Priced]) -> Row:
    """The cheapest of a batch counts as its last price."""
    prices = [(change.fare.price, change.price) for change in changes]
    last, last_reference = min(prices)
    high = max(prices)[0]
    if before is None:
        return Row(last, high, last, last_reference, last_reference, len(prices))
    low, low_reference = min((before.low, before.low_reference), (last, last_reference))
    return Row(low, max(before.high, high), last, low_reference, last_reference, before.changes + len(prices))


def history_in(fleet: RunningFleet) -> dict[Key, Row]:
    """What the shards of a fleet hold."""
    rows = fleet.on_shards(_BY_KEY)
    return {Key(*row[:3]): Row(*(int(row[name]) for name in Row._fields)) for row in rows}
