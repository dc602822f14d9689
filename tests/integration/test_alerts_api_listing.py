"""Going through one's alerts by cursor and by offset, in every order, over real shards."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any
from uuid import UUID

import pytest

from shared.alerts.rules import UNSET
from shared.shard_map import ShardMap
from tests.integration.kept_alerts import ORIGINS, Kept, alerts_of, route_in_another_shard
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.integration.shard_contents import run
from tests.private_servers import Servers

SORTS = ("created_at", "updated_at", "armed_price", "departure_from")
Page = dict[str, Any]


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()


@pytest.fixture(scope="module")
def collector(api: RunningApi) -> Traveller:
    """Somebody with alerts on all shards, whose ranks are neither all the same nor all different in any order."""
    traveller = api.traveller()
    for number, origin in enumerate(ORIGINS * 2):
        alert = Kept(api, traveller, origin=origin)
        alert.set(
            f"created_at = timestamptz '2026-11-01T10:00:00.000001Z' + interval '{number // 3} microseconds',"
            f"updated_at = timestamptz '2026-11-02T10:00:00Z' - interval '{number % 5} hours',"
            f"armed_price = {UNSET if number % 6 == 0 else 10_000 + number % 4},"
            f"departure_from = departure_from - {number % 3},"
            f"state = '{('active', 'paused', 'fired', 'expired')[number % 4]}'"
        )
    shards = ShardMap.even(len(api.settings.shards))
    assert len({shards.shard_of(f"{origin}-LON") for origin in ORIGINS}) == len(api.settings.shards)
    return traveller


def pages(traveller: Traveller, **params: str | int) -> Iterator[Page]:
    """One page after the other, by cursor."""
    following: dict[str, str] = {}
    while True:
        answer = traveller.get("/api/alerts", **params, **following)
        assert answer.status_code == 200, answer.text
        yield (page := answer.json())
        if page["next_cursor"] is None:
            return
        following = {"cursor": page["next_cursor"]}


def ids(*of: Page) -> list[str]:
    return [alert["id"] for page in of for alert in page["resources"]]


def ranked(api: RunningApi, traveller: Traveller, sort_by: str, order_by: str) -> list[str]:
    """The ids as they are to be listed, from the rows themselves."""
    rows = sorted(alerts_of(api, traveller), key=itemgetter(sort_by, "id"), reverse=order_by == "desc")
    assert 1 < len({row[sort_by] for row in rows}) < len(rows), "there are ties, and not only ties"
    return [str(row["id"]) for row in rows]


@pytest.mark.parametrize("sort_by", SORTS)
@pytest.mark.parametrize("order_by", ["asc", "desc"])
def test_every_order_is_one_over_all_shards(api: RunningApi, collector: Traveller, sort_by: str, order_by: str) -> None:
    expected = ranked(api, collector, sort_by, order_by)
    found = list(pages(collector, sortBy=sort_by, orderBy=order_by, count=3))
    assert ids(*found) == expected
    assert [len(page["resources"]) for page in found] == [3] * 5 + [1]
    assert {page["total"] for page in found} == {len(expected)}
    by_offset = [
        collector.get("/api/alerts", sortBy=sort_by, orderBy=order_by, count=5, offset=offset).json()
        for offset in range(0, 20, 5)
    ]
    assert ids(*by_offset) == expected


def test_unless_told_otherwise_the_newest_comes_first(api: RunningApi, collector: Traveller) -> None:
    (page,) = pages(collector)
    assert ids(page) == ranked(api, collector, "created_at", "desc")


def test_a_page_found_by_offset_leads_on_by_cursor(api: RunningApi, collector: Traveller) -> None:
    expected = ranked(api, collector, "created_at", "desc")
    page = collector.get("/api/alerts", count=4, offset=6).json()
    rest = collector.get("/api/alerts", count=100, cursor=page["next_cursor"]).json()
    assert ids(page, rest) == expected[6:]
    assert rest["next_cursor"] is None


def test_the_last_page_has_no_cursor_even_if_it_is_full(collector: Traveller) -> None:
    first, last = pages(collector, count=8)
    assert len(first["resources"]) == len(last["resources"]) == 8


def test_an_offset_past_the_end_finds_nothing_and_still_counts(collector: Traveller) -> None:
    assert collector.get("/api/alerts", offset=16).json() == {"total": 16, "resources": [], "next_cursor": None}


@pytest.mark.parametrize("state", ["active", "paused", "fired", "expired"])
def test_only_alerts_in_one_state_are_listed_and_counted(collector: Traveller, state: str) -> None:
    found = list(pages(collector, state=state, count=3))
    assert {alert["state"] for page in found for alert in page["resources"]} == {state}
    assert {page["total"] for page in found} == {4} == {len(ids(*found))}


def test_only_alerts_of_one_route_are_listed_and_counted(collector: Traveller) -> None:
    (page,) = pages(collector, route="ROM-LON")
    assert (page["total"], [alert["origin"] for alert in page["resources"]]) == (2, ["ROM", "ROM"])
    (page,) = pages(collector, route="ROM-LON", state="paused")
    assert page["total"] == len(page["resources"]) < 2
    (page,) = pages(collector, route="LON-ROM")
    assert page == {"total": 0, "resources": [], "next_cursor": None}


def test_an_airport_lies_on_the_route_of_its_city(api: RunningApi, traveller: Traveller) -> None:
    alert = Kept(api, traveller, origin="JFK", destination=["LHR", "LGW"])
    (page,) = pages(traveller, route="NYC-LON")
    assert ids(page) == [alert.id]


def test_what_is_made_and_deleted_meanwhile_moves_no_page(api: RunningApi, traveller: Traveller) -> None:
    """By offset the next page would begin too early after the one and too late after the other."""
    made = [Kept(api, traveller, origin=origin) for origin in ORIGINS]
    reading = pages(traveller, count=3)
    first = next(reading)
    assert ids(first) == [alert.id for alert in made[:4:-1]]
    Kept(api, traveller)
    made[5].send("DELETE")
    made[0].send("DELETE")
    assert ids(*reading) == [alert.id for alert in made[4:0:-1]]


def test_a_move_to_another_shard_moves_no_page(api: RunningApi, traveller: Traveller) -> None:
    made = [Kept(api, traveller) for _ in range(4)]
    reading = pages(traveller, count=2)
    first = next(reading)
    for alert in (made[0], made[3]):
        assert alert.send("PATCH", body={"origin": route_in_another_shard("NYC-LON")}).status_code == 200
    assert ids(first, *reading) == [alert.id for alert in made[::-1]]


def test_an_alert_seen_on_two_shards_is_listed_once_as_it_last_was(api: RunningApi, traveller: Traveller) -> None:
    """As when it moves from a shard that was asked early to one that is asked late."""
    kept = Kept(api, traveller, cabin="first")
    shards = api.settings.shards
    home = ShardMap.even(len(shards)).shard_of("NYC-LON")
    elsewhere = shards[(home + 1) % len(shards)]
    copy = "INSERT INTO alerts SELECT (jsonb_populate_record(NULL::alerts, $1)).*"
    ((row,),) = asyncio.run(run(shards[home], "SELECT to_jsonb(alerts) FROM alerts WHERE id = $1", UUID(kept.id)))
    asyncio.run(run(elsewhere, copy, json.dumps(json.loads(row) | {"revision": 1, "cabin": None})))
    (page,) = pages(traveller)
    assert (page["total"], ids(page), page["resources"][0]["cabin"]) == (1, [kept.id], None)


def test_a_cursor_of_somebody_else_is_refused(api: RunningApi, traveller: Traveller, collector: Traveller) -> None:
    for _ in range(2):
        Kept(api, traveller)
    theirs = next(pages(collector, count=1))["next_cursor"]
    assert refused(traveller, cursor=theirs) == "cursor"
    assert traveller.get("/api/alerts", cursor=next(pages(traveller, count=1))["next_cursor"]).status_code == 200


@pytest.mark.parametrize(
    "tamper",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor + "A",
        lambda cursor: ("B" if cursor[0] == "A" else "A") + cursor[1:],
        lambda cursor: cursor[:30] + ("B" if cursor[30] == "A" else "A") + cursor[31:],
        lambda cursor: cursor.swapcase(),
        lambda _: "",
        lambda _: "0",
        lambda _: "\x00",
        lambda _: "\N{PARTY POPPER}" * 200,
        lambda _: "A" * 1_001,
        lambda _: "' OR 1 = 1 --",
    ],
)
def test_a_tampered_cursor_is_refused(collector: Traveller, tamper: Callable[[str], str]) -> None:
    cursor = next(pages(collector, count=1))["next_cursor"]
    assert refused(collector, cursor=tamper(cursor)) == "cursor"


@pytest.mark.parametrize(
    "other",
    [{"sortBy": "updated_at"}, {"orderBy": "asc"}, {"state": "active"}, {"route": "NYC-LON"}],
    ids=str,
)
def test_a_cursor_leads_on_in_its_own_list_alone(collector: Traveller, other: Mapping[str, str]) -> None:
    cursor = next(pages(collector, count=1))["next_cursor"]
    assert refused(collector, cursor=cursor, **other) == "cursor"
    assert collector.get("/api/alerts", cursor=cursor, count=100).status_code == 200, "pages may have other sizes"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"count": "1e9"}, "count"),
        ({"count": "many"}, "count"),
        ({"offset": -1}, "offset"),
        ({"offset": 10_001}, "offset"),
        ({"offset": "9" * 5_000}, "offset"),
        ({"offset": "\x00"}, "offset"),
        ({"sortBy": "user_id"}, "sortBy"),
        ({"sortBy": "created_at; DROP TABLE alerts"}, "sortBy"),
        ({"orderBy": "random"}, "orderBy"),
        ({"state": "deleted"}, "state"),
        ({"state": ""}, "state"),
        ({"route": "nyc-lon"}, "route"),
        ({"route": "NYC-LON\n"}, "route"),
        ({"route": "NYCLON"}, "route"),
        ({"route": "%"}, "route"),
    ],
    ids=str,
)
def test_what_no_list_has_is_named(traveller: Traveller, params: dict[str, str | int], field: str) -> None:
    assert refused(traveller, **params) == field


def test_an_offset_goes_with_no_cursor(collector: Traveller) -> None:
    assert refused(collector, cursor=next(pages(collector, count=1))["next_cursor"], offset=1) == "offset"


def test_the_document_names_the_parameters(api: RunningApi) -> None:
    listing = api.client.get("/schema/openapi.json").json()["paths"]["/api/alerts"]["get"]
    names = {parameter["name"]: parameter for parameter in listing["parameters"]}
    assert set(names) == {"count", "cursor", "offset", "sortBy", "orderBy", "state", "route"}
    assert names["sortBy"]["schema"]["enum"] == list(SORTS)


def refused(traveller: Traveller, **params: str | int) -> str:
    """The field that is named."""
    answer = traveller.get("/api/alerts", **params)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    return str(error["field"])
