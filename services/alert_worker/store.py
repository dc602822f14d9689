"""The alerts of one shard: matched and locked, claimed, and committed once their notifications are safe."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alert_worker.falls import Falls
from services.alert_worker.matching import Claim, Match
from shared.databases import reaching
from shared.errors import UnavailableError

# One statement finds the alerts whose armed price lies in the band that a fare crossed and locks them in id
# order, so that two batches never deadlock. An alert that another batch claims meanwhile is judged again, as it
# then is, before its lock is given.
_MATCH_AND_LOCK: Final = """
SELECT alert.id, alert.user_id, alert.armed_price, alert.fire_seq, change.position - 1 AS position
FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::bigint[], $6::bigint[]) WITH ORDINALITY
     AS change (route, origin, destination, departure, price, previous, position)
JOIN alerts AS alert
  ON alert.route = change.route
 AND alert.armed_price >= change.price
 AND alert.armed_price < change.previous
 AND alert.state = 'active'
 AND change.departure BETWEEN alert.departure_from AND alert.departure_to
 AND (alert.origin_airports IS NULL OR change.origin = ANY (alert.origin_airports))
 AND (alert.destination_airports IS NULL OR change.destination = ANY (alert.destination_airports))
ORDER BY alert.id
FOR UPDATE OF alert
"""

_CLAIM: Final = """
UPDATE alerts
SET armed_price = claim.armed_price, last_price = claim.price, last_fare = claim.fare, last_fired_at = $5,
    fire_seq = alerts.fire_seq + 1, updated_at = $5
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[]) AS claim (id, armed_price, price, fare)
WHERE alerts.id = claim.id
"""


class Transaction:
    """One transaction on a shard, between matching and committing."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def match_and_lock(self, falls: Falls) -> list[Match]:
        """The alerts that these falls match, locked until the transaction ends."""
        rows = await self._connection.fetch(
            _MATCH_AND_LOCK,
            falls.routes,
            falls.origins,
            falls.destinations,
            falls.departures,
            falls.prices,
            falls.previous,
        )
        return [Match(*row) for row in rows]

    async def claim(self, claims: Sequence[Claim], fares: Sequence[str], now: datetime) -> None:
        """Move the claimed alerts on; `fares` are the keys of the fares that fired them."""
        await self._connection.execute(
            _CLAIM,
            [claim.match.alert_id for claim in claims],
            [claim.next_armed_price for claim in claims],
            [claim.price for claim in claims],
            fares,
            now,
        )


class ShardStore:
    """One shard's database."""

    def __init__(self, number: int, engine: AsyncEngine) -> None:
        self.name = f"shard{number}"
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that commits at the end of the block unless it raises.

        Raises:
            UnavailableError: the shard cannot be reached.
        """
        async with reaching(self.name), self._engine.connect() as connection:
            # The hot path speaks asyncpg itself: it binds arrays for unnest without SQLAlchemy's typing.
            raw: Any = await connection.get_raw_connection()
            driver: asyncpg.Connection = raw.driver_connection
            try:
                async with driver.transaction():
                    yield Transaction(driver)
            except asyncpg.InterfaceError as error:
                # Asked for anything more after its server has hung up, asyncpg raises what it raises for misuse.
                if driver.is_closed():
                    raise UnavailableError(self.name, "the connection was lost") from error
                raise

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
