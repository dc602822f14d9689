"""What a traveller sees of notifications and reports of them, over real databases and beside a real notifier."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from httpx import Response
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.databases import open_engine
from shared.deliveries import Done, Settlement, Unfinished, Wait
from shared.messages.notifications import Notice, Notification, encode_one
from shared.schema.accounts import notifications
from shared.topology import Lane
from tests.integration.notifying import Gatekeeper, Notifier, expired, fired, handle
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over, wish
from tests.private_servers import Servers

PATH = "/api/notifications"
# The clock that the API goes by, and notifications that came one a minute before.
NOW = datetime.now(UTC).replace(microsecond=0)
EARLIER = NOW - timedelta(hours=5)


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        yield api


@asynccontextmanager
async def accounts_of(api: RunningApi) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(api.settings.accounts_url, application="tests", pool_size=2)
    try:
        yield engine
    finally:
        await engine.dispose()


def record(api: RunningApi, *notices: Notice, **columns: object) -> list[str]:
    """Write notices down as the notifier does, the first a minute before the second; gives their ids."""

    async def write() -> None:
        async with accounts_of(api) as engine, engine.begin() as connection:
            for minute, notice in enumerate(notices):
                row = {
                    "id": notice.id,
                    "fired_on": notice.day,
                    "user_id": notice.user_id,
                    "alert_id": notice.alert_id,
                    "content": msgspec.json.decode(encode_one(notice)),
                    "state": "sent",
                    "recorded_at": EARLIER + timedelta(minutes=minute),
                }
                await connection.execute(insert(notifications).values(row | columns))

    asyncio.run(write())
    return [str(notice.id) for notice in notices]


def firing(traveller: Traveller, **changes: object) -> Notification:
    """A firing of an alert of theirs, from a source that says no more than it must."""
    notice = fired(UUID(traveller.id), at=EARLIER)
    return msgspec.structs.replace(notice, fare=msgspec.structs.replace(notice.fare, source=None), **changes)


def told(api: RunningApi, traveller: Traveller, **columns: object) -> str:
    """The id of a new notification of theirs."""
    (id_,) = record(api, firing(traveller), **columns)
    return id_


def at(after: timedelta) -> str:
    return (EARLIER + after).isoformat()


def receipt(id_: str, event: str, minutes: float = 1) -> dict[str, str]:
    return {"id": id_, "event": event, "at": at(timedelta(minutes=minutes))}


def report(traveller: Traveller, *receipts: dict[str, str]) -> dict[str, Any]:
    answer = traveller.post(f"{PATH}/receipts", {"receipts": receipts})
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    return outcome


def seen(traveller: Traveller, id_: str) -> dict[str, Any]:
    answer = traveller.get(f"{PATH}/{id_}")
    assert answer.status_code == 200, answer.text
    notification: dict[str, Any] = answer.json()
    return notification


def page(answer: Response) -> tuple[list[str], str | None]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [one["id"] for one in body["resources"]], body["next_cursor"]


def utc(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant) if instant else None


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


def test_what_was_delivered_and_then_opened_says_when(api: RunningApi) -> None:
    traveller = api.traveller()
    id_ = told(api, traveller, reason="quota_exceeded", state="queued")
    assert report(traveller, receipt(id_, "delivered", 1)) == {"applied": 1, "ignored": 0, "refused": []}
    notification = seen(traveller, id_)
    assert (notification["state"], notification["reason"]) == ("delivered", None)
    assert utc(notification["delivered_at"]) == EARLIER + timedelta(minutes=1)
    report(traveller, receipt(id_, "opened", 2), receipt(id_, "read", 3))
    notification = seen(traveller, id_)
    assert notification["state"] == "opened"
    assert utc(notification["opened_at"]) == EARLIER + timedelta(minutes=2)
    assert utc(notification["read_at"]) == EARLIER + timedelta(minutes=3)


def test_receipts_come_to_the_same_in_any_order_and_however_often(api: RunningApi) -> None:
    traveller = api.traveller()
    forth, back = told(api, traveller), told(api, traveller)
    events = [("delivered", 1), ("opened", 2), ("delivered", 4), ("read", 5), ("opened", 6)]
    for id_, order in ((forth, events), (back, events[::-1] * 2)):
        for event, minutes in order:
            report(traveller, receipt(id_, event, minutes))
    outcomes = [seen(traveller, id_) for id_ in (forth, back)]
    kept = ("state", "delivered_at", "opened_at", "read_at")
    assert [outcomes[0][name] for name in kept] == [outcomes[1][name] for name in kept]
    assert utc(outcomes[0]["delivered_at"]) == EARLIER + timedelta(minutes=1)


def test_what_was_opened_was_delivered(api: RunningApi) -> None:
    traveller = api.traveller()
    id_ = told(api, traveller)
    report(traveller, receipt(id_, "opened", 2))
    notification = seen(traveller, id_)
    assert notification["delivered_at"] == notification["opened_at"]
    report(traveller, receipt(id_, "delivered", 3))
    assert seen(traveller, id_) == notification


@pytest.mark.parametrize("state", ["held", "suppressed", "dropped"])
def test_what_was_kept_back_stays_so_though_it_is_opened_in_the_list(api: RunningApi, state: str) -> None:
    traveller = api.traveller()
    id_ = told(api, traveller, state=state, reason="fare_gone")
    report(traveller, receipt(id_, "opened"))
    notification = seen(traveller, id_)
    assert (notification["state"], notification["reason"]) == (state, "fare_gone")
    assert notification["opened_at"]


def test_each_receipt_is_judged_alone(api: RunningApi) -> None:
    traveller = api.traveller()
    id_ = told(api, traveller)
    ahead = {"id": id_, "event": "opened", "at": (NOW + timedelta(minutes=5, seconds=1)).isoformat()}
    nearly = {"id": id_, "event": "delivered", "at": (NOW + timedelta(minutes=5)).isoformat()}
    outcome = report(traveller, ahead, nearly, receipt(str(uuid4()), "read"))
    assert (outcome["applied"], outcome["ignored"]) == (1, 1)
    assert [refused["field"] for refused in outcome["refused"]] == ["receipts[0].at"]
    notification = seen(traveller, id_)
    assert (notification["state"], utc(notification["delivered_at"])) == ("delivered", NOW)


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-07-20T20:17:40Z"])
def test_the_ends_of_time_are_no_mistake_of_ours(api: RunningApi, instant: str) -> None:
    traveller = api.traveller()
    id_ = told(api, traveller)
    report(traveller, {"id": id_, "event": "read", "at": instant})
    assert traveller.post(f"{PATH}/read-all", {"until": instant}).status_code == 204


def test_as_many_receipts_as_are_allowed_fit_into_a_body(api: RunningApi) -> None:
    traveller = api.traveller()
    ids = record(api, *(firing(traveller) for _ in range(500)))
    receipts = [receipt(id_, "delivered", 0.001) for id_ in ids]
    assert report(traveller, *receipts) == {"applied": 500, "ignored": 0, "refused": []}
    too_many = traveller.post(f"{PATH}/receipts", {"receipts": [*receipts, receipts[0]]})
    assert too_many.status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"receipts": []}, "receipts"),
        ({"receipts": [{"id": "1", "event": "read", "at": "2026-10-01T06:00:00Z"}]}, "receipts[0].id"),
        ({"receipts": [{"id": str(uuid4()), "event": "sent", "at": "2026-10-01T06:00:00Z"}]}, "receipts[0].event"),
        ({"receipts": [{"id": str(uuid4()), "event": "read", "at": "2026-10-01T06:00:00"}]}, "receipts[0].at"),
        ({"receipts": [{"id": str(uuid4()), "event": "read", "at": 1790000000}]}, "receipts[0].at"),
        ({"user_id": str(uuid4())}, "user_id"),
    ],
)
def test_receipts_that_make_no_sense_name_the_field(api: RunningApi, body: object, field: str) -> None:
    answer = api.traveller().post(f"{PATH}/receipts", body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_one_is_marked_as_read_for_good(api: RunningApi) -> None:
    traveller = api.traveller()
    id_, other = told(api, traveller), told(api, traveller)
    assert [traveller.post(f"{PATH}/{id_}/read", None).status_code for _ in range(2)] == [204, 204]
    notification = seen(traveller, id_)
    assert (notification["state"], utc(notification["read_at"])) == ("sent", NOW)
    assert page(traveller.get(PATH, unread="true"))[0] == [other]


def test_all_up_to_an_instant_are_marked_as_read_and_nothing_later(api: RunningApi) -> None:
    traveller = api.traveller()
    *read, unread = record(api, *(firing(traveller) for _ in range(4)))
    report(traveller, receipt(read[0], "read", 0.5))
    until = {"until": at(timedelta(minutes=2, seconds=1))}
    assert traveller.post(f"{PATH}/read-all", until).status_code == 204
    assert page(traveller.get(PATH, unread="true"))[0] == [unread]
    assert utc(seen(traveller, read[0])["read_at"]) == EARLIER + timedelta(minutes=0.5)


def test_a_receipt_for_what_is_being_sent_comes_again_and_is_not_lost(api: RunningApi) -> None:
    traveller = with_a_phone(api)
    in_hand, other = firing(traveller), firing(traveller)
    record(api, other)
    receipts = [receipt(str(notice.id), "delivered") for notice in (in_hand, other)]

    async def sending() -> list[Response]:
        gateway = Gatekeeper()
        gateway.open.clear()
        async with accounts_of(api) as engine:
            handling = asyncio.create_task(handle(Notifier(engine, gateway, lambda: NOW).handler(), in_hand))
            await gateway.entered.wait()
            answers = [
                await asyncio.to_thread(traveller.post, f"{PATH}/receipts", {"receipts": receipts}),
                await asyncio.to_thread(traveller.post, f"{PATH}/{in_hand.id}/read", None),
                await asyncio.to_thread(traveller.post, f"{PATH}/read-all", {"until": NOW.isoformat()}),
            ]
            gateway.open.set()
            assert await handling == [Done()]
        return answers

    answers = asyncio.run(sending())
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "5")] * 3
    of_other = seen(traveller, str(other.id))
    assert (of_other["state"], utc(of_other["read_at"])) == ("delivered", NOW)
    assert seen(traveller, str(in_hand.id))["state"] == "sent"
    assert report(traveller, *receipts)["applied"] == 2
    assert seen(traveller, str(in_hand.id))["state"] == "delivered"


@pytest.mark.parametrize("state", ["queued", "sending"])
def test_what_a_crash_left_is_not_pushed_again_once_it_was_delivered(api: RunningApi, state: str) -> None:
    traveller = with_a_phone(api)
    notice = firing(traveller)
    record(api, notice, state=state)
    report(traveller, receipt(str(notice.id), "delivered"))
    gateway = Gatekeeper()

    async def again() -> Sequence[Settlement]:
        async with accounts_of(api) as engine:
            return await handle(Notifier(engine, gateway, lambda: NOW).handler(), notice)

    assert asyncio.run(again()) == [Done()]
    assert gateway.pushes == []
    assert seen(traveller, str(notice.id))["state"] == "delivered"


@pytest.mark.parametrize("event", ["delivered", "opened"])
def test_what_is_reported_after_it_was_decided_on_is_not_sent_and_not_hidden(api: RunningApi, event: str) -> None:
    """A notifier that died had sent it; the next one has decided to send it again."""
    traveller = with_a_phone(api)
    notice = firing(traveller)
    gateway = Gatekeeper()

    async def decided_and_reported() -> Mapping[UUID, Unfinished]:
        async with accounts_of(api) as engine:
            notifier = Notifier(engine, gateway, lambda: NOW)
            recorded = await notifier.recorder.record(Lane.STANDARD, {notice.id: notice}, {})
            await asyncio.to_thread(report, traveller, receipt(str(notice.id), event))
            return await notifier.sender.send(Lane.STANDARD, recorded)

    assert asyncio.run(decided_and_reported()) == {notice.id: Wait("in_hand_elsewhere", 5)}
    assert gateway.pushes == []
    notification = seen(traveller, str(notice.id))
    assert (notification["state"], notification["reason"]) == (event, None)


def test_a_digest_is_delivered_and_opened_with_all_that_it_told(api: RunningApi) -> None:
    traveller, stranger = api.traveller(), api.traveller()
    leading, other, alone = (firing(traveller) for _ in range(3))
    record(api, leading, other, told_with=leading.id)
    record(api, alone)
    record(api, of_stranger := firing(stranger), told_with=leading.id)
    receipts = [receipt(str(leading.id), "delivered", 1), receipt(str(leading.id), "opened", 2)]
    assert report(traveller, *receipts, receipt(str(leading.id), "read", 3)) == {
        "applied": 3,
        "ignored": 0,
        "refused": [],
    }
    of_leading, of_other = seen(traveller, str(leading.id)), seen(traveller, str(other.id))
    assert [of_leading[key] for key in ("state", "delivered_at", "opened_at")] == [
        of_other[key] for key in ("state", "delivered_at", "opened_at")
    ]
    assert of_other["state"] == "opened"
    assert (utc(of_leading["read_at"]), of_other["read_at"]) == (EARLIER + timedelta(minutes=3), None)
    assert seen(traveller, str(alone.id))["state"] == seen(stranger, str(of_stranger.id))["state"] == "sent"


def test_what_a_digest_told_may_be_reported_by_itself_too(api: RunningApi) -> None:
    traveller = api.traveller()
    leading, other = firing(traveller), firing(traveller)
    record(api, leading, other, told_with=leading.id)
    report(traveller, receipt(str(other.id), "opened", 1), receipt(str(leading.id), "delivered", 2))
    of_leading, of_other = seen(traveller, str(leading.id)), seen(traveller, str(other.id))
    assert (of_leading["state"], of_other["state"]) == ("delivered", "opened")
    assert utc(of_other["delivered_at"]) == EARLIER + timedelta(minutes=1)


def with_a_phone(api: RunningApi) -> Traveller:
    traveller = api.traveller()
    assert traveller.post("/api/devices", {"token": f"phone-{traveller.id}", "platform": "ios"}).status_code == 201
    return traveller
