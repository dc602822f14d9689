"""Finds alerts whose move to another shard was cut short, and brings them home."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select, true

from shared.alerts.moves import Move, settle
from shared.errors import MapMovedError, UnavailableError
from shared.schema.shards import arriving_alerts, departed_alerts
from shared.shards import Shards

log = structlog.get_logger()


async def finish_arrivals(shards: Shards, older_than: timedelta) -> None:
    """Settle all moves that began so long ago; what cannot be settled now is left for the next time."""
    begun = arriving_alerts.c.arrived_at < func.now() - older_than
    found = await asyncio.gather(*(_arriving(shards, shard, begun) for shard in shards.numbers), return_exceptions=True)
    for answer in found:
        if isinstance(answer, BaseException) and not isinstance(answer, UnavailableError):
            raise answer
    moves = [move for answer in found if not isinstance(answer, BaseException) for move in answer]
    for move in moves:
        await _settle_or_leave(shards, move)
    with suppress(UnavailableError):
        await _forget_those_over(shards, older_than)


async def finish_arrival(shards: Shards, alert_id: UUID) -> bool:
    """Settle the moves of one alert, which may still be going on; False if there are none.

    Raises:
        UnavailableError: a shard is away.
        MapMovedError: a shard does not hold the route that the alert is to have.
    """
    its = arriving_alerts.c.id == alert_id
    found = await shards.on_each(lambda shard: _arriving(shards, shard, its))
    moves = [move for part in found for move in part]
    for move in moves:
        await settle(shards, move)
    return bool(moves)


async def _arriving(shards: Shards, target: int, which: ColumnElement[bool]) -> Sequence[Move]:
    row = arriving_alerts.c
    statement = select(row.id, row.source, row.content["route"].astext, row.move).where(which)
    async with shards.transaction(target, []) as transaction:
        found = (await transaction.connection.execute(statement)).all()
    return [Move(alert_id, source, target, route, move) for alert_id, source, route, move in found]


async def _settle_or_leave(shards: Shards, move: Move) -> None:
    try:
        await settle(shards, move)
    except (UnavailableError, MapMovedError) as error:
        log.warning("move_not_settled", alert_id=str(move.alert_id), error=str(error))
    else:
        log.info("move_settled", alert_id=str(move.alert_id), source=move.source, target=move.target)


async def _forget_those_over(shards: Shards, older_than: timedelta) -> None:
    """Remove the notes of moves so long ago that have been activated: nothing of theirs waits on any shard.

    Raises:
        UnavailableError: a shard is away, on which something may wait.
    """
    noted = [await _noted(shards, shard, older_than) for shard in shards.numbers]
    # Read after the notes: what has left waits until it is activated, and never again.
    waiting = {move.id for shard in shards.numbers for move in await _arriving(shards, shard, true())}
    for shard, notes in enumerate(noted):
        if over := notes - waiting:
            async with shards.transaction(shard, []) as transaction:
                await transaction.connection.execute(delete(departed_alerts).where(departed_alerts.c.move.in_(over)))


async def _noted(shards: Shards, source: int, older_than: timedelta) -> set[UUID]:
    statement = select(departed_alerts.c.move).where(departed_alerts.c.departed_at < func.now() - older_than)
    async with shards.transaction(source, []) as transaction:
        return set(await transaction.connection.scalars(statement))
