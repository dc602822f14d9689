"""What goes through a push gateway: a push to one device, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from services.notifier.rendering import Text
from shared.messages.notifications import Notice


@dataclass(frozen=True, slots=True)
class Device:
    """An installation of the app that a traveller wants to be told on.

    Attributes:
        address: its registration token, or its installation id, at Firebase.
        addressed_by: which of the two.
    """

    id: UUID
    user_id: UUID
    locale: str
    address: str = field(repr=False)
    addressed_by: Literal["token", "fid"]


@dataclass(frozen=True, slots=True)
class Push:
    """One notice for one device, in the words of its locale."""

    notice: Notice
    device: Device
    text: Text


class Verdict(StrEnum):
    """What became of a push, by what has to be done next."""

    SENT = "sent"  # the gateway accepted it: no receipt of the device ever comes back
    RETIRE = "retire"  # the device's token is dead
    FAILED = "failed"  # repeating it would fail again
    TRANSIENT = "transient"  # not sent or unknown: repeat it later, its twin is replaced on the device
    REFUSED = "refused"  # the gateway does not let us in: stop and wait for a person


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one push, with a short snake_case reason unless it was sent."""

    verdict: Verdict
    reason: str = ""


class Gateway(Protocol):
    """A way to devices."""

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        """Send the pushes and return their outcomes in the same order.

        Raises:
            UnavailableError: the gateway cannot be reached and nothing was sent.
        """

    async def close(self) -> None:
        """Give back connections and files."""
