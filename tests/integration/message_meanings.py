"""What messages of the fleet and rows of its databases mean, in the words of the model."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row as SqlRow

from shared.messages import evaluations, notifications
from shared.messages.batches import ARROW, decode
from shared.messages.changes import CHANGES as CHANGES_CONTRACT
from shared.messages.evaluations import Evaluation
from shared.messages.fare_key import unpack_board, unpack_fare
from shared.messages.notifications import Notice, Notification
from tests.integration.alert_model import Ended, Told, Undo, Watched
from tests.integration.alert_world import Board, Offer
from tests.integration.board_model import Change, Fare
from tests.integration.driven_messages import Message

Seen = tuple[Fare, datetime]


def changes_of(message: Message) -> list[Change]:
    rows = decode(CHANGES_CONTRACT, message.body, ARROW).rows.to_pylist()
    return [
        Change(
            (
                Board(row["origin"], row["destination"], row["departure_date"], row["return_date"]),
                Offer(
                    row["carrier"],
                    row["flight_number"],
                    f"{row['departure_time']:%H:%M}" if row["departure_time"] else None,
                    row["cabin"],
                    row["stops"],
                    row["currency"],
                ),
            ),
            row["price"],
            row["reference_price"],
            row["observed_at"].astimezone(UTC),
            row["previous_price"],
            row["previous_reference_price"],
        )
        for row in rows
    ]


def commands_of(message: Message) -> list[Evaluation]:
    return evaluations.decode(message.body, message.content_type)


def notices_of(message: Message) -> Sequence[Notice]:
    return notifications.decode(message.body, message.content_type).notices


def content_of(row: SqlRow[Any]) -> Notice:
    (notice,) = notifications.decode(json.dumps(row.content).encode(), notifications.JSON).notices
    return notice


def undo_of(command: Evaluation) -> Undo | None:
    firing = command.unseen
    if firing is None:
        return None
    return Undo(firing.revision, firing.fire_seq, firing.fare, firing.reference_price, firing.armed_price)


def seen_after(command: Evaluation) -> Seen | None:
    after = command.after
    if after is None:
        return None
    return (Board(*unpack_board(after.board)), Offer(*unpack_fare(after.fare))), after.observed_at


def fare_of(notice: Notification) -> Fare:
    fare = notice.fare
    return (
        Board(fare.origin, fare.destination, fare.departure_date, fare.return_date),
        Offer(fare.carrier, fare.flight_number, fare.departure_time, fare.cabin, fare.stops, fare.currency),
    )


def key_of(content: Told | Ended) -> tuple[Any, ...]:
    """What the id of a notice is made of."""
    return content[:5] if isinstance(content, Told) else tuple(content)


def state_of(row: SqlRow[Any]) -> tuple[Any, ...]:
    return (
        row.route,
        row.state,
        row.armed_price,
        row.initial_price,
        row.revision,
        row.fire_seq,
        row.last_price,
        row.last_fare,
        watched_by(row),
    )


def watched_by(row: SqlRow[Any]) -> Watched | None:
    if row.watched_board is None:
        return None
    board, fare = row.watched_board % 2**64, row.watched_fare % 2**64
    observed_at = datetime.fromtimestamp(row.watched_at / 1000, UTC)
    return Watched((Board(*unpack_board(board)), Offer(*unpack_fare(fare))), observed_at)
