"""The notifier's handler over a real accounts database: each notification is recorded and told once."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.gateway import Outcome, Verdict
from shared.databases import open_engine
from shared.deliveries import Done, Retry, Wait
from shared.errors import UnavailableError
from shared.schema.accounts import devices, users
from tests.counted import counted
from tests.integration.notifying import (
    NOW,
    SENT,
    Gatekeeper,
    accounts,
    expired,
    fired,
    handle,
    handle_messages,
    notifier,
    recorded,
    traveller,
)

__all__ = ["accounts"]

AFTER_MIDNIGHT = datetime(2026, 10, 2, 0, 1, tzinfo=UTC)
A_MONTH_LATER = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)


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
    before = counted("farelark_notifications_kept_back_total", **labels)
    assert await handle_messages(notifier(accounts, gateway), notices) == [Done()]
    assert gateway.told == [notices[2].id]
    assert await recorded(accounts, *notices) == [("sent", None)]
    assert counted("farelark_notifications_kept_back_total", **labels) == before + 2


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


async def test_a_database_that_is_away_keeps_the_batch_in_hand() -> None:
    nowhere = open_engine("postgresql://nobody:secret@127.0.0.1:1/accounts", application="tests", pool_size=1)
    gateway = Gatekeeper()
    with pytest.raises(UnavailableError, match="accounts"):
        await handle(notifier(nowhere, gateway), fired(uuid4()))
    assert gateway.pushes == []


async def test_an_expiry_that_is_noticed_again_however_late_is_recorded_and_sent_once(accounts: AsyncEngine) -> None:
    gateway = Gatekeeper()
    handler = notifier(accounts, gateway)
    notice = expired(await traveller(accounts, "phone"))
    repeat = msgspec.structs.replace(notice, expired_at=A_MONTH_LATER)
    assert await handle(handler, notice, notice) == [Done(), Done()]
    assert await handle(handler, repeat) == [Done()]
    assert gateway.told == [notice.id]
    assert await recorded(accounts, notice) == [("sent", None)]
