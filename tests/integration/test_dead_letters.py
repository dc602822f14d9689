"""Dead letters on a real RabbitMQ: looked at they stay as they are, brought back none is lost."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import aiohttp
import pytest

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.redriving import Redriving
from fleet.dead_letters.replaying import Replayer
from fleet.dead_letters.selection import Selection
from fleet.dead_letters.tallying import tally
from shared.broker import browsing, publisher
from shared.broker.broker import Broker
from shared.broker.browsing import Look, Seen
from shared.broker.outgoing import Outgoing
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.topology import CHANGES_ALERTS, FARES_INGEST
from tests.integration.conftest import Probe
from tests.integration.full_queues import fill, small
from tests.integration.inbox import Inbox, consuming
from tests.private_servers import Servers
from tests.unit.dead_letters_in_memory import Noted

DEAD = FARES_INGEST.dead
MANY = 60


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a look needs several consumers."""
    monkeypatch.setattr(browsing, "_FIRST_WINDOW", 7)
    monkeypatch.setattr(browsing, "_LARGEST_WINDOW", 13)


async def bury(broker: Broker, *bodies: str, reason: str = "not_utf8", queue: str = DEAD) -> None:
    for body in bodies:
        await broker.publish(Outgoing(queue, body.encode(), "text/plain", message_id=body, headers={"reason": reason}))


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"{number:04}" for number in range(first, first + count)]


async def seen_by(look: Look) -> list[Seen]:
    return [seen async for seen in look.messages()]


def bodies(seen: Sequence[Seen]) -> list[str]:
    return [one.body.decode() for one in seen]


async def look(broker: Broker) -> list[str]:
    async with broker.browsing() as browser, browser.look_through(DEAD) as one:
        return bodies(await seen_by(one))


async def test_a_look_sees_every_letter_once_and_leaves_all_as_they_were(broker: Broker) -> None:
    await bury(broker, *numbered(MANY))
    for _ in range(3):
        assert await look(broker) == numbered(MANY)


async def test_what_is_taken_out_is_gone_and_all_else_stays(broker: Broker, probe: Probe) -> None:
    await bury(broker, *numbered(MANY))
    async with broker.browsing() as browser, browser.look_through(DEAD) as one:
        async for seen in one.messages():
            if int(seen.body) % 3:
                await one.take_out(seen)
    assert [message.body.decode() for message in await probe.all(DEAD)] == numbered(MANY)[::3]


async def test_what_dies_during_a_look_is_left_for_the_next(broker: Broker) -> None:
    await bury(broker, *numbered(3))
    async with broker.browsing() as browser, browser.look_through(DEAD) as one:
        await bury(broker, *numbered(3, first=3))
        assert bodies(await seen_by(one)) == numbered(3)
    assert sorted(await look(broker)) == numbered(6)


async def test_of_two_who_look_at_once_each_sees_what_the_other_has_not_in_hand(broker: Broker) -> None:
    await bury(broker, *numbered(MANY))
    async with broker.browsing() as browser, browser.look_through(DEAD) as first, browser.look_through(DEAD) as second:
        theirs = await asyncio.gather(seen_by(first), seen_by(second))
    assert sorted(bodies(theirs[0]) + bodies(theirs[1])) == numbered(MANY)
    assert sorted(await look(broker)) == numbered(MANY)


async def test_who_looks_is_told_that_somebody_else_does(broker: Broker) -> None:
    await bury(broker, *numbered(3))
    async with broker.browsing() as browser, browser.look_through(DEAD) as first:
        assert not first.shared
        assert len(await seen_by(first)) == 3
        async with browser.look_through(DEAD) as second:
            assert (second.ready, second.shared) == (0, True)


async def test_after_a_lost_link_every_letter_is_where_it_was(broker: Broker, topology: Servers) -> None:
    async def look_and_lose() -> None:
        async with broker.browsing() as browser, browser.look_through(DEAD) as one:
            async for seen in one.messages():
                if int(seen.body) == 0:
                    await close_connection(topology, "tests browsing")

    await bury(broker, *numbered(MANY))
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await look_and_lose()
    assert sorted(await look(broker)) == numbered(MANY)


async def close_connection(servers: Servers, name: str) -> None:
    """Close it as an operator does; the management API learns of it a little late."""
    async with aiohttp.ClientSession(servers.rabbitmq.management_url) as session, asyncio.timeout(15):
        while True:
            for one in await (await session.get("/api/connections")).json():
                if one.get("client_properties", {}).get("connection_name") == name:
                    await session.delete(f"/api/connections/{quote(one['name'])}")
                    return
            await asyncio.sleep(0.1)


async def test_a_queue_that_is_not_there_is_named(broker: Broker) -> None:
    async with broker.browsing() as browser:
        with pytest.raises(UnavailableError, match=r"cannot look through no\.such\.dead"):
            async with browser.look_through("no.such.dead"):
                pass


async def test_a_message_that_killed_its_workers_says_so(broker: Broker, probe: Probe) -> None:
    """The broker buries what was delivered twenty times in vain, and keeps the headers that it came with."""
    await broker.publish(
        Outgoing(FARES_INGEST.name, b"deadly", "text/plain", headers={"reason": "board_unreadable", "redrives": 2})
    )
    source = await probe.channel.get_queue(FARES_INGEST.name)
    async with asyncio.timeout(30):
        while not await depth(probe, DEAD):
            if message := await source.get(fail=False):
                await message.reject(requeue=True)
    async with broker.browsing() as browser, browser.look_through(DEAD) as one:
        (letter,) = [Letter.read(FARES_INGEST, seen) for seen in await seen_by(one)]
    assert (letter.reason, letter.redrives, letter.seen.body) == ("delivery_limit", 2, b"deadly")
    assert letter.died_at is not None


async def depth(probe: Probe, queue: str) -> int:
    found = await probe.channel.declare_queue(queue, passive=True)
    return found.declaration_result.message_count or 0


async def test_a_poison_message_that_is_brought_back_dies_again_of_the_same(broker: Broker, probe: Probe) -> None:
    inbox = Inbox()
    async with consuming(broker, inbox):
        await broker.publish(Outgoing(FARES_INGEST.name, b"dead", "text/plain", message_id="m1"))
        first = await letter_of(broker)
        async with broker.browsing() as browser:
            assert await Replayer(broker, Failpoints(None)).replay(browser, Selection(), Noted()) == 1
        await inbox.next()
        await inbox.next()
        again = await letter_of(broker)
    assert (first.id, first.reason, first.tries) == (again.id, again.reason, again.tries) == ("m1", "unwanted", 1)
    assert first.died_at
    assert again.died_at
    assert first.died_at < again.died_at
    assert len(await probe.all(DEAD)) == 1


async def letter_of(broker: Broker) -> Letter:
    """The one that lies there, waited for."""
    async with asyncio.timeout(15), broker.browsing() as browser:
        while True:
            async with browser.look_through(DEAD) as one:
                if letters := [Letter.read(FARES_INGEST, seen) for seen in await seen_by(one)]:
                    return letters[0]
            await asyncio.sleep(0.02)


async def test_only_what_may_have_passed_comes_back_by_itself_and_says_how_often(broker: Broker, probe: Probe) -> None:
    await bury(broker, "transient", reason="board_unreadable")
    await bury(broker, "poison")
    await bury(broker, "push", reason="server_error", queue="notifications.urgent.dead")
    await Redriving(broker).once()
    (fares,) = await probe.all(FARES_INGEST.name)
    (push,) = await probe.all("notifications.urgent")
    assert (fares.body, fares.message_id, fares.headers["redrives"]) == (b"transient", "transient", 1)
    assert (push.body, push.headers["redrives"]) == (b"push", 1)
    assert await look(broker) == ["poison"]


async def test_two_replays_at_once_lose_nothing_and_repeat_nothing(broker: Broker, probe: Probe) -> None:
    await bury(broker, *numbered(MANY))
    await bury(broker, "of another queue", queue=CHANGES_ALERTS.dead)
    replayer = Replayer(broker, Failpoints(None))

    async def replay() -> int:
        async with broker.browsing() as browser:
            return await replayer.replay(browser, Selection(FARES_INGEST), Noted())

    assert sum(await asyncio.gather(replay(), replay())) == MANY
    assert sorted(message.body.decode() for message in await probe.all(FARES_INGEST.name)) == numbered(MANY)
    assert await depth(probe, CHANGES_ALERTS.dead) == 1


async def test_a_replay_into_a_full_queue_leaves_the_letters_until_there_is_room(
    broker: Broker, probe: Probe, topology: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "PATIENCE_S", 0.2)
    await bury(broker, *numbered(MANY))
    replayer = Replayer(broker, Failpoints(None))
    async with broker.browsing() as browser:
        async with small(topology, FARES_INGEST.name, 5):
            await fill(broker, FARES_INGEST.name)
            with pytest.raises(UnavailableError, match="full"):
                await replayer.replay(browser, Selection(), Noted())
        await probe.all(FARES_INGEST.name)
        assert await replayer.replay(browser, Selection(), Noted()) == MANY
    assert sorted(message.body.decode() for message in await probe.all(FARES_INGEST.name)) == numbered(MANY)


async def test_the_tally_counts_by_queue_and_reason(broker: Broker) -> None:
    await bury(broker, *numbered(5))
    await bury(broker, *numbered(3), reason="no_rows")
    await bury(broker, *numbered(2), queue=CHANGES_ALERTS.dead)
    noted = Noted()
    async with broker.browsing() as browser:
        heaps = await tally(browser, Selection(), noted)
    expected = {("changes.alerts", "not_utf8"): 2, ("fares.ingest", "no_rows"): 3, ("fares.ingest", "not_utf8"): 5}
    assert {kind: heap.count for kind, heap in heaps.items()} == expected
    assert (noted.ready, noted.seen) == (10, 10)
