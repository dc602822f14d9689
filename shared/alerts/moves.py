"""An alert's way to another shard, after an edit that gave it a route there.

It takes four transactions:

1. enter: the alert as it is to be is written at the target, beside the alerts and not yet active;
2. leave: its row at the source is deleted and the move noted there, both or neither: the point of no return;
3. activate: at the target it comes from beside the alerts to among them;
4. forget: the note at the source goes.

The note alone decides whether a move took place, and a move takes place once: what entered is activated only
after its own move has left, and vanishes in the same transaction. So a move may be cut short anywhere, and
whoever comes upon it may settle it at any time, even while the mover is only slow: `has_left` then makes it too
late to leave.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, Text, delete, exists, insert, literal_column, select, text, update

from shared.alerts.rules import CHECK_AFTER
from shared.money import Rates, UnknownCurrencyError
from shared.schema.shards import alerts, arriving_alerts, departed_alerts
from shared.shard_map import bucket_of
from shared.shards import Shards, ShardTransaction

Row = Mapping[str, Any]

# Another one after every write of the row, whoever writes it.
row_version: Final[ColumnElement[str]] = literal_column("alerts.xmin::text", Text)

# No match has seen the alert until now: the time to its second evaluation begins here.
_ACTIVATE = text("""
    INSERT INTO alerts SELECT * FROM jsonb_populate_record(
        NULL::alerts,
        CAST(:content AS jsonb) || jsonb_build_object('updated_at', now(), 'check_at', now() + :check_after)
    ) RETURNING alerts.*, alerts.xmin::text AS version
""")


@dataclass(frozen=True, slots=True)
class Move:
    """One move of one alert between two shards; `route` is the new one."""

    alert_id: UUID
    source: int
    target: int
    route: str
    id: UUID = field(default_factory=uuid4)


async def enter(transaction: ShardTransaction, move: Move, row: Row) -> None:
    """Write the alert as it is to be; the transaction is one on the target, for the bucket of the new route."""
    await transaction.connection.execute(
        insert(arriving_alerts).values(
            move=move.id, id=move.alert_id, source=move.source, content=msgspec.to_builtins(dict(row))
        )
    )


async def leave(transaction: ShardTransaction, move: Move, version: str) -> bool:
    """Take the row of this version away from the source; False if somebody has written it since."""
    gone = delete(alerts).where(alerts.c.id == move.alert_id, row_version == version).returning(alerts.c.id)
    if await transaction.connection.scalar(gone) is None:
        return False
    await transaction.connection.execute(insert(departed_alerts).values(move=move.id))
    return True


async def activate(shards: Shards, move: Move) -> Row | None:
    """Let an alert that has left its source be active; gives its row, None if somebody has done it before.

    Raises:
        UnavailableError: the target is away.
        MapMovedError: it no longer holds the route.
    """
    async with shards.transaction(move.target, [bucket_of(move.route)]) as transaction:
        content = await transaction.connection.scalar(
            delete(arriving_alerts).where(arriving_alerts.c.move == move.id).returning(arriving_alerts.c.content)
        )
        if content is None:
            return None
        facts = {
            "content": msgspec.json.encode(content | _prices(content, transaction.rates.rates)).decode(),
            "check_after": CHECK_AFTER,
        }
        return dict((await transaction.connection.execute(_ACTIVATE, facts)).mappings().one())


async def forget(shards: Shards, move: Move) -> None:
    """Remove the note of a move that is over."""
    async with shards.transaction(move.source, []) as transaction:
        await transaction.connection.execute(delete(departed_alerts).where(departed_alerts.c.move == move.id))


async def withdraw(shards: Shards, move: Move) -> None:
    """Remove what entered for a move that will never leave."""
    async with shards.transaction(move.target, []) as transaction:
        await transaction.connection.execute(delete(arriving_alerts).where(arriving_alerts.c.move == move.id))


async def has_left(shards: Shards, move: Move) -> bool:
    """Whether the move has left its source. If it has not, it now never will."""
    async with shards.transaction(move.source, []) as transaction:
        # A new version of the row, the same in all else: the mover's own is outdated, or gone already.
        touch = update(alerts).where(alerts.c.id == move.alert_id).values(updated_at=alerts.c.updated_at)
        await transaction.connection.execute(touch)
        noted = select(exists().where(departed_alerts.c.move == move.id))
        return bool(await transaction.connection.scalar(noted))


async def settle(shards: Shards, move: Move) -> None:
    """Bring a move to its end, whichever that is.

    Raises:
        UnavailableError: the source or the target is away.
        MapMovedError: the target no longer holds the route.
    """
    if await has_left(shards, move):
        await activate(shards, move)
        await forget(shards, move)
    else:
        await withdraw(shards, move)


def _prices(content: Row, rates: Rates) -> dict[str, Any]:
    """A target anew, in case other rates have come into use since the alert entered."""
    if content["rule"] == "target":
        with suppress(UnknownCurrencyError):
            price = rates.to_reference(content["target"], content["currency"])
            return {"armed_price": price, "initial_price": price, "rates_date": rates.date}
    return {}
