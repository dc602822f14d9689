"""The notifier as section 8 of the design has it, as far as alerts are concerned: whom it tells, once, and whom not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.messages.notifications import Expiry, Notice, Notification
from tests.integration.alert_model import Alerts, Ended, Told
from tests.integration.board_model import Boards
from tests.integration.message_meanings import fare_of, key_of

UNSEEN = {"alert_paused", "fare_gone"}


@dataclass
class Record:
    """What is known of a notification."""

    content: Told | Ended
    state: str = "queued"
    reason: str | None = None
    pushed: int = 0


@dataclass
class Notifier:
    """What was told to whom.

    `upset_at` is when rates moved or boards were lost, last: after that one price may be told of again.
    """

    alerts: Alerts
    boards: Boards
    name_of: Callable[[UUID], str]
    records: dict[tuple[Any, ...], Record] = field(default_factory=dict)
    upset_at: datetime | None = None
    _pushed: dict[tuple[str, int], tuple[Told, datetime]] = field(default_factory=dict)  # the last one of an alert

    def record(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            content = self.content_of(notice)
            self.records.setdefault(key_of(content), Record(content))

    def reasons(self, notices: Sequence[Notice]) -> list[str | None]:
        """Why each of them is not told of; None if it is, or was."""
        return [self._reason(notice) for notice in notices]

    def unseen(self, notices: Sequence[Notice]) -> list[str]:
        """The alerts whose firings nobody sees and that must know it."""
        reasons = zip(notices, self.reasons(notices), strict=True)
        return [
            self.name_of(notice.alert_id)
            for notice, reason in reasons
            if reason in UNSEEN and isinstance(notice, Notification)
        ]

    def tell(self, notices: Sequence[Notice], *, marked: bool) -> None:
        """Push what is to be told; what is not marked as told may be pushed again."""
        for notice, reason in zip(notices, self.reasons(notices), strict=True):
            record = self.records[key_of(self.content_of(notice))]
            if record.state == "queued":
                if not reason:
                    record.pushed += 1
                    if marked:
                        self._note_push(notice)
                if marked:
                    record.state, record.reason = ("dropped" if reason else "sent"), reason

    def content_of(self, notice: Notice) -> Told | Ended:
        name = self.name_of(notice.alert_id)
        if isinstance(notice, Expiry):
            return Ended(name, notice.revision)
        return Told(
            name,
            notice.revision,
            notice.fire_seq,
            notice.fare_key,
            notice.fare.price,
            notice.reference_price,
            notice.armed_price,
            notice.previous_price,
        )

    def _reason(self, notice: Notice) -> str | None:
        record = self.records[key_of(self.content_of(notice))]
        return self._why_not(notice) if record.state == "queued" else record.reason

    def _why_not(self, notice: Notice) -> str | None:
        alert = self.alerts.alerts.get(self.name_of(notice.alert_id))
        if alert is None or alert.wish.route != notice.route:
            return "alert_deleted"
        if alert.revision != notice.revision:
            return "alert_edited"
        if isinstance(notice, Expiry):
            return None
        if alert.state in {"paused", "expired"}:
            return f"alert_{alert.state}"
        row = self.boards.rows.get(fare_of(notice))
        gone = row and row.observed_at > notice.fare.observed_at and row.price > notice.fare.price
        return "fare_gone" if gone else None

    def _note_push(self, notice: Notice) -> None:
        """Nobody is told twice of one price of one fare that has not changed.

        A push that a crash kept from being marked does not count: its firing may still be undone.
        """
        told = self.content_of(notice)
        if not isinstance(told, Told) or not isinstance(notice, Notification):
            return
        before, at = self._pushed.get(told[:2], (told, notice.fired_at))
        self._pushed[told[:2]] = told, notice.fired_at
        if before.fire_seq != told.fire_seq and before[3:5] == told[3:5]:
            since = max(filter(None, (self.boards.changed_at[fare_of(notice)], self.upset_at)))
            assert since > at, f"{told.name} is told twice of {told.fare}"
