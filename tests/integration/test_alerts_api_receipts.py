"""What an app reports of notifications, over real databases and beside a real notifier."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from httpx import Response

from shared.deliveries import Done, Settlement, Unfinished, Wait
from shared.topology import Lane
from tests.integration.notifying import Gatekeeper, Notifier, handle
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.integration.told_notifications import (
    EARLIER,
    NOW,
    PATH,
    accounts_of,
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
