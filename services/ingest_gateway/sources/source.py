"""What a travel API is to the poller: which requests a sweep makes, what an answer holds, and what a refusal asks for.

An API is pure: it says what to send and understands what came back. Sending, waiting, counting and giving the fares
away is the poller's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from services.ingest_gateway.intake.taken import FareValues

__all__ = [
    "Api",
    "FareValues",
    "LogInAgain",
    "Mapped",
    "Page",
    "Refusal",
    "Request",
    "Skip",
    "Stop",
    "Token",
    "TryAgain",
]


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a payload holds.

    Attributes:
        fares: in the payload's order.
        set_aside: how many of its offers are no fares, by reason.
    """

    fares: Sequence[FareValues]
    set_aside: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        method: in capitals.
        path: follows the source's base URL; begins with a slash.
        what: what is asked, for logs, as `NYC-LON 2026-12-24`; never a secret.
        query: not yet encoded.
        headers: a token of `Api.login` is added by the poller.
        body: as it is sent; its content type stands in the headers.
    """

    method: str
    path: str
    what: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # tokens among them
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer gave, and the requests for what follows it."""

    mapped: Mapped
    further: Sequence[Request] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """What a login gave: it goes with every request as `Authorization: Bearer`."""

    value: str = field(repr=False)
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same request may go through later: after so many seconds if the body says so, else the poller decides."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class LogInAgain:
    """The token is no longer good. If a new one is refused as well, the source stops."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """This search has nothing, or cannot be made; others may."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """No request of this source can go through until somebody has looked, or for so many seconds."""

    reason: str
    after_s: float | None = None


Refusal = TryAgain | LogInAgain | Skip | Stop


class Api(Protocol):
    """One travel API, without I/O. Reasons are short snake_case words: they are logged.

    Each is made of its source's name, which its fares bear, its `Searches` and its secret: `Duffel(source, searches,
    secret)`.
    """

    def requests(self, today: date) -> Iterator[Request]:
        """The first request of each search of a sweep that is made on this day (UTC)."""

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:
        """Understand the body of a 2xx answer, which arrived at this instant.

        Raises:
            UnreadableError: it is no answer to this request; `refusal` says what then.
        """

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """What to do about an answer that is no 2xx, or a 2xx that cannot be read.

        Args:
            status: as answered.
            headers: by their names in small letters. The poller itself honours `retry-after` wherever `TryAgain` names
                no time of its own.
            body: whatever came, perhaps nothing.
        """

    def login(self) -> Request | None:
        """What to send for a token; None where every request carries its credentials itself."""

    def token(self, body: bytes) -> Token:
        """The token in a 2xx answer to `login`.

        Raises:
            UnreadableError: there is none in it.
        """
