"""From an alert's row back to what its traveller asked for, and to what is answered. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.alerts_api.alerts.planning import WEEKDAYS
from services.alerts_api.alerts.resources import Alert, AlertRequest, Drop, Money, NewLow, RoundTrip, Target
from shared.airports import is_city
from shared.alerts.rules import UNSET
from shared.messages.codes import CABINS

Row = Mapping[str, Any]


def request_of(row: Row) -> AlertRequest:
    """The wish that led to this row."""
    origin, destination = row["route"].split("-")
    return AlertRequest(
        origin=_place(origin, row["origin_airports"]),
        destination=_place(destination, row["destination_airports"]),
        departure_from=row["departure_from"],
        departure_to=row["departure_to"],
        round_trip=_round_trip(row),
        weekdays=[day for bit, day in enumerate(WEEKDAYS) if row["weekdays"] >> bit & 1] if row["weekdays"] else None,
        cabin=None if row["cabin"] is None else CABINS[row["cabin"]],
        max_stops=row["max_stops"],
        carriers=row["carriers"],
        excluded_carriers=row["excluded_carriers"],
        rule=_rule(row),
        improvement_percent=row["improvement"],
        rearm=row["rearm"],
    )


def alert_of(row: Row, reference: str) -> Alert:
    """The alert as its traveller sees it; `reference` is the reference currency."""
    return Alert(
        **msgspec.structs.asdict(request_of(row)),
        id=row["id"],
        state=row["state"],
        revision=row["revision"],
        armed_price=None if row["armed_price"] == UNSET else Money(row["armed_price"], reference),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_fired_at=row["last_fired_at"],
    )


def _place(city: str, airports: list[str] | None) -> str | list[str]:
    """The city, the one airport, or the several; a list also where the airport's code would mean the city."""
    if airports is None:
        return city
    return airports[0] if len(airports) == 1 and not is_city(airports[0]) else airports


def _round_trip(row: Row) -> RoundTrip | None:
    if not row["round_trip"]:
        return None
    return RoundTrip(row["return_from"], row["return_to"], row["nights_min"], row["nights_max"])


def _rule(row: Row) -> Target | Drop | NewLow:
    match row["rule"]:
        case "target":
            return Target(Money(row["target"], row["currency"]))
        case "drop":
            return Drop(row["percent"], row["currency"])
        case _:
            return NewLow(row["currency"])
