"""An offer of Duffel as a fare. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from services.ingest_gateway.sources.apis.offers import Leg, NoFareError, Offer, Reason, fare_of
from services.ingest_gateway.sources.source import FareValues
from shared.messages.codes import CABINS


class _Coded(msgspec.Struct):
    """An airport or an airline."""

    iata_code: str | None = None


class _Passenger(msgspec.Struct):
    cabin_class: str | None = None


class _Segment(msgspec.Struct):
    origin: _Coded
    destination: _Coded
    departing_at: datetime
    marketing_carrier: _Coded
    marketing_carrier_flight_number: str | None = None
    passengers: list[_Passenger] = []
    stops: list[msgspec.Raw] | None = None


class _Slice(msgspec.Struct):
    segments: Annotated[list[_Segment], msgspec.Meta(min_length=1)]


class _Offer(msgspec.Struct):
    slices: list[_Slice]
    total_currency: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    total_amount: Decimal | None = None
    partial: bool = False


_OFFER: Final = msgspec.json.Decoder(_Offer)


def fare_in(raw: msgspec.Raw, seen_at: datetime, source: str) -> FareValues:
    """The fare that an offer was at this instant.

    Raises:
        NoFareError: it was none.
        msgspec.DecodeError, RecursionError: it is no offer.
    """
    offer = _OFFER.decode(raw)
    if offer.partial:
        raise NoFareError(Reason.OFFER_PARTIAL)
    if offer.expires_at <= seen_at:
        raise NoFareError(Reason.OFFER_EXPIRED)
    legs = [_leg(one.segments) for one in offer.slices]
    return fare_of(Offer(legs, offer.total_amount, offer.total_currency), seen_at, source)


def _leg(segments: Sequence[_Segment]) -> Leg:
    first = segments[0]
    return Leg(
        origin=first.origin.iata_code,
        destination=segments[-1].destination.iata_code,
        departing_at=first.departing_at,
        carrier=first.marketing_carrier.iata_code,
        flight_number=first.marketing_carrier_flight_number,
        stops=len(segments) - 1 + sum(len(segment.stops or ()) for segment in segments),
        cabin=next((passenger.cabin_class for passenger in first.passengers), None) or CABINS[0],
    )
