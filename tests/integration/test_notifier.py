"""The notifier's handler over a real accounts database, with gateways that tests can hold and break."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.gateway import Gateway, Outcome, Push, Verdict
from services.notifier.handler import NOTICES_AT_ONCE, NotificationHandler
from services.notifier.push_log import PushLog
from shared.databases import open_engine
from shared.deliveries import DeadLetter, Done, Retry, Wait
from shared.errors import UnavailableError
from shared.messages.notifications import JSON, MAX_NOTICES, Notice, encode, encode_one
from shared.schema.accounts import devices, users
from shared.topology import Lane
from tests.integration.notifying import (
    NOW,
    SENT,
    Clock,
    Gatekeeper,
    Notifier,
    delivery,
    expired,
    fired,
    handle,
    handle_messages,
    migrated_accounts,
    recorded,
    traveller,
)
from tests.private_servers import Servers

AFTER_MIDNIGHT = datetime(2026, 10, 2, 0, 1, tzinfo=UTC)


BUSY = Outcome(Verdict.TRANSIENT, "quota_exceeded", retry_after=60)


class Choking(Gatekeeper):
    """A gateway that breaks on some notices, before it sends any of the call."""

    def __init__(self, *bad: Notice) -> None:
        super().__init__()
        self.bad = {notice.id for notice in bad}

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        if self.bad & {push.told.id for push in pushes}:
            raise RuntimeError("nobody foresaw this notice")
        return await super().send(pushes)


@pytest.fixture
async def accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    async with migrated_accounts(servers) as engine:
        yield engine


def notifier(accounts: AsyncEngine, gateway: Gateway) -> NotificationHandler:
    return Notifier(accounts, gateway).handler()


def sample(name: str, labels: dict[str, str]) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def retired(accounts: AsyncEngine, user: UUID) -> dict[str, str | None]:
    """The reasons for which a traveller's devices were retired, by token or installation id."""
    address = func.coalesce(devices.c.token, devices.c.fid).label("address")
    rows = select(address, devices.c.retired_reason, devices.c.retired_at).where(devices.c.user_id == user)
    async with accounts.connect() as connection:
        return {
            row.address.removesuffix(f"-{user}"): row.retired_reason
            for row in await connection.execute(rows)
            if row.retired_at
        }


async def test_each_device_gets_one_push_in_the_words_of_its_locale(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    notification = fired(await traveller(accounts, "phone", "tablet"))
    assert await handle(notifier(accounts, gateway), notification) == [Done()]
    assert len({push.device.address for push in gateway.pushes}) == len(gateway.pushes) == 2
    assert {push.text.title for push in gateway.pushes} == {"Barcelona → Budapest ab 89,99\xa0€"}
    assert await recorded(accounts, notification) == [("sent", None)]


async def test_a_device_is_reached_by_its_token_or_by_its_installation_id(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    user = await traveller(accounts, "phone", fids=["tablet"])
    assert await handle(notifier(accounts, gateway), fired(user)) == [Done()]
    reached = {push.device.addressed_by: push.device.address for push in gateway.pushes}
    assert reached == {"token": f"phone-{user}", "fid": f"tablet-{user}"}


async def test_what_addresses_a_device_is_not_in_how_it_is_written(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    user = await traveller(accounts, "secret", fids=["secret"])
    await handle(notifier(accounts, gateway), fired(user))
    assert len(gateway.pushes) == 2
    assert "secret" not in repr(gateway.pushes)


async def test_a_notification_that_is_delivered_again_is_recorded_and_sent_once(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    handler = notifier(accounts, gateway)
    notification = fired(await traveller(accounts, "phone"))
    assert await handle(handler, notification, notification) == [Done(), Done()]
    assert await handle(handler, notification) == [Done()]
    assert len(gateway.pushes) == 1
    assert await recorded(accounts, notification) == [("sent", None)]


async def test_a_firing_repeated_after_midnight_is_still_the_same(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    notification = fired(await traveller(accounts, "phone"))
    repeat = msgspec.structs.replace(notification, fired_at=AFTER_MIDNIGHT)
    await handle(notifier(accounts, gateway), notification)
    assert await handle(notifier(accounts, gateway), repeat) == [Done()]
    assert len(gateway.pushes) == 1
    assert await recorded(accounts, notification) == [("sent", None)]


async def test_what_a_crash_left_between_recording_and_marking_is_sent_again(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    gateway.crashes = True
    notification = fired(await traveller(accounts, "phone"))
    assert await handle(notifier(accounts, gateway), notification) == [Retry("unexpected_RuntimeError")]
    assert await recorded(accounts, notification) == [("sending", None)]
    gateway.crashes = False
    assert await handle(notifier(accounts, gateway), notification) == [Done()]
    assert await recorded(accounts, notification) == [("sent", None)]
    assert len(gateway.pushes) == 2


async def test_of_two_notifiers_with_one_notification_one_sends_and_the_other_comes_back(
    accounts: AsyncEngine,
) -> None:
    slow, quick = Gatekeeper(), Gatekeeper()
    slow.open.clear()
    user = await traveller(accounts, "phone")
    shared_one, own = fired(user), fired(user)
    first = asyncio.create_task(handle(notifier(accounts, slow), shared_one))
    await slow.entered.wait()
    assert await handle(notifier(accounts, quick), shared_one, own) == [Wait("in_hand_elsewhere", 5), Done()]
    assert quick.told == [own.id]
    slow.open.set()
    assert await first == [Done()]
    assert await handle(notifier(accounts, quick), shared_one) == [Done()]
    assert len(slow.pushes) == len(quick.pushes) == 1


async def test_many_notifiers_at_once_send_each_notification_once(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    user = await traveller(accounts, "phone")
    batch = [fired(user) for _ in range(50)]
    await asyncio.gather(*(handle(notifier(accounts, gateway), *batch[i:], *batch[:i]) for i in range(4)))
    assert sorted(gateway.told) == sorted(one.id for one in batch)
    assert await recorded(accounts, *batch) == [("sent", None)] * 50


async def test_a_traveller_without_devices_leaves_a_reason(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    notification = fired(await traveller(accounts))
    assert await handle(notifier(accounts, gateway), notification) == [Done()]
    assert await recorded(accounts, notification) == [("failed", "no_device")]
    assert gateway.pushes == []


async def test_of_travellers_who_are_gone_or_leaving_nothing_is_kept_and_nothing_told(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    leaving, staying = await traveller(accounts, "phone"), await traveller(accounts, "phone")
    async with accounts.begin() as connection:
        mark = update(users).where(users.c.id == leaving)
        await connection.execute(mark.values(deleting_at=NOW, email=None, password_hash=None))
    notices = [fired(uuid4()), fired(leaving), fired(staying)]
    labels = {"outcome": "dropped", "reason": "user_gone"}
    before = sample("farelark_notifications_kept_back_total", labels)
    assert await handle_messages(notifier(accounts, gateway), notices) == [Done()]
    assert gateway.told == [notices[2].id]
    assert await recorded(accounts, *notices) == [("sent", None)]
    assert sample("farelark_notifications_kept_back_total", labels) == before + 2


async def test_a_dead_token_is_retired_with_its_reason_and_never_used_again(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper(Outcome(Verdict.RETIRE, "unregistered"))
    user = await traveller(accounts, "phone")
    first, second = fired(user), fired(user)
    assert await handle(notifier(accounts, gateway), first) == [Done()]
    assert await retired(accounts, user) == {"phone": "unregistered"}
    assert await handle(notifier(accounts, gateway), second) == [Done()]
    assert await recorded(accounts, first) == [("failed", "unregistered")]
    assert await recorded(accounts, second) == [("failed", "no_device")]
    assert len(gateway.pushes) == 1


async def test_a_dead_installation_id_is_retired_and_the_other_devices_stay(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper(SENT, Outcome(Verdict.RETIRE, "invalid_address"))
    user = await traveller(accounts, fids=["phone", "tablet"])
    assert await handle(notifier(accounts, gateway), fired(user)) == [Done()]
    dead = gateway.pushes[1].device.address.removesuffix(f"-{user}")
    assert await retired(accounts, user) == {dead: "invalid_address"}


async def test_many_notifiers_at_once_may_find_the_same_devices_dead(accounts: AsyncEngine) -> None:
    owners = [await traveller(accounts, "phone") for _ in range(30)]
    gateway = Gatekeeper(*[Outcome(Verdict.RETIRE, "unregistered")] * 30)
    gateway.open.clear()
    orders = [owners, owners[::-1], owners[15:] + owners[:15]]
    batches = [[fired(owner) for owner in order] for order in orders]
    at_once = [asyncio.create_task(handle(notifier(accounts, gateway), *batch)) for batch in batches]
    gateway.open.set()
    assert await asyncio.gather(*at_once) == [[Done()] * 30] * 3
    assert [await retired(accounts, owner) for owner in owners] == [{"phone": "unregistered"}] * 30


async def test_a_gateway_that_refuses_us_stops_the_work_but_what_went_out_is_marked(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper(SENT, Outcome(Verdict.REFUSED, "unauthenticated"))
    went_out, refused = fired(await traveller(accounts, "phone")), fired(await traveller(accounts, "phone"))
    with pytest.raises(UnavailableError, match="unauthenticated"):
        await handle(notifier(accounts, gateway), went_out, refused)
    assert await recorded(accounts, went_out) == [("sent", None)]
    assert await recorded(accounts, refused) == [("queued", "unauthenticated")]


async def test_an_unreadable_body_goes_to_the_dead_letters_and_the_rest_of_its_batch_goes_on(
    accounts: AsyncEngine,
) -> None:
    gateway = Gatekeeper()
    notification = fired(await traveller(accounts, "phone"))
    too_many = encode([notification] * (MAX_NOTICES + 1))
    bodies = [b"", encode([notification]), b"\xff", encode([notification])[:-1], too_many]
    settlements = await notifier(accounts, gateway).handle([delivery(body) for body in bodies])
    assert settlements == [
        DeadLetter("empty_body"),
        Done(),
        DeadLetter("not_utf8"),
        DeadLetter("json_malformed"),
        DeadLetter("wrong_length"),
    ]
    assert len(gateway.pushes) == 1


async def test_what_is_told_in_one_call_to_the_gateway_is_bounded(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    pair = await traveller(accounts, "phone"), await traveller(accounts, "phone")
    full = [fired(user) for user in pair for _ in range(NOTICES_AT_ONCE // 2)]
    one_more = fired(await traveller(accounts, "phone"))
    assert await handle(notifier(accounts, gateway), *full) == [Done()] * NOTICES_AT_ONCE
    assert gateway.calls == 1
    assert gateway.told == [notice.id for notice in full]
    again = [fired(notice.user_id) for notice in full]
    assert await handle(notifier(accounts, gateway), *again, one_more) == [Done()] * (NOTICES_AT_ONCE + 1)
    assert gateway.calls == 3


async def test_a_notice_alone_as_older_alert_workers_send_it_is_told(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    notification = fired(await traveller(accounts, "phone"))
    assert await notifier(accounts, gateway).handle([delivery(encode_one(notification))]) == [Done()]
    assert gateway.told == [notification.id]


async def test_an_invalid_notice_is_set_aside_and_counted_once_and_the_others_of_its_message_are_told(
    accounts: AsyncEngine,
) -> None:
    gateway, clock = Gatekeeper(SENT, BUSY), Clock(NOW)
    handler = Notifier(accounts, gateway, clock).handler()
    user = await traveller(accounts, "phone")
    well, busy = fired(user), fired(user)
    body = b"[" + b",".join([encode_one(well), b'{"id": 1}', encode_one(busy)]) + b"]"
    labels = {"queue": "notifications.standard", "reason": "wrong_schema"}
    before = sample("farelark_set_aside_documents_total", labels)
    assert await handler.handle([delivery(body)]) == [Wait("quota_exceeded", 60, encode([busy]), JSON)]
    gateway.outcomes = ()
    clock.now += timedelta(seconds=60)
    assert await handle(handler, busy) == [Done()]
    assert gateway.told == [well.id, busy.id, busy.id]
    assert sample("farelark_set_aside_documents_total", labels) == before + 1


async def test_of_a_message_only_what_is_not_told_yet_comes_again(accounts: AsyncEngine) -> None:
    gateway, clock = Gatekeeper(SENT, BUSY, SENT, BUSY), Clock(NOW)
    handler = Notifier(accounts, gateway, clock).handler()
    user = await traveller(accounts, "phone")
    one, two, three, four = notices = [fired(user) for _ in range(4)]
    # The second is in both messages: pushed once, it comes again with each.
    assert await handle_messages(handler, [one, two], [two, three, four]) == [
        Wait("quota_exceeded", 60, encode([two]), JSON),
        Wait("quota_exceeded", 60, encode([two, four]), JSON),
    ]
    assert gateway.told == [one.id, two.id, three.id, four.id]
    gateway.outcomes = ()
    clock.now += timedelta(seconds=60)
    assert await handle_messages(handler, [two], [two, four]) == [Done(), Done()]
    assert gateway.told[4:] == [two.id, four.id]
    assert await recorded(accounts, *notices) == [("sent", None)] * 4


async def test_a_notice_that_breaks_the_handler_takes_none_of_its_message_with_it(accounts: AsyncEngine) -> None:
    user = await traveller(accounts, "phone")
    one, bad, other = fired(user), fired(user), fired(user)
    gateway = Choking(bad)
    assert await handle_messages(notifier(accounts, gateway), [one, bad], [other]) == [
        Retry("unexpected_RuntimeError", encode([bad]), JSON),
        Done(),
    ]
    assert await recorded(accounts, one, bad, other) == [("sent", None), ("sending", None), ("sent", None)]


async def test_a_digest_that_breaks_the_handler_comes_again_whole_and_takes_no_other_with_it(
    accounts: AsyncEngine,
) -> None:
    unlucky, other = await traveller(accounts, "phone"), await traveller(accounts, "phone")
    broken, well = [fired(unlucky), fired(unlucky)], [fired(other), fired(other)]
    gateway = Choking(*broken)
    digests = Notifier(accounts, gateway).handler(Lane.DIGEST)
    assert await handle_messages(digests, broken, well) == [Retry("unexpected_RuntimeError"), Done()]
    assert [push.told.user_id for push in gateway.pushes] == [other]
    assert await recorded(accounts, *broken, *well) == [("sending", None)] * 2 + [("sent", None)] * 2


async def test_a_database_that_is_away_keeps_the_batch_in_hand() -> None:
    nowhere = open_engine("postgresql://nobody:secret@127.0.0.1:1/accounts", application="tests", pool_size=1)
    gateway = Gatekeeper()
    with pytest.raises(UnavailableError, match="accounts"):
        await handle(notifier(nowhere, gateway), fired(uuid4()))
    assert gateway.pushes == []


async def test_the_push_log_tells_what_was_sent_to_whom_and_keeps_the_token_to_itself(
    accounts: AsyncEngine, tmp_path: Path
) -> None:
    path = tmp_path / "pushes.jsonl"
    user = await traveller(accounts, "secret-token")
    notification = fired(user)
    await handle(notifier(accounts, PushLog(path, lambda: NOW)), notification)
    (line,) = path.read_text().splitlines()
    logged = json.loads(line)
    device = logged.pop("device")
    assert logged == {
        "kind": "fired",
        "notification_id": str(notification.id),
        "alert_id": str(notification.alert_id),
        "user_id": str(user),
        "title": "Barcelona → Budapest ab 89,99\xa0€",
        "body": "Vorher 109,99\xa0€, jetzt 89,99\xa0€ (-18\xa0%) am Fr., 11. Dez., nonstop.",
        "price": 8999,
        "currency": "EUR",
        "fare": "BCN-BUD:2026-12-11:@:economy:0:EUR",
        "sent_at": "2026-10-01T23:59:00Z",
    }
    assert UUID(device)
    assert "secret-token" not in line


async def test_the_push_log_tells_of_an_expiry_without_a_fare(accounts: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    notice = expired(await traveller(accounts, "phone"))
    await handle(notifier(accounts, PushLog(path, lambda: NOW)), notice)
    logged = json.loads(path.read_text())
    assert UUID(logged.pop("device"))
    assert logged == {
        "kind": "expired",
        "notification_id": str(notice.id),
        "alert_id": str(notice.alert_id),
        "user_id": str(notice.user_id),
        "title": "Dein Preisalarm Barcelona → Budapest ist beendet",
        "body": "Die beobachteten Abflugtage, 18.–30. Sept., sind vorbei.",  # noqa: RUF001  # German has a dash there
        "sent_at": "2026-10-01T23:59:00Z",
    }


async def test_an_expiry_that_is_delivered_again_is_recorded_and_sent_once(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    handler = notifier(accounts, gateway)
    notice = expired(await traveller(accounts, "phone"))
    repeat = msgspec.structs.replace(notice, expired_at=AFTER_MIDNIGHT)
    assert await handle(handler, notice, notice) == [Done(), Done()]
    assert await handle(handler, repeat) == [Done()]
    assert gateway.told == [notice.id]
    assert await recorded(accounts, notice) == [("sent", None)]


async def test_notifiers_that_share_a_push_log_write_whole_lines(accounts: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    user = await traveller(accounts, "phone")
    batches = [[fired(user) for _ in range(50)] for _ in range(4)]
    handlers = [notifier(accounts, PushLog(path, lambda: NOW)) for _ in batches]
    await asyncio.gather(*(handle(handler, *batch) for handler, batch in zip(handlers, batches, strict=True)))
    logged = [json.loads(line)["notification_id"] for line in path.read_text().splitlines()]
    assert sorted(logged) == sorted(str(one.id) for batch in batches for one in batch)


async def test_a_push_log_that_cannot_be_written_keeps_the_batch_in_hand(accounts: AsyncEngine, tmp_path: Path) -> None:
    log = PushLog(tmp_path / "no folder" / "pushes.jsonl", lambda: NOW)
    notification = fired(await traveller(accounts, "phone"))
    with pytest.raises(UnavailableError, match="push_log"):
        await handle(notifier(accounts, log), notification)
    assert await recorded(accounts, notification) == [("sending", None)]
