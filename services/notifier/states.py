"""How a notification stands in the accounts database. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID


class State(StrEnum):
    """The states of a notification in the accounts database."""

    QUEUED = "queued"
    HELD = "held"  # until its time
    SENDING = "sending"
    SENT = "sent"  # accepted for one device at least
    FAILED = "failed"
    SUPPRESSED = "suppressed"  # true, and not worth a push
    DROPPED = "dropped"  # withheld: it no longer holds
    DELIVERED = "delivered"  # by the app's word, as is the next
    OPENED = "opened"


# Reasons of failures that are nobody's fault and that no replay mends: nobody can be reached there.
UNREACHABLE: Final = frozenset({"no_device", "unregistered", "invalid_address", "sender_id_mismatch"})


@dataclass(frozen=True, slots=True)
class Record:
    """A notification's row; `release_at`, `tries` and what follows them are as the schema says."""

    id: UUID
    fired_on: date
    state: State
    reason: str = ""
    release_at: datetime | None = None
    tries: int = 0
    first_tried_at: datetime | None = None
    retry_at: datetime | None = None
    reached: frozenset[UUID] = frozenset()
