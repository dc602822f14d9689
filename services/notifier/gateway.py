"""What goes through a push gateway: a push to one device, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, Protocol
from uuid import UUID

from services.notifier.digest import Digest
from services.notifier.rendering.rendering import Text
from shared.messages.notifications import Notice
from shared.topology import Lane


@dataclass(frozen=True, slots=True)
class Device:
    """An installation of the app that a traveller wants to be told on.

    Attributes:
        time_zone: its IANA name.
        address: its registration token, or its installation id, at Firebase.
        addressed_by: which of the two.
    """

    id: UUID
    user_id: UUID
    platform: Literal["android", "ios", "web"]
    locale: str
    time_zone: str
    address: str = field(repr=False)
    addressed_by: Literal["token", "fid"]


@dataclass(frozen=True, slots=True)
class Push:
    """What one device is told in one message, in the words of its locale; pushes of an earlier lane leave first."""

    told: Notice | Digest
    device: Device
    text: Text
    lane: Lane = Lane.STANDARD


class Verdict(StrEnum):
    """What became of a push, by what has to be done next."""

    SENT = "sent"  # the gateway accepted it: no receipt of the device ever comes back
    RETIRE = "retire"  # the device's token is dead
    FAILED = "failed"  # repeating it would fail again
    TRANSIENT = "transient"  # not sent or unknown: repeat it later, its twin is replaced on the device
    REFUSED = "refused"  # the gateway does not let us in: stop and wait for a person
    UNTRIED = "untried"  # not sent: the gateway is known to be away, this platform's lane is held, pushes are stopped


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one push.

    Attributes:
        reason: a short snake_case word unless it was sent.
        retry_after: seconds that the gateway asks to wait before it is tried again.
    """

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None


PUSHES_STOPPED: Final = Outcome(Verdict.UNTRIED, "pushes_stopped")


class Gateway(Protocol):
    """A way to devices."""

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        """Send the pushes and return their outcomes in the same order.

        Raises:
            UnavailableError: the gateway cannot be reached and nothing was sent.
        """

    async def close(self) -> None:
        """Give back connections and files."""
