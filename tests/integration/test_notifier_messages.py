"""Each notice of a message has an end of its own: what is unreadable, busy or breaks the handler takes none with it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.gateway import Outcome, Push, Verdict
from services.notifier.handler import NOTICES_AT_ONCE
from shared.deliveries import DeadLetter, Done, Retry, Wait
from shared.messages.notifications import JSON, MAX_NOTICES, Notice, encode, encode_one
from shared.topology import Lane
from tests.counted import counted
from tests.integration.notifying import (
    NOW,
    SENT,
    Clock,
    Gatekeeper,
    Notifier,
    accounts,
    delivery,
    fired,
    handle,
    handle_messages,
    notifier,
    recorded,
    traveller,
)

__all__ = ["accounts"]

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
    before = counted("farelark_set_aside_documents_total", **labels)
    assert await handler.handle([delivery(body)]) == [Wait("quota_exceeded", 60, encode([busy]), JSON)]
    gateway.outcomes = ()
    clock.now += timedelta(seconds=60)
    assert await handle(handler, busy) == [Done()]
    assert gateway.told == [well.id, busy.id, busy.id]
    assert counted("farelark_set_aside_documents_total", **labels) == before + 1


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
