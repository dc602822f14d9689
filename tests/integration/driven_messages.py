"""The messages between the handlers of a fleet that is driven by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import pyarrow as pa

from shared.broker.outgoing import Outgoing
from shared.deliveries import Context, Delivery
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.messages.batches import ARROW, encode
from shared.messages.fares import FARES
from shared.topology import CHANGES, EVALUATIONS, FARES_INGEST, NOTIFICATIONS
from tests.integration.alert_world import Sighting


@dataclass(frozen=True)
class Message:
    queue: str
    body: bytes
    content_type: str
    attempt: int = 0


@dataclass(frozen=True)
class Handled:
    """What came of a message: what was published, and the message that is to be tried again, if any."""

    published: list[Message]
    again: Message | None = None
    reason: str = ""
    crashed: bool = False


def fares_message(batch: Sequence[Sighting], now: datetime) -> Message:
    """Sightings as a source publishes them."""
    documents = [
        {
            "origin": seen.board.origin,
            "destination": seen.board.destination,
            "departure_date": seen.board.departure,
            "return_date": seen.board.back,
            "carrier": seen.offer.carrier,
            "flight_number": seen.offer.flight,
            "departure_time": _time(seen.offer.time),
            "cabin": seen.offer.cabin,
            "stops": seen.offer.stops,
            "currency": seen.offer.currency,
            "price": seen.price,
            "observed_at": now - seen.age,
            "source": "test",
        }
        for seen in batch
    ]
    body = encode(FARES, pa.RecordBatch.from_pylist(documents, schema=FARES.schema))
    return Message(FARES_INGEST.name, body, ARROW)


def _time(clock: str | None) -> time | None:
    return datetime.strptime(clock, "%H:%M").replace(tzinfo=UTC).time() if clock else None


def messages_of(broker: FakeBroker) -> list[Message]:
    """What was published."""
    return [_message(outgoing) for outgoing in broker.published]


def _message(outgoing: Outgoing) -> Message:
    queue = outgoing.exchange
    assert queue in {CHANGES.name, NOTIFICATIONS.name, EVALUATIONS.name}
    return Message(queue, outgoing.body, outgoing.content_type)


def delivery_of(message: Message) -> Delivery:
    """The message as a handler gets it."""
    return Delivery(message.body, message.content_type, Context(attempt=message.attempt), None, FakeAcknowledger())
