"""What a search for fares, or for what they cost, may be asked by."""

import datetime as dt
from typing import Annotated, Any

from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from services.alerts_api.fares.search import MAX_DAYS, Query
from shared.messages.notifications import Cabin


def _such_as(value: object, description: str, **rules: Any) -> QueryParameter:  # noqa: ANN401 - as the class has them
    return QueryParameter(examples=[Example(value=value)], description=description, **rules)


# Without the length `$` would let a line break through.
_CODE: dict[str, Any] = {"pattern": "^[A-Z]{3}$", "max_length": 3}
# Not `ge=0`, which Litestar leaves out of the OpenAPI document.
FROM_ZERO: dict[str, Any] = {"gt": -1}

# The examples make sense together: instead of a window there can be a `date`, instead of `nights` a `return_date`.
Origin = Annotated[
    str, _such_as("NYC", "where to leave from: `NYC` stands for all its airports, `JFK` for itself", **_CODE)
]
Destination = Annotated[str, _such_as("LHR", "where to arrive", **_CODE)]
Day = Annotated[dt.date | None, QueryParameter(description="of the departure")]
FirstDay = Annotated[
    dt.date | None,
    _such_as("2027-06-01", f"instead of `date`, with `to`: a window of up to {MAX_DAYS} days", name="from"),
]
LastDay = Annotated[dt.date | None, _such_as("2027-06-30", "the window's last day", name="to")]
ReturnDate = Annotated[dt.date | None, QueryParameter(description="of round trips")]
Nights = Annotated[int | None, _such_as(7, "of round trips, instead of `return_date`", le=365, **FROM_ZERO)]
InCabin = Annotated[Cabin | None, _such_as("economy", "only fares in this cabin")]
MaxStops = Annotated[int | None, _such_as(0, "how many stops at most", le=7, **FROM_ZERO)]
Carrier = Annotated[str | None, _such_as("BA", "IATA or ICAO code of the airline", pattern=r"^[A-Z0-9]{2,3}(?!\n)$")]
Currency = Annotated[str | None, _such_as("USD", "to convert prices into; else the reference currency", **_CODE)]


def query_of(
    *,
    origin: Origin,
    destination: Destination,
    date: Day = None,
    from_: FirstDay = None,
    to: LastDay = None,
    return_date: ReturnDate = None,
    nights: Nights = None,
    cabin: InCabin = None,
    currency: Currency = None,
) -> Query:
    """What both are asked by."""
    return Query(
        origin=origin,
        destination=destination,
        day=date,
        first_day=from_,
        last_day=to,
        return_date=return_date,
        nights=nights,
        cabin=cabin,
        currency=currency,
    )
