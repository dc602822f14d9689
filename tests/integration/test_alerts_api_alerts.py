"""Making alerts, over real shards."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.alerts.rules import CHECK_AFTER
from shared.shard_map import ShardMap
from tests.integration.running_api import RATES, RunningApi, day, plain, running_api, settings_over, wish
from tests.private_servers import Servers


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


def test_an_alert_is_answered_as_it_is_kept(api: RunningApi) -> None:
    traveller = api.traveller()
    answer = traveller.post("/api/alerts", wish(origin="JFK"))
    assert answer.status_code == 201
    alert = answer.json()
    assert answer.headers["Location"] == f"/api/alerts/{alert['id']}"
    assert alert | wish(origin="JFK") == alert
    assert (alert["state"], alert["revision"], alert["last_fired_at"]) == ("active", 0, None)
    assert alert["armed_price"] == {"amount": 12_000, "currency": "EUR"}
    kept = plain(alert)
    assert traveller.get("/api/alerts").json() == {"total": 1, "resources": [kept], "next_cursor": None}
    assert traveller.get(answer.headers["Location"]).json() == kept


def test_a_wish_with_every_filter_is_answered_whole(api: RunningApi) -> None:
    today = datetime.now(UTC).date()
    full = wish(
        origin=["EWR", "JFK"],
        destination=["LHR"],
        round_trip={"return_from": day(today, 35), "return_to": day(today, 50), "nights_min": 3, "nights_max": 9},
        weekdays=["mon", "fri"],
        cabin="business",
        max_stops=0,
        carriers=["BA", "LH"],
        excluded_carriers=None,
        rule={"kind": "drop", "percent": 15, "currency": "USD"},
        improvement_percent=5,
        rearm="once",
    )
    traveller = api.traveller()
    alert = traveller.post("/api/alerts", full).json()
    assert alert | full | {"destination": "LHR", "armed_price": None} == alert
    assert traveller.get(f"/api/alerts/{alert['id']}").json() == plain(alert)


def test_a_lists_order_and_repeats_mean_nothing(api: RunningApi) -> None:
    alert = api.traveller().post("/api/alerts", wish(origin=["JFK", "EWR", "JFK"], weekdays=["sun", "mon"])).json()
    assert (alert["origin"], alert["weekdays"]) == (["EWR", "JFK"], ["mon", "sun"])


def test_an_alert_lies_in_the_shard_of_its_route_armed_in_the_reference_currency(api: RunningApi) -> None:
    traveller = api.traveller()
    price = {"amount": 12_000, "currency": "USD"}
    traveller.post("/api/alerts", wish(origin="JFK", rule={"kind": "target", "price": price}))
    shards = api.settings.shards
    statement = f"SELECT * FROM alerts WHERE user_id = '{traveller.id}'"  # noqa: S608 - our own id
    (row,) = api.rows(shards[ShardMap.even(len(shards)).shard_of("NYC-LON")], statement)
    assert (row["route"], row["origin_airports"], row["destination_airports"]) == ("NYC-LON", ["JFK"], None)
    assert (row["rule"], row["target"], row["currency"]) == ("target", 12_000, "USD")
    assert (row["armed_price"], row["initial_price"], row["rates_date"]) == (9_600, 9_600, RATES.date)
    assert row["check_at"] - row["created_at"] == CHECK_AFTER
    assert (row["state"], row["fire_seq"], row["last_price"]) == ("active", 0, None)


def test_travellers_do_not_see_each_other_s_alerts(api: RunningApi) -> None:
    ann, bob = api.traveller(), api.traveller()
    ann.post("/api/alerts", wish())
    bobs = plain(bob.post("/api/alerts", wish()).json())
    assert bob.get("/api/alerts").json() == {"total": 1, "resources": [bobs], "next_cursor": None}
    assert api.traveller().get("/api/alerts").json() == {"total": 0, "resources": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"origin": "nyc"}, "origin"),
        ({"origin": "NYC\n"}, "origin"),
        ({"origin": "ΝΥC"}, "origin"),  # noqa: RUF001 - look-alikes are the point
        ({"origin": "QQQ"}, "origin"),
        ({"origin": "LHR"}, "destination"),
        ({"origin": None}, "origin"),
        ({"departure_from": "2027-02-30"}, "departure_from"),
        ({"departure_from": "2001-01-01", "departure_to": "2001-01-02"}, "departure_to"),
        ({"departure_from": f"{datetime.now(UTC).year + 10}-01-01"}, "departure_to"),
        ({"departure_to": f"{datetime.now(UTC).year + 10}-01-01"}, "departure_to"),
        ({"rule": None}, "rule"),
        ({"rule": {"kind": "rise", "percent": 10}}, "rule.kind"),
        ({"rule": {"kind": "drop"}}, "rule.percent"),
        ({"rule": {"kind": "drop", "percent": 0}}, "rule.percent"),
        ({"rule": {"kind": "drop", "percent": 91}}, "rule.percent"),
        ({"rule": {"kind": "drop", "percent": 10, "currency": "XXX"}}, "rule.currency"),
        ({"rule": {"kind": "new_low", "percent": 10}}, "rule.percent"),
        ({"rule": {"kind": "new_low", "currency": "euro"}}, "rule.currency"),
        ({"rule": {"price": {"amount": 1, "currency": "EUR"}}}, "rule.kind"),
        ({"rule": {"kind": "target", "price": {"amount": "5", "currency": "EUR"}}}, "rule.price.amount"),
        ({"rule": {"kind": "target", "price": {"amount": 5.0, "currency": "EUR"}}}, "rule.price.amount"),
        ({"rule": {"kind": "target", "price": {"amount": 0, "currency": "EUR"}}}, "rule.price.amount"),
        ({"rule": {"kind": "target", "price": {"amount": 2**40, "currency": "EUR"}}}, "rule.price.amount"),
        ({"rule": {"kind": "target", "price": {"amount": 10**30, "currency": "EUR"}}}, "rule.price.amount"),
        ({"rule": {"kind": "target", "price": {"amount": 5, "currency": "XXX"}}}, "rule.price.currency"),
        ({"rule": {"kind": "target", "price": {"amount": 5, "currency": "EUR", "x": 1}}}, "rule.price.x"),
        ({"origin": []}, "origin"),
        ({"origin": ["JFK", "EWR"] * 6}, "origin"),
        ({"origin": ["JFK", "jfk"]}, "origin[1]"),
        ({"origin": ["JFK", "NYC"]}, "origin"),
        ({"origin": ["JFK", "CDG"]}, "origin"),
        ({"origin": {"city": "NYC"}}, "origin"),
        ({"round_trip": True}, "round_trip"),
        ({"round_trip": {}}, "round_trip"),
        ({"round_trip": {"nights_min": -1, "nights_max": 5}}, "round_trip.nights_min"),
        ({"round_trip": {"nights_max": 366}}, "round_trip.nights_max"),
        ({"round_trip": {"nights_max": 5.0}}, "round_trip.nights_max"),
        ({"round_trip": {"nights_max": 300}}, "round_trip"),
        ({"round_trip": {"return_to": "2001-01-01"}}, "round_trip.return_to"),
        ({"round_trip": {"return_to": "9999-12-31"}}, "round_trip.return_to"),
        ({"round_trip": {"return_from": "9999-12-31", "nights_max": 3}}, "round_trip"),
        ({"round_trip": {"nights_max": 3, "days": 3}}, "round_trip.days"),
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": ["Monday"]}, "weekdays[0]"),
        ({"weekdays": ["mon"] * 8}, "weekdays"),
        ({"cabin": "steerage"}, "cabin"),
        ({"max_stops": 8}, "max_stops"),
        ({"max_stops": -1}, "max_stops"),
        ({"carriers": []}, "carriers"),
        ({"carriers": ["BA"] * 21}, "carriers"),
        ({"carriers": ["ba"]}, "carriers[0]"),
        ({"carriers": ["BA\n"]}, "carriers[0]"),
        ({"carriers": ["BA"], "excluded_carriers": ["LH"]}, "excluded_carriers"),
        ({"improvement_percent": 0}, "improvement_percent"),
        ({"improvement_percent": 51}, "improvement_percent"),
        ({"rearm": "never"}, "rearm"),
        ({"revision": 1}, "revision"),
        ({"id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "id"),
        ({"user_id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "user_id"),
        ({"state": "paused"}, "state"),
        ({"armed_price": {"amount": 1, "currency": "EUR"}}, "armed_price"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "created_at"),
        ({"fire_seq": 1}, "fire_seq"),
        ({"name": "\N{PARTY POPPER}" * 10_000}, "name"),
    ],
)
def test_a_wish_that_makes_no_sense_names_the_field(api: RunningApi, changes: dict[str, object], field: str) -> None:
    traveller = api.traveller()
    answer = traveller.post("/api/alerts", wish(**changes))
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert traveller.get("/api/alerts").json()["total"] == 0


def test_a_missing_field_is_named(api: RunningApi) -> None:
    body = wish()
    del body["departure_to"]
    answer = api.traveller().post("/api/alerts", body)
    assert answer.json()["errors"] == [{"field": "departure_to", "detail": "is missing"}]
