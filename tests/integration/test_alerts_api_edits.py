"""Seeing, changing, pausing and deleting one alert, over real shards."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.alerts.rules import CHECK_AFTER, UNSET
from shared.shard_map import ShardMap
from tests.integration.kept_alerts import FIRED, Kept, requests_of, route_in_another_shard
from tests.integration.running_api import RATES, SHARDS, RunningApi, plain, running_api, settings_over, wish
from tests.private_servers import Servers

USD = {"kind": "target", "price": {"amount": 10_000, "currency": "USD"}}


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture
def kept(api: RunningApi) -> Kept:
    return Kept(api, api.traveller())


@pytest.mark.parametrize("state", ["active", "paused", "fired", "expired"])
def test_an_edit_makes_it_wait_anew(kept: Kept, state: str) -> None:
    kept.set(f"{FIRED}, state = '{state}'")
    before = kept.row
    answer = kept.traveller.put(kept.path, wish(rule=USD, cabin="business"))
    assert answer.status_code == 200
    after = kept.row
    assert after["state"] == ("paused" if state == "paused" else "active")
    assert (after["armed_price"], after["initial_price"], after["rates_date"]) == (8_000, 8_000, RATES.date)
    assert (after["watched_board"], after["watched_fare"], after["cabin"]) == (None, None, 2)
    assert (after["revision"], after["fire_seq"]) == (before["revision"] + 1, 1)
    assert after["last_fired_at"] == before["last_fired_at"]
    assert after["check_at"] - after["updated_at"] == CHECK_AFTER
    assert after["updated_at"] > before["updated_at"]
    assert answer.json() == answer.json() | wish(rule=USD, cabin="business") | {"revision": 1}


@pytest.mark.parametrize("rule", [{"kind": "drop", "percent": 20}, {"kind": "new_low"}])
def test_a_rule_that_learns_begins_without_a_baseline(kept: Kept, rule: dict[str, object]) -> None:
    kept.set(FIRED)
    answer = kept.traveller.patch(kept.path, {"rule": rule})
    assert (answer.status_code, answer.json()["armed_price"]) == (200, None)
    assert (kept.row["armed_price"], kept.row["initial_price"]) == (UNSET, UNSET)


def test_a_patch_leaves_what_it_does_not_name(kept: Kept) -> None:
    before = plain(kept.traveller.get(kept.path).json())
    after = plain(kept.traveller.patch(kept.path, {"max_stops": 1, "rule": {"price": {"amount": 9_000}}}).json())
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"max_stops", "rule", "armed_price", "revision", "updated_at"}
    assert after["rule"]["price"] == {"amount": 9_000, "currency": "EUR"}


def test_a_patch_may_call_itself_a_merge_patch(kept: Kept) -> None:
    headers = kept.traveller.headers | {"Content-Type": "application/merge-patch+json"}
    assert kept.api.client.patch(kept.path, content=b'{"max_stops": 1}', headers=headers).status_code == 200
    assert kept.api.client.put(kept.path, content=b"{}", headers=headers).status_code == 415
    assert kept.row["max_stops"] == 1


def test_an_edit_that_changes_nothing_leaves_the_row_alone(api: RunningApi) -> None:
    kept = Kept(api, api.traveller(), origin=["EWR", "JFK"], carriers=["BA", "LH"])
    kept.set(FIRED)
    before = kept.row
    same = [
        kept.traveller.put(kept.path, wish(origin=["JFK", "EWR", "JFK"], carriers=["LH", "BA"])),
        kept.traveller.patch(kept.path, {}),
        kept.traveller.patch(kept.path, {"cabin": None, "improvement_percent": 2}),
    ]
    assert [answer.status_code for answer in same] == [200] * 3
    assert all(answer.json()["revision"] == 0 for answer in same)
    assert kept.row == before


def test_an_expired_alert_needs_a_window_ahead(kept: Kept) -> None:
    kept.set("state = 'expired', departure_from = '2026-01-01', departure_to = '2026-01-02'")
    answer = kept.traveller.patch(kept.path, {"cabin": "first"})
    assert [error["field"] for error in answer.json()["errors"]] == ["departure_to"]
    assert kept.row["state"] == "expired"


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"origin": "QQQ"}, "origin"),
        ({"origin": None}, "origin"),
        ({"state": "paused"}, "state"),
        ({"revision": 9}, "revision"),
        ({"id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "id"),
        ({"user_id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "user_id"),
        ({"armed_price": {"amount": 1, "currency": "EUR"}}, "armed_price"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "created_at"),
        ({"last_fired_at": None, "fire_seq": 1}, "fire_seq"),
        ({"name": "\N{PARTY POPPER}" * 10_000}, "name"),
        ({"rule": {"price": {"currency": "XXX"}}}, "rule.price.currency"),
        ({"carriers": ["BA"], "excluded_carriers": ["LH"]}, "excluded_carriers"),
    ],
)
def test_a_patch_that_makes_no_sense_names_the_field(kept: Kept, patch: dict[str, object], field: str) -> None:
    before = kept.row
    answer = kept.traveller.patch(kept.path, patch)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert kept.traveller.put(kept.path, wish() | patch).status_code == 400
    assert kept.row == before


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"x"', b"{", b"\xff", b"[" * 60_000, b'{"a":' * 60_000])
def test_what_is_no_patch_is_the_client_s_mistake(kept: Kept, body: bytes) -> None:
    headers = kept.traveller.headers | {"Content-Type": "application/json"}
    assert kept.api.client.patch(kept.path, content=body[:65_000], headers=headers).status_code == 400


def test_a_new_route_takes_it_to_its_shard_under_the_same_id(kept: Kept) -> None:
    kept.set(f"{FIRED}, state = 'fired'")
    before = kept.row
    origin = route_in_another_shard("NYC-LON")
    answer = kept.traveller.patch(kept.path, {"origin": origin})
    assert (answer.status_code, answer.json()["origin"], answer.json()["id"]) == (200, origin, kept.id)
    after = kept.row  # one row on all shards together
    shard = ShardMap.even(SHARDS).shard_of(f"{origin}-LON")
    assert kept.api.rows(kept.api.settings.shards[shard], f"SELECT * FROM alerts WHERE id = '{kept.id}'") == [after]  # noqa: S608 - our own id
    assert (after["state"], after["armed_price"], after["watched_board"]) == ("active", 12_000, None)
    assert (after["revision"], after["fire_seq"]) == (1, 1)
    assert after["created_at"] == before["created_at"]
    assert after["check_at"] - after["updated_at"] == CHECK_AFTER
    assert kept.traveller.get(kept.path).json() == plain(answer.json())
    assert kept.traveller.get("/api/alerts").json() == {
        "total": 1,
        "resources": [plain(answer.json())],
        "next_cursor": None,
    }
    leftover = "SELECT move FROM arriving_alerts UNION ALL SELECT move FROM departed_alerts"
    assert kept.api.everywhere(leftover) == []


def test_after_a_move_every_verb_finds_it(kept: Kept) -> None:
    kept.traveller.patch(kept.path, {"origin": route_in_another_shard("NYC-LON")})
    answers = requests_of(kept.traveller, kept.path)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 204, 404, 404]


def test_deleting_removes_it(kept: Kept) -> None:
    answer = kept.traveller.delete(kept.path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert kept.traveller.get("/api/alerts").json() == {"total": 0, "resources": [], "next_cursor": None}
    assert [answer.status_code for answer in requests_of(kept.traveller, kept.path)] == [404] * 6


def test_somebody_else_s_alert_is_not_there(kept: Kept) -> None:
    before = kept.row
    answers = requests_of(kept.api.traveller(), kept.path)
    nobodys = requests_of(kept.api.traveller(), f"/api/alerts/{uuid4()}")
    assert [answer.status_code for answer in answers + nobodys] == [404] * 12
    assert {answer.headers["Content-Type"] for answer in answers + nobodys} == {"application/problem+json"}
    assert answers[0].json()["detail"] == f"there is no alert {kept.id}"
    assert kept.row == before


@pytest.mark.parametrize("tail", ["", "x", "%00", "/pauses"])
def test_what_is_no_id_is_not_there(kept: Kept, tail: str) -> None:
    assert kept.traveller.get(f"/api/alerts/{kept.id[:-1]}{tail}").status_code == 404


def test_a_pause_lasts_until_it_is_resumed(kept: Kept) -> None:
    kept.set(f"{FIRED}, check_at = NULL")
    before = kept.row
    paused = [kept.traveller.post(f"{kept.path}/pause", {}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in paused] == [(200, "paused")] * 2
    assert kept.row == before | {"state": "paused", "updated_at": kept.row["updated_at"]}
    resumed = [kept.traveller.post(f"{kept.path}/resume", {}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in resumed] == [(200, "active")] * 2
    row = kept.row
    assert row["check_at"] - row["updated_at"] == CHECK_AFTER
    assert row == before | {"updated_at": row["updated_at"], "check_at": row["check_at"]}


def test_an_alert_that_has_fired_goes_on_where_it_stopped(kept: Kept) -> None:
    kept.set(f"{FIRED}, state = 'fired'")
    assert kept.traveller.post(f"{kept.path}/pause", {}).status_code == 409
    assert kept.traveller.post(f"{kept.path}/resume", {}).json()["state"] == "active"
    assert (kept.row["armed_price"], kept.row["revision"]) == (5_000, 0)


@pytest.mark.parametrize("state", ["expired", "paused"])
def test_an_alert_whose_window_is_over_stays_so(kept: Kept, state: str) -> None:
    kept.set(f"state = '{state}', departure_from = '2026-01-01', departure_to = '2026-01-02'")
    answer = kept.traveller.post(f"{kept.path}/resume", {})
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:farelark:alert-over"
    assert "departure window is over" in answer.json()["detail"]
    assert kept.row["state"] == state
