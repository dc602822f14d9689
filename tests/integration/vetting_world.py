"""A notifier with the shards and boards on which it vets what it is to tell."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.handler import NotificationHandler
from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from services.notifier.vetting.vetting import Vetting
from shared.broker.broker import Broker
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.fare_boards import layout
from shared.fare_boards.store import BoardStore, Write
from shared.messages import evaluations, fare_key
from shared.messages.evaluations import Evaluation, Unseen
from shared.messages.notifications import Expiry, Fare, Notice, Notification
from shared.schema.shards import alerts
from shared.shard_map import ShardMap
from shared.shards import Shards
from shared.topology import EVALUATIONS
from tests.integration.conftest import SHARDS
from tests.integration.notifying import DAY, FARE, NOW, Gatekeeper, Notifier, expired, fired, traveller

FIRST_MAP = ShardMap.even(len(SHARDS))
LATER = FARE.observed_at + timedelta(milliseconds=1)
LONG_AFTER_ANY_CLOCK = 2**33


class World:
    """A notifier with all that it stands on."""

    def __init__(self, accounts: AsyncEngine, engines: Sequence[AsyncEngine], boards: BoardStore) -> None:
        self.accounts = accounts
        self.engines = engines
        self.boards = boards
        self.shards = Shards(engines)
        self.broker: Broker = FakeBroker()
        self.gateway = Gatekeeper()
        self.failpoints = Failpoints(None)

    @property
    def notifier(self) -> NotificationHandler:
        vetting = Vetting(AlertReader(self.shards), FareReader(self.boards), lambda: NOW)
        parts = Notifier(self.accounts, self.gateway, vetting=vetting, broker=self.broker, failpoints=self.failpoints)
        return parts.handler()

    @property
    def undone(self) -> list[Evaluation]:
        """What alert workers were asked so far."""
        assert isinstance(self.broker, FakeBroker)
        assert {message.exchange for message in self.broker.published} <= {EVALUATIONS.name}
        messages = [evaluations.decode(message.body, message.content_type) for message in self.broker.published]
        return [evaluation for message in messages for evaluation in message]

    async def fired(self, fare: Fare = FARE, route: str = "BCN-BUD", **alert: str | int) -> Notification:
        """A firing of an alert that is on its shard."""
        notice = fired(await traveller(self.accounts, "phone"), fare=fare, route=route)
        await self.keep(notice, alert=alert)
        return notice

    async def expired(self, **alert: str | int) -> Expiry:
        """The end of an alert that is on its shard."""
        notice = expired(await traveller(self.accounts, "phone"))
        await self.keep(notice, alert=alert)
        return notice

    async def keep(self, *notices: Notice, on: int | None = None, alert: Mapping[str, str | int] | None = None) -> None:
        """Put the alerts of notices where they belong, or on another shard."""
        shard = FIRST_MAP.shard_of(notices[0].route) if on is None else on
        async with self.engines[shard].begin() as connection:
            await connection.execute(insert(alerts), [alert_of(notice) | dict(alert or {}) for notice in notices])

    async def list_fares(self, *fares: Fare) -> None:
        """Make a board of these fares, which differ in their carriers only."""
        rows = np.zeros(len(fares), layout.ROW)
        rows["fare"] = [key_of(fare) for fare in fares]
        everywhere = np.arange(len(fares))
        prices = np.array([fare.price for fare in fares])
        layout.put_prices(rows, everywhere, prices, prices)
        seen = [round(fare.observed_at.timestamp() * 1000) for fare in fares]
        layout.put_observations(rows, everywhere, np.array(seen))
        value = layout.next_headers([layout.ABSENT])[0] + np.sort(rows, order="fare").tobytes()
        await self.boards.write([Write(board_of(fares[0]), layout.ABSENT, value, LONG_AFTER_ANY_CLOCK)])


def alert_of(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.alert_id,
        "user_id": notice.user_id,
        "route": notice.route,
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": 9000,
        "currency": "EUR",
        "armed_price": 8819,
        "initial_price": 9000,
    }


def key_of(fare: Fare) -> int:
    flight = (fare.carrier, fare.flight_number, fare.departure_time)
    return fare_key.pack_fare(fare_key.Fare(*flight, fare.cabin, fare.stops, fare.currency))


def board_of(fare: Fare) -> str:
    return layout.redis_key(
        fare_key.pack_board(fare_key.Board(fare.origin, fare.destination, fare.departure_date, fare.return_date))
    )


def changed(fare: Fare = FARE, **fields: object) -> Fare:
    return msgspec.structs.replace(fare, **fields)


def undoing(notice: Notification) -> Evaluation:
    unseen = Unseen(
        revision=notice.revision,
        fire_seq=notice.fire_seq,
        fare=notice.fare_key,
        reference_price=notice.reference_price,
        armed_price=notice.armed_price,
    )
    return Evaluation(alert_id=notice.alert_id, route=notice.route, unseen=unseen)
