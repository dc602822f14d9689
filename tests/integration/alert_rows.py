"""Alerts, fares and changes as tests make them, and an alert worker behind a price worker, one step at a time.

All amounts are in euros, which is the reference currency, unless a test says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest
from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alert_worker.claiming import Claims
from services.alert_worker.commands import CommandsHandler
from services.alert_worker.evaluations import Evaluator
from services.alert_worker.expiry import Expiry
from services.alert_worker.handler import ChangesHandler
from services.price_worker.handler import FaresHandler
from shared.alerts.available_fares import AvailableFares
from shared.alerts.rules import CHECK_AFTER
from shared.conversion import ReferenceAmounts
from shared.deliveries import Context, Delivery, Done, Settlement
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.fare_boards.store import BoardStore
from shared.messages import evaluations, notifications
from shared.messages.batches import ARROW, Contract, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.evaluations import Evaluation
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.messages.fares import FARES
from shared.messages.notifications import Notice, Notification
from shared.schema.shards import alerts
from shared.shard_map import ShardMap
from shared.shards import Shards
from shared.topology import CHANGES as CHANGES_EXCHANGE
from shared.topology import EVALUATIONS, NOTIFICATIONS
from tests.development_rates import RATES
from tests.integration.conftest import SHARDS

NOW = datetime.now(UTC).replace(microsecond=0)  # boards expire by Redis' own clock
DAY = NOW.date() + timedelta(days=30)
LIFETIME = timedelta(days=14)
SHARD_MAP = ShardMap.even(len(SHARDS))
ROUTE = "NYC-LON"

Document = dict[str, Any]


def alert_row(armed: int = 10_000, route: str = ROUTE, **more: object) -> Document:
    """A row of `alerts`: a target that any fare on one day's boards of a route can reach."""
    values = {
        "id": uuid4(),
        "user_id": uuid4(),
        "route": route,
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": None if more.get("rule", "target") != "target" else max(armed, 1),
        "currency": "EUR",
        "armed_price": armed,
        "initial_price": armed,
        "rates_date": RATES.date,
        "check_at": NOW + CHECK_AFTER,
    }
    return values | more


async def store_alerts(engines: Sequence[AsyncEngine], *rows: Document) -> list[UUID]:
    """Put alerts, all with the same columns, on the shard of the first one's route."""
    async with engines[SHARD_MAP.shard_of(rows[0]["route"])].begin() as connection:
        await connection.execute(insert(alerts), list(rows))
    return [row["id"] for row in rows]


async def stored_alerts(engines: Sequence[AsyncEngine]) -> dict[UUID, Row[Any]]:
    """Every alert of every shard as it now is."""
    found = {}
    for engine in engines:
        async with engine.connect() as connection:
            found.update({row.id: row for row in await connection.execute(select(alerts))})
    return found


async def fired_alerts(engines: Sequence[AsyncEngine]) -> dict[UUID, tuple[int, int]]:
    """Fire sequence and armed price of every alert that fired."""
    rows = await stored_alerts(engines)
    return {row.id: (row.fire_seq, row.armed_price) for row in rows.values() if row.fire_seq}


def fare(price: int, *, origin: str = "JFK", destination: str = "LHR", **more: object) -> Document:
    """A fare of flight 117 on the day that alerts want."""
    usual = {
        "origin": origin,
        "destination": destination,
        "departure_date": DAY,
        "carrier": "BA",
        "flight_number": "117",
        "cabin": "economy",
        "stops": 0,
        "currency": "EUR",
        "price": price,
        "observed_at": NOW,
        "source": "test",
    }
    return usual | more


def seen(price: int, *, minutes: int, **more: str) -> Document:
    """A fare that many minutes ago."""
    return fare(price, observed_at=NOW - timedelta(minutes=minutes), **more)


def change(price: int, previous: int | None, **more: object) -> Document:
    """That fare at a new price, in words of the changes' contract."""
    amounts = {"reference_price": price, "previous_price": previous, "previous_reference_price": previous}
    return fare(price) | amounts | more


def keys_of(document: Document) -> tuple[int, int]:
    """The packed keys of board and fare of a document."""
    board = Board(document["origin"], document["destination"], document["departure_date"], document.get("return_date"))
    offer = Fare(
        document["carrier"], document["flight_number"], None, document["cabin"], document["stops"], document["currency"]
    )
    return pack_board(board), pack_fare(offer)


def watching(document: Document) -> Document:
    """The columns of an alert that watches this fare."""
    board, offer = (key if key < 2**63 else key - 2**64 for key in keys_of(document))
    return {"watched_board": board, "watched_fare": offer}


def batch(contract: Contract, *documents: Document, attempt: int = 0) -> Delivery:
    """A message with these fares or changes."""
    body = encode(contract, pa.RecordBatch.from_pylist(list(documents), schema=contract.schema))
    return Delivery(body, ARROW, Context(cycle="c1", attempt=attempt), None, FakeAcknowledger())


def command(*wanted: Evaluation, attempt: int = 0) -> Delivery:
    """A message that has alerts evaluated."""
    context = Context(cycle="c1", attempt=attempt)
    return Delivery(evaluations.encode(list(wanted)), evaluations.JSON, context, None, FakeAcknowledger())


@dataclass
class Stage:
    """An alert worker and the price worker before it, with a broker in memory between and behind them.

    Attributes:
        engines: of the shards.
        boards: on the run's Redis.
        failpoints: of the alert worker.
        now: what both take for the present instant.
        busy: whether the alert worker has changes in hand.
    """

    engines: Sequence[AsyncEngine]
    boards: BoardStore
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(None))
    broker: FakeBroker = field(default_factory=FakeBroker)
    now: datetime = NOW
    busy: bool = False

    def __post_init__(self) -> None:
        claims = Claims(self.broker, self.failpoints)
        self.shards = Shards(self.engines)
        available = AvailableFares(self.boards, LIFETIME, lambda: self.now)
        self.evaluator = Evaluator(claims, self.shards, available, busy=lambda: self.busy)
        self.changes = ChangesHandler(claims, self.shards, lambda: self.now)
        self.commands = CommandsHandler(self.evaluator, self.shards)
        self.expiry = Expiry(claims, self.shards, lambda: self.now)

    async def match(self, *changes: Document) -> Settlement:
        """Handle one message of changes."""
        (settlement,) = await self.changes([batch(CHANGES, *changes)])
        return settlement

    async def evaluate(self, *wanted: Evaluation, attempt: int = 0) -> Settlement:
        """Handle one command."""
        (settlement,) = await self.commands([command(*wanted, attempt=attempt)])
        return settlement

    async def evaluate_alert(self, alert_id: UUID, route: str = ROUTE) -> None:
        """Handle the plain command for one alert to its end."""
        assert await self.evaluate(Evaluation(alert_id=alert_id, route=route)) == Done()

    async def once_more(self, after: timedelta = CHECK_AFTER) -> int:
        """Let so much time pass, and sweep every shard; gives how many alerts were due."""
        self.now += after
        return sum([await self.evaluator.once_more(shard, 200) for shard in self.shards.numbers])

    async def see(self, *fares: Document) -> list[Document]:
        """Let a price worker see fares to the end, boards and all; gives its changes, not yet matched."""
        broker = FakeBroker()
        assert await self.price_worker(broker)([batch(FARES, *fares)]) == [Done()]
        return published_changes(broker)

    async def see_and_match(self, *fares: Document) -> None:
        """Let fares go the whole way, and what they have evaluated as well."""
        for changed in await self.see(*fares):
            asked = len(self.asked)
            assert await self.match(changed) == Done()
            for wanted in self.asked[asked:]:
                assert await self.evaluate(wanted) == Done()

    def price_worker(self, broker: FakeBroker, boards: BoardStore | None = None) -> FaresHandler:
        """A price worker at the same instant and rates."""
        amounts = ReferenceAmounts(RATES)
        return FaresHandler(
            broker, boards or self.boards, lambda: amounts, LIFETIME, Failpoints(None), lambda: self.now
        )

    @property
    def told(self) -> list[Notice]:
        """What users are told, in order, repeats included."""
        return [
            notice
            for message in self.broker.published
            if message.exchange == NOTIFICATIONS.name
            for notice in notifications.decode(message.body, message.content_type).notices
        ]

    @property
    def prices_told(self) -> list[int]:
        """The reference prices of the firings that users are told of."""
        return [notice.reference_price for notice in self.told if isinstance(notice, Notification)]

    @property
    def asked(self) -> list[Evaluation]:
        """Whom the match wants evaluated."""
        return [
            wanted
            for message in self.broker.published
            if message.exchange == EVALUATIONS.name
            for wanted in evaluations.decode(message.body, message.content_type)
        ]

    async def alert(self, alert_id: UUID) -> Row[Any]:
        """One alert as it now is."""
        return (await stored_alerts(self.engines))[alert_id]


@pytest.fixture
def stage(shard_engines: list[AsyncEngine], boards: BoardStore) -> Stage:
    return Stage(shard_engines, boards)


def published_changes(broker: FakeBroker) -> list[Document]:
    """The changes that a price worker has published."""
    bodies = [message.body for message in broker.published if message.exchange == CHANGES_EXCHANGE.name]
    return [row for body in bodies for row in decode(CHANGES, body, ARROW).rows.to_pylist()]


def told_of(notice: Notice) -> tuple[str, int]:
    """The fare and the price that a firing tells of, which are in its id."""
    assert isinstance(notice, Notification)
    return notice.fare_key, notice.fare.price
