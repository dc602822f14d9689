"""What a traveller sees of notifications, and why they came; over real databases."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.integration.notifying import expired
from tests.integration.running_api import RunningApi, running_api, settings_over, wish
from tests.integration.told_notifications import (
    EARLIER,
    NOW,
    PATH,
    at,
    firing,
    page,
    receipt,
    record,
    report,
    seen,
    told,
    utc,
)
from tests.private_servers import Servers


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        yield api


def test_a_list_says_of_each_what_was_told_and_what_became_of_it(api: RunningApi) -> None:
    traveller = api.traveller()
    ended, notice = expired(UUID(traveller.id)), firing(traveller)
    record(api, ended, notice, state="failed", reason="no_device")
    of_notice, of_ended = traveller.get(PATH).json()["resources"]
    assert of_notice == {
        "id": str(notice.id),
        "kind": "fired",
        "alert_id": str(notice.alert_id),
        "route": "BCN-BUD",
        "price": {"amount": 8999, "currency": "EUR"},
        "state": "failed",
        "reason": "no_device",
        "explanation": "It was not sent: no device of yours takes notifications. Open the app to enter one.",
        "recorded_at": at(timedelta(minutes=1)).replace("+00:00", "Z"),
        "sent_at": None,
        "delivered_at": None,
        "opened_at": None,
        "read_at": None,
    }
    assert (of_ended["kind"], of_ended["route"], of_ended["price"]) == ("expired", "BCN-BUD", None)


def test_pages_lead_through_all_newest_first_however_many_came_in_one_instant(api: RunningApi) -> None:
    traveller = api.traveller()
    older = record(api, *(firing(traveller) for _ in range(3)))
    together = record(api, *(firing(traveller) for _ in range(7)), recorded_at=EARLIER + timedelta(minutes=90))
    found: list[str] = []
    ids, cursor = page(traveller.get(PATH, count=3))
    while cursor:
        found += ids
        ids, cursor = page(traveller.get(PATH, count=3, cursor=cursor))
    assert found + ids == sorted(together, reverse=True) + older[::-1]


def test_what_comes_in_while_pages_are_turned_moves_nothing(api: RunningApi) -> None:
    traveller = api.traveller()
    ids = record(api, *(firing(traveller) for _ in range(4)))
    first, cursor = page(traveller.get(PATH, count=2))
    assert cursor
    record(api, firing(traveller), recorded_at=NOW)
    assert first + page(traveller.get(PATH, count=2, cursor=cursor))[0] == ids[::-1]


def test_a_cursor_that_this_list_has_not_given_this_traveller_is_refused(api: RunningApi) -> None:
    traveller, other = api.traveller(), api.traveller()
    record(api, firing(traveller), firing(traveller))
    _, cursor = page(traveller.get(PATH, count=1))
    assert cursor
    changed = [cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :] for i in range(len(cursor))]
    for wrong in (*changed, cursor[:-1], cursor + "A", cursor + "=", "", "x", "\x00", "ä", "a" * 257):
        answer = traveller.get(PATH, cursor=wrong)
        assert (wrong, answer.status_code) == (wrong, 400)
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]
    assert other.get(PATH, cursor=cursor).status_code == 400


def test_the_list_is_narrowed_by_state_by_alert_and_to_what_is_unread(api: RunningApi) -> None:
    traveller = api.traveller()
    alert = uuid4()
    (sent,) = record(api, firing(traveller, alert_id=alert))
    (held,) = record(api, firing(traveller, alert_id=alert), state="held", read_at=NOW)
    (failed,) = record(api, firing(traveller), state="failed")
    assert page(traveller.get(PATH, state="held"))[0] == [held]
    assert set(page(traveller.get(PATH, alert_id=str(alert)))[0]) == {sent, held}
    assert set(page(traveller.get(PATH, unread="true"))[0]) == {sent, failed}
    assert page(traveller.get(PATH, unread="false"))[0] == [held]
    assert page(traveller.get(PATH, unread="true", alert_id=str(alert)))[0] == [sent]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "0"),
        ("count", "101"),
        ("count", "1e9"),
        ("count", "-1"),
        ("state", "lost"),
        ("state", "sent\n"),
        ("alert_id", "1"),
        ("unread", "perhaps"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(api: RunningApi, name: str, value: str) -> None:
    answer = api.traveller().get(PATH, **{name: value})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_why_did_i_get_this(api: RunningApi) -> None:
    traveller = api.traveller()
    alert = traveller.post("/api/alerts", wish()).json()
    notice = firing(traveller, alert_id=UUID(alert["id"]), route="NYC-LON")
    (id_,) = record(api, notice, sent_at=EARLIER + timedelta(minutes=1))
    notification = seen(traveller, id_)
    assert utc(notification["sent_at"]) == EARLIER + timedelta(minutes=1)
    assert notification["updated_at"]
    assert notification["cause"] == {
        "kind": "fired",
        "fired_at": at(timedelta()).replace("+00:00", "Z"),
        "fare": {
            "origin": "BCN",
            "destination": "BUD",
            "departure_date": "2026-12-11",
            "return_date": None,
            "carrier": None,
            "flight_number": None,
            "departure_time": None,
            "cabin": "economy",
            "stops": 0,
            "price": {"amount": 8999, "currency": "EUR"},
            "observed_at": "2026-10-01T23:59:00Z",
        },
        "previous_price": {"amount": 10999, "currency": "EUR"},
        "reference_price": {"amount": 8999, "currency": "EUR"},
        "armed_price": {"amount": 9000, "currency": "EUR"},
        "rule": {"kind": "target", "price": {"amount": 12_000, "currency": "EUR"}},
    }


def test_the_rule_is_not_told_once_the_alert_is_another(api: RunningApi) -> None:
    traveller = api.traveller()
    edited, deleted = (traveller.post("/api/alerts", wish()).json()["id"] for _ in range(2))
    notices = [firing(traveller, alert_id=UUID(id_), previous_price=None) for id_ in (edited, deleted)]
    ids = record(api, *notices)
    assert all(seen(traveller, id_)["cause"]["rule"] for id_ in ids)
    assert traveller.patch(f"/api/alerts/{edited}", {"max_stops": 1}).status_code == 200
    assert traveller.delete(f"/api/alerts/{deleted}").status_code == 204
    causes = [seen(traveller, id_)["cause"] for id_ in ids]
    assert [(cause["rule"], cause["previous_price"]) for cause in causes] == [(None, None)] * 2


def test_why_did_my_alert_end(api: RunningApi) -> None:
    traveller = api.traveller()
    (id_,) = record(api, expired(UUID(traveller.id)))
    assert seen(traveller, id_)["cause"] == {
        "kind": "expired",
        "expired_at": "2026-10-01T23:59:00Z",
        "departure_from": "2026-09-18",
        "departure_to": "2026-09-30",
    }


def test_another_s_notification_is_neither_seen_nor_written(api: RunningApi) -> None:
    owner, other = api.traveller(), api.traveller()
    id_ = told(api, owner)
    before = seen(owner, id_)
    assert other.get(f"{PATH}/{id_}").status_code == 404
    assert other.post(f"{PATH}/{id_}/read", None).status_code == 404
    assert report(other, receipt(id_, "opened")) == {"applied": 0, "ignored": 1, "refused": []}
    assert other.post(f"{PATH}/read-all", {"until": NOW.isoformat()}).status_code == 204
    assert page(other.get(PATH))[0] == []
    assert seen(owner, id_) == before
