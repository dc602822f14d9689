"""Changing a wish in part."""

from datetime import date
from typing import Any

import pytest

from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.resources import AlertRequest, Drop, Money, RoundTrip, Target
from services.alerts_api.http.fields import InvalidFieldError

FIRST, LAST = date(2026, 12, 20), date(2026, 12, 28)
WISH: dict[str, Any] = {
    "origin": "NYC",
    "destination": "LON",
    "departure_from": FIRST,
    "departure_to": LAST,
    "round_trip": RoundTrip(nights_min=3, nights_max=7),
    "cabin": "business",
    "rule": Target(Money(12_000, "USD")),
    "rearm": "once",
}


@pytest.mark.parametrize(
    ("patch", "changes"),
    [
        ({}, {}),
        ({"origin": ["JFK", "EWR"]}, {"origin": ["JFK", "EWR"]}),
        ({"departure_to": "2026-12-29"}, {"departure_to": date(2026, 12, 29)}),
        ({"cabin": None, "rearm": None}, {"cabin": None, "rearm": "recovery"}),
        ({"round_trip": None}, {"round_trip": None}),
        ({"round_trip": {"nights_min": None}}, {"round_trip": RoundTrip(nights_max=7)}),
        ({"round_trip": {"nights_max": 9}}, {"round_trip": RoundTrip(nights_min=3, nights_max=9)}),
        ({"rule": {"price": {"amount": 5}}}, {"rule": Target(Money(5, "USD"))}),
        ({"rule": {"kind": "target", "price": {"amount": 5}}}, {"rule": Target(Money(5, "USD"))}),
        ({"rule": {"kind": "drop", "percent": 9}}, {"rule": Drop(9, "EUR")}),
        ({"rule": {"kind": "drop", "percent": 9, "price": None}}, {"rule": Drop(9, "EUR")}),
    ],
    ids=str,
)
def test_a_patch_changes_what_it_names(patch: dict[str, Any], changes: dict[str, Any]) -> None:
    assert patched(AlertRequest(**WISH), patch) == AlertRequest(**WISH | changes)


def test_a_patch_may_bring_in_an_object_that_was_not_there() -> None:
    one_way = AlertRequest(**WISH | {"round_trip": None})
    assert patched(one_way, {"round_trip": {"nights_max": 2}}).round_trip == RoundTrip(nights_max=2)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"origin": None}, "origin"),
        ({"origin": "nyc"}, "origin"),
        ({"id": "x"}, "id"),
        ({"state": "active"}, "state"),
        ({"max_stops": 2.0}, "max_stops"),
        ({"max_stops": "2"}, "max_stops"),
        ({"departure_from": "2027-02-30"}, "departure_from"),
        ({"weekdays": ["mon", "someday"]}, "weekdays[1]"),
        ({"rule": None}, "rule"),
        ({"rule": {"percent": 5}}, "rule.percent"),
        ({"rule": {"price": {"amount": "5"}}}, "rule.price.amount"),
        ({"rule": {"kind": ["drop"]}}, "rule.kind"),
        ({"rule": {"kind": "drop"}}, "rule.percent"),
    ],
    ids=str,
)
def test_what_would_be_no_wish_names_the_field(patch: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        patched(AlertRequest(**WISH), patch)
    assert caught.value.field == field
