"""A fleet of one notifier that sends to a stand-in for FCM: it can be killed, and its queues are the test's."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from fleet.bench.synthetic_firings import Firing, invent, messages, settle
from fleet.fcm_stand_in.record import Entry
from fleet.fcm_stand_in.running import FcmStandIn, fcm_stand_in
from fleet.workers import only
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.shards import Shards
from tests.e2e.running_fleet import RunningFleet, running_fleet

ONLY_A_NOTIFIER = only("notifier")


class RunningNotifier:
    """A notifier with one batch of a lane in work, so that a kill hits nothing else."""

    def __init__(self, fleet: RunningFleet, stand_in: FcmStandIn) -> None:
        self.fleet = fleet
        self.stand_in = stand_in
        self._seeds = count(1)
        self._pushed_before = 0

    def invent(self, firings: int) -> list[Firing]:
        """New firings; from here on `pushes` are theirs."""
        self._pushed_before = len(list(self.stand_in.entries()))
        return invent(firings, next(self._seeds), datetime.now(UTC))

    def settle(self, firings: Sequence[Firing]) -> None:
        """Let their travellers, devices and alerts be there."""
        asyncio.run(_settle(self.fleet, firings))

    def fire(self, firings: Iterable[Firing]) -> None:
        """Publish them as alert workers do."""
        self.publish(messages(firings))

    def publish(self, outgoing: Iterable[Outgoing]) -> None:
        asyncio.run(_publish(self.fleet.addresses.amqp, outgoing))

    def take_all(self, queue: str) -> list[AbstractIncomingMessage]:
        """What is in a queue now, taken away."""
        return asyncio.run(_take_all(self.fleet.addresses.amqp, queue))

    def states(self, firings: Iterable[Firing]) -> Counter[tuple[str, str | None]]:
        """How many of their notifications are in each state, for each reason."""
        statement = "SELECT state, reason FROM notifications WHERE id = ANY($1)"
        found = self.fleet.on_accounts(statement, [firing.notification.id for firing in firings])
        return Counter((row["state"], row["reason"]) for row in found)

    def pushes(self) -> list[Entry]:
        """What the stand-in got, in order of arrival."""
        return list(self.stand_in.entries())[self._pushed_before :]

    def kill(self) -> None:
        """End it as a crash does; the fleet starts another."""
        (service,) = self.fleet.addresses.services
        os.kill(service.pid, signal.SIGKILL)

    def arm(self, failpoint: str) -> None:
        self._trigger(failpoint).write_text("1")

    def dies_at(self, failpoint: str) -> None:
        """Wait until it has."""
        until(lambda: not self._trigger(failpoint).exists())

    def _trigger(self, failpoint: str) -> Path:
        return self.fleet.folder / "failpoints" / failpoint


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.05)


@contextmanager
def running_notifier(folder: Path) -> Iterator[RunningNotifier]:
    with fcm_stand_in(folder / "fcm") as stand_in:
        settings = {
            "CONCURRENCY": "1",
            "FIREBASE_CREDENTIALS": str(stand_in.account),
            "PUSH_ENDPOINT": stand_in.url,
            "PUSH_RAMP_SECONDS": "0",
        }
        with running_fleet(folder / "fleet", ONLY_A_NOTIFIER, settings) as fleet:
            yield RunningNotifier(fleet, stand_in)


async def _settle(fleet: RunningFleet, firings: Sequence[Firing]) -> None:
    at = fleet.addresses
    shards = Shards.at(at.shards, application="tests", pool_size=1)
    await settle(at.accounts, at.shards, await shards.current_map(), firings)
    await shards.close()


async def _publish(amqp: str, outgoing: Iterable[Outgoing]) -> None:
    broker = await Broker.connect(amqp, "tests")
    await broker.publish_all(outgoing)
    await broker.close()


async def _take_all(amqp: str, queue: str) -> list[AbstractIncomingMessage]:
    taken = []
    async with await aio_pika.connect(amqp) as connection:
        source = await (await connection.channel()).get_queue(queue)
        while message := await source.get(fail=False, no_ack=True):
            taken.append(message)
    return taken


def replaces(push: Entry) -> str:
    """The name under which a push takes its twin's place, on its device's platform."""
    message = push.message
    if message.android:
        return str(message.android["notification"]["tag"])
    if message.apns:
        return str(message.apns["headers"]["apns-collapse-id"])
    assert message.webpush
    return str(message.webpush["notification"]["tag"])
