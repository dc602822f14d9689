"""Alerts in the shards: each lies where its route's bucket does, so a traveller's may lie in all of them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts import Alert, AlertRequest, Money, Plan, Target
from shared.databases import reaching
from shared.schema.shards import alerts
from shared.shard_map import ShardMap


class AlertsStore:
    """Reads and writes alerts; every method raises `UnavailableError` when a shard that it needs is away."""

    def __init__(self, shard_map: ShardMap, engines: Sequence[AsyncEngine]) -> None:
        self._shard_map = shard_map
        self._engines = engines

    async def add(self, user_id: UUID, request: AlertRequest, plan: Plan) -> Alert:
        """Add the alert to its route's shard; from its commit on the alert workers see it."""
        shard = self._shard_map.shard_of(plan.route)
        statement = insert(alerts).values(_values(user_id, request, plan)).returning(alerts)
        async with reaching(f"shard{shard}"), self._engines[shard].begin() as connection:
            return _alert((await connection.execute(statement)).one())

    async def page(self, user_id: UUID, count: int, offset: int) -> tuple[int, list[Alert]]:
        """How many alerts the user has, and `count` of them after the first `offset`, newest first."""
        shards = range(len(self._engines))
        # Any shard may hold all that is wanted: each gives its first ones up to the end of the page.
        parts = await asyncio.gather(*(self._newest(shard, user_id, offset + count) for shard in shards))
        found = sorted((alert for _, part in parts for alert in part), key=_age, reverse=True)
        return sum(total for total, _ in parts), found[offset : offset + count]

    async def check(self) -> None:
        """Make sure that every shard answers."""
        await asyncio.gather(*(self._check(shard) for shard in range(len(self._engines))))

    async def _newest(self, shard: int, user_id: UUID, count: int) -> tuple[int, list[Alert]]:
        statement = (
            select(alerts, func.count().over().label("total"))
            .where(alerts.c.user_id == user_id)
            .order_by(alerts.c.created_at.desc(), alerts.c.id.desc())
            .limit(count)
        )
        async with reaching(f"shard{shard}"), self._engines[shard].connect() as connection:
            rows = (await connection.execute(statement)).all()
        return (rows[0].total if rows else 0), [_alert(row) for row in rows]

    async def _check(self, shard: int) -> None:
        async with reaching(f"shard{shard}"), self._engines[shard].connect() as connection:
            await connection.execute(select(1))


def _values(user_id: UUID, request: AlertRequest, plan: Plan) -> dict[str, object]:
    return {
        "id": uuid4(),
        "user_id": user_id,
        "route": plan.route,
        "origin_airports": plan.origin_airports,
        "destination_airports": plan.destination_airports,
        "departure_from": request.departure_from,
        "departure_to": request.departure_to,
        "rule": request.rule.kind,
        "target": request.rule.price.amount,
        "currency": request.rule.price.currency,
        "armed_price": plan.armed_price,
    }


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    origin_city, destination_city = row.route.split("-")
    return Alert(
        id=row.id,
        origin=_code(row.origin_airports, origin_city),
        destination=_code(row.destination_airports, destination_city),
        departure_from=row.departure_from,
        departure_to=row.departure_to,
        rule=Target(kind="target", price=Money(row.target, row.currency)),
        state=row.state,
        created_at=row.created_at,
        updated_at=row.updated_at,
        last_fired_at=row.last_fired_at,
    )


def _code(airports: list[str] | None, city: str) -> str:
    """What the traveller asked for: the airport that the alert is narrowed to, else the city."""
    return airports[0] if airports else city


def _age(alert: Alert) -> tuple[object, UUID]:
    return alert.created_at, alert.id
