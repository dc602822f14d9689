"""Notices of alerts for their users, between alert worker and notifier: that one fired, or that it ended.

A message is a JSON array, because a confirm costs a sender more than the notice itself: of notices of one route, so
that notifiers can be fair between routes, or of all that one traveller is told in a digest.

Prices are integer minor units: the fare's own and the previous one in the fare's currency, the reference and
armed prices in the reference currency.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from shared.errors import UnreadableError
from shared.money import minor_units

JSON: Final = "application/json"
MAX_NOTICES: Final = 300  # that are read, enough for any digest
ROUTE_NOTICES: Final = 50  # that are sent in one message of a route
# A notification is about 700 bytes: this leaves room for the fields of later versions.
MAX_BODY_BYTES: Final = 1024 * 1024

BIGGEST_INT64 = 2**63 - 1

# A fall by so much of the previous price is worth waking somebody for, if they wish.
EXCEPTIONAL_PERCENT: Final = 30

# `\Z` and not `$`, which would let a trailing newline through.
Airport: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Route: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}-[A-Z]{3}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
CarrierCode: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z0-9]{2,3}\Z")]
FlightNumber: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{1,4}[A-Z]?\Z")]
ClockTime: TypeAlias = Annotated[str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
Cabin: TypeAlias = Literal["economy", "premium_economy", "business", "first"]
Stops: TypeAlias = Annotated[int, Meta(ge=0, le=7)]
Price: TypeAlias = Annotated[int, Meta(gt=0, le=BIGGEST_INT64)]
ReferencePrice: TypeAlias = Annotated[int, Meta(ge=0, le=BIGGEST_INT64)]
FireSequence: TypeAlias = Annotated[int, Meta(gt=0, le=BIGGEST_INT64)]
Revision: TypeAlias = Annotated[int, Meta(ge=0, le=BIGGEST_INT64)]
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]


class Fare(msgspec.Struct, frozen=True, kw_only=True):
    """The fare that fired the alert; None stands for what the source did not say."""

    origin: Airport
    destination: Airport
    departure_date: date
    return_date: date | None = None
    carrier: CarrierCode | None = None
    flight_number: FlightNumber | None = None
    departure_time: ClockTime | None = None
    cabin: Cabin
    stops: Stops
    currency: Currency
    price: Price
    observed_at: Instant
    source: str | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="fired"):
    """One firing of one alert for one user; `revision` counts the edits that the alert had had."""

    id: UUID
    alert_id: UUID
    user_id: UUID
    revision: Revision = 0
    fire_seq: FireSequence
    fired_at: Instant
    route: Route
    fare: Fare
    previous_price: Price | None = None
    reference_price: ReferencePrice
    armed_price: ReferencePrice

    def __post_init__(self) -> None:
        """Refuse what no notifier could render or file: a strange currency, an instant that is not UTC."""
        minor_units(self.fare.currency)
        _require_utc("fired_at", self.fired_at)
        _require_utc("observed_at", self.fare.observed_at)

    @property
    def day(self) -> date:
        """The day in UTC that it is filed under."""
        return self.fired_at.date()

    @property
    def fall_percent(self) -> int:
        """By how much of its previous price the fare fell, rounded down; 0 where that is not known or was no higher."""
        if self.previous_price is None or self.previous_price <= self.fare.price:
            return 0
        return (self.previous_price - self.fare.price) * 100 // self.previous_price

    @property
    def is_exceptional(self) -> bool:
        """Whether the fare fell so far that a traveller may want to hear of it at night."""
        return self.fall_percent >= EXCEPTIONAL_PERCENT

    @property
    def fare_key(self) -> str:
        """What is priced: `JFK-LHR:2026-12-24:BA117@18:25:economy:0:USD`, with unknown parts empty."""
        fare = self.fare
        dates = ":".join(str(day) for day in (fare.departure_date, fare.return_date) if day)
        flight = f"{fare.carrier or ''}{fare.flight_number or ''}@{fare.departure_time or ''}"
        return f"{fare.origin}-{fare.destination}:{dates}:{flight}:{fare.cabin}:{fare.stops}:{fare.currency}"


class Expiry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="expired"):
    """The end of an alert whose last day of departure is over, for its user."""

    id: UUID
    alert_id: UUID
    user_id: UUID
    revision: Revision
    expired_at: Instant
    route: Route
    departure_from: date
    departure_to: date

    def __post_init__(self) -> None:
        """Refuse an instant that is not UTC, and a last day that no day follows."""
        _require_utc("expired_at", self.expired_at)
        if self.departure_to == date.max:
            raise ValueError("departure_to is the last day there is: no alert can end after it")

    @property
    def day(self) -> date:
        """The day in UTC that it is filed under: when the alert was over, not when that was noticed.

        An end that was told of but not written is noticed again, perhaps weeks later, and must meet its first copy.
        """
        return self.departure_to + timedelta(days=1)


Notice: TypeAlias = Notification | Expiry


@dataclass(frozen=True, slots=True)
class Decoded:
    """The notices that could be read, at least one, and the faults of those that could not, by reason."""

    notices: Sequence[Notice]
    set_aside: Mapping[str, int]


class _Kind(msgspec.Struct):
    """What a document is; senders from before alerts expired do not say it."""

    kind: Literal["fired", "expired"] = "fired"


_ENCODER = msgspec.json.Encoder()
_SPLITTER = msgspec.json.Decoder(list[msgspec.Raw])
_KIND_DECODER = msgspec.json.Decoder(_Kind)
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Notice]]] = {
    "fired": msgspec.json.Decoder(Notification),
    "expired": msgspec.json.Decoder(Expiry),
}


def notification_id(alert_id: UUID, revision: int, fire_seq: int, fare: str, price: int) -> UUID:
    """Return the id of an alert's nth firing: the same one whenever a rolled back claim is repeated.

    A claim that takes the number of one that was rolled back may be of another wish (hence the revision), or of
    another fare or price (hence the fare's key and its quoted price): its user has not been told of that yet.
    """
    return uuid5(alert_id, f"fire:{revision}:{fire_seq}:{fare}:{price}")


def expiry_id(alert_id: UUID, revision: int) -> UUID:
    """Return the id of the notice that an alert, as edited so often, has expired."""
    return uuid5(alert_id, f"expired:{revision}")


def encode(notices: Sequence[Notice]) -> bytes:
    """Return the body of a message: up to `MAX_NOTICES` are read."""
    return _ENCODER.encode(notices)


def encode_one(notice: Notice) -> bytes:
    """Return the JSON document of one notice, as it stands in a body."""
    return _ENCODER.encode(notice)


def decode(body: bytes, content_type: str | None) -> Decoded:
    """Read a message: an array of notices, or one alone, as older senders and people by hand send it.

    Unknown fields are skipped, newer senders may add them. A notice that cannot be read is set aside.

    Raises:
        UnreadableError: the content type, the size or the body is not that of notices, or none of them can be read.
    """
    if content_type != JSON:
        raise UnreadableError("wrong_content_type", f"{content_type!r}; {JSON} is read")
    if not body:
        raise UnreadableError("empty_body")
    if len(body) > MAX_BODY_BYTES:
        raise UnreadableError("body_too_large", f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
    documents = _split(body)
    if not 0 < len(documents) <= MAX_NOTICES:
        raise UnreadableError("wrong_length", f"{len(documents)} notices, 1 to {MAX_NOTICES} are read")
    return _read_all(documents)


def _split(body: bytes) -> list[msgspec.Raw]:
    with _reading():
        alone = body.decode().lstrip().startswith("{")
        return [msgspec.Raw(body)] if alone else _SPLITTER.decode(body)


def _read_all(documents: Sequence[msgspec.Raw]) -> Decoded:
    notices, faults = [], []
    for document in documents:
        try:
            notices.append(_read(document))
        except UnreadableError as fault:
            faults.append(fault)
    if not notices:
        raise faults[0]
    return Decoded(notices, Counter(fault.reason for fault in faults))


def _read(document: msgspec.Raw) -> Notice:
    with _reading():
        return _DECODERS[_KIND_DECODER.decode(document).kind].decode(document)


@contextmanager
def _reading() -> Iterator[None]:
    """Say in words that are counted by what JSON cannot be read."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", str(error)) from error
    except msgspec.ValidationError as error:
        raise UnreadableError("wrong_schema", str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError("json_malformed", str(error)) from error


def _require_utc(name: str, instant: datetime) -> None:
    if instant.utcoffset() != timedelta(0):
        raise ValueError(f"{name} must be in UTC, such as 2026-12-24T06:00:00Z, not {instant}")
