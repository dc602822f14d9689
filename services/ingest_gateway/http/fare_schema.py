"""A fare as the OpenAPI document has it; what is read is `documents.PushedFare`, whose numbers stay raw at first."""

import datetime as dt
from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.messages.codes import MAX_SOURCE
from shared.messages.notifications import Cabin, Stops

_CODE: Final = Meta(pattern="^[A-Z]{3}$", max_length=3)

Carrier = Annotated[str, Meta(pattern="^[A-Z0-9]{2,3}$", examples=["BA"])]
FlightNumber = Annotated[str, Meta(pattern="^[0-9]{1,4}[A-Z]?$", examples=["178"])]
ClockTime = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["18:25"])]
Source = Annotated[str, Meta(max_length=MAX_SOURCE, description="that of the key, if it is named at all")]


class Fare(Struct, kw_only=True):
    """One observed price of one flight offer. Further members mean nothing to us."""

    origin: Annotated[str, _CODE, Meta(description="IATA code of the airport", examples=["JFK"])]
    destination: Annotated[str, _CODE, Meta(description="IATA code of another airport", examples=["LHR"])]
    departure_date: Annotated[dt.date, Meta(description="local; today or up to two years ahead")]
    return_date: Annotated[dt.date | None, Meta(description="local; none: one way")] = None
    carrier: Carrier | None = None
    flight_number: FlightNumber | None = None
    departure_time: ClockTime | None = None
    cabin: Cabin = "economy"
    stops: Stops = 0
    currency: Annotated[str, _CODE, Meta(description="ISO 4217", examples=["EUR"])]
    price: Annotated[int, Meta(ge=1, description="in minor units", examples=[19900])]
    observed_at: Annotated[dt.datetime, Meta(tz=True, description="when the price was seen; not long ago")]
    source: Source | None = None
