"""The notifier as section 8 of the design has it, as far as alerts are concerned: whom it tells, once, and whom not.

Its travellers wish for nothing in particular: they have no quiet hours, no digest, no caps, and no cooldown holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.messages.notifications import Expiry, Notice, Notification
from tests.integration.alert_model import Alerts, Ended, Told
from tests.integration.board_model import Boards
from tests.integration.message_meanings import fare_of, key_of

UNSEEN = {"alert_paused", "fare_gone"}
TOLD = {"sending", "sent"}

Key = tuple[Any, ...]


@dataclass
class Record:
    """What is known of a notification."""

    content: Told | Ended
    state: str = "queued"
    reason: str | None = None
    pushed: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided on: nobody has, or a crash has left it."""
        return self.state in {"queued", "sending"}


class Verdict(NamedTuple):
    """What becomes of a notice."""

    notice: Notice
    state: str
    reason: str | None = None


@dataclass
class Notifier:
    """What was told to whom.

    `upset_at` is when rates moved or boards were lost, last: after that one price may be told of again.
    """

    alerts: Alerts
    boards: Boards
    name_of: Callable[[UUID], str]
    records: dict[Key, Record] = field(default_factory=dict)
    upset_at: datetime | None = None
    _pushed: dict[tuple[str, int], tuple[Told, datetime]] = field(default_factory=dict)  # the last one of an alert

    def judge(self, notices: Sequence[Notice]) -> list[Verdict]:
        """What becomes of the notices of one message; what was done with stays as it is."""
        verdicts = []
        for notice in notices:
            record = self.records.get(self._key(notice))
            if record and not record.is_open:
                verdicts.append(Verdict(notice, record.state, record.reason))
            elif reason := self._why_not(notice):
                verdicts.append(Verdict(notice, "dropped", reason))
            else:
                verdicts.append(Verdict(notice, "sending"))
        return [self._unless_superseded(verdict, verdicts) for verdict in verdicts]

    def unseen(self, verdicts: Sequence[Verdict]) -> list[str]:
        """The alerts whose firings nobody sees and that must know it."""
        return [
            self.name_of(verdict.notice.alert_id)
            for verdict in verdicts
            if verdict.reason in UNSEEN and isinstance(verdict.notice, Notification)
        ]

    def park(self, notices: Sequence[Notice]) -> None:
        """Keep what waits for its shard."""
        for notice in notices:
            record = self.records.setdefault(self._key(notice), Record(self.content_of(notice)))
            if record.is_open:
                record.state, record.reason = "queued", "map_moved"

    def decide(self, verdicts: Sequence[Verdict]) -> None:
        """Write down what becomes of notices."""
        for notice, state, reason in verdicts:
            record = self.records.setdefault(self._key(notice), Record(self.content_of(notice)))
            record.state, record.reason = state, reason

    def push(self, verdicts: Sequence[Verdict], *, marked: bool) -> None:
        """Push what is to be told; what is not marked as told may be pushed again."""
        for notice, state, _ in verdicts:
            record = self.records[self._key(notice)]
            if state == "sending":
                record.pushed += 1
                if marked:
                    self._note_push(notice)
                    record.state = "sent"

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

    def _key(self, notice: Notice) -> Key:
        return key_of(self.content_of(notice))

    def _unless_superseded(self, verdict: Verdict, verdicts: Sequence[Verdict]) -> Verdict:
        """A firing is not told once a later one of its alert is, nor beside a cheaper one."""
        told = self._firing(verdict)
        if not told:
            return verdict
        rivals = [rival for rival in map(self._firing, verdicts) if rival and rival.name == told.name]
        standing = [rival for rival in rivals if rival[1:3] >= self._last_told(rival)]
        cheapest = min(standing, key=lambda rival: (rival.reference, -rival.revision, -rival.fire_seq), default=None)
        return verdict if told == cheapest else verdict._replace(state="suppressed", reason="superseded")

    def _firing(self, verdict: Verdict) -> Told | None:
        """What would be told of a firing."""
        content = self.content_of(verdict.notice)
        return content if verdict.state == "sending" and isinstance(content, Told) else None

    def _last_told(self, told: Told) -> tuple[int, int]:
        """The number of the last firing of its alert that was told, itself aside."""
        others = {key: record for key, record in self.records.items() if key != key_of(told)}.values()
        pushed = [record.content for record in others if record.state in TOLD]
        return max((one[1:3] for one in pushed if isinstance(one, Told) and one.name == told.name), default=(0, 0))

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
