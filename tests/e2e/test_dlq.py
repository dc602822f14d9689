"""Dead letters of a running fleet, mended as an SRE does it: nothing is lost, and nobody is told twice."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from fleet.bench.synthetic_firings import Firing, messages
from fleet.dead_letters.redriving import Redriving
from fleet.fcm_stand_in.answers import invalid_argument
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.messages.notifications import JSON
from shared.topology import NOTIFICATIONS_STANDARD
from tests.e2e.commands import finished
from tests.e2e.running_notifier import RunningNotifier, replaces, running_notifier

pytestmark = pytest.mark.timeout(300)

FIRINGS = 60
POISON = Outgoing(NOTIFICATIONS_STANDARD.name, b"\xff\xfe", JSON, message_id="poison")


@pytest.fixture(scope="module")
def notifier(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNotifier]:
    assert server_programs
    with running_notifier(tmp_path_factory.mktemp("dlq")) as notifier:
        yield notifier


def dlq(notifier: RunningNotifier, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = notifier.fleet.folder
    return finished("dlq", *arguments, "--data", folder, cwd=folder.parent)


def lying(notifier: RunningNotifier) -> dict[str, int]:
    """Dead letters by reason."""
    return {heap["reason"]: heap["count"] for heap in notifier.fleet.run("dlq", "list")["heaps"]}


def times_told(notifier: RunningNotifier) -> Counter[str]:
    """How often FCM has accepted a push, by the alert that it tells of."""
    return Counter(replaces(push) for push in notifier.pushes() if push.answered == 200)


def once_each(firings: Sequence[Firing]) -> dict[str, int]:
    return {str(firing.notification.alert_id): 1 for firing in firings}


def test_what_died_of_a_fault_is_told_once_it_is_mended_and_replayed_while_poison_dies_again(
    notifier: RunningNotifier,
) -> None:
    """FCM finds fault with every second push; that is mended, and all is replayed while new firings come in."""
    everything = notifier.invent(2 * FIRINGS)
    firings, more = everything[:FIRINGS], everything[FIRINGS:]
    notifier.settle(everything)
    for firing in firings[::2]:
        notifier.stand_in.answer(firing.installation.token, invalid_argument("message.data", "invalid"), times=1)
    notifier.fire(firings)
    notifier.publish([POISON])
    notifier.fleet.drain()
    before = lying(notifier)
    assert before["not_utf8"] == 1
    assert sum(before.values()) == 1 + before["invalid_argument"] > 1
    assert "not_utf8: " in dlq(notifier, "show", "--reason", "not_utf8").stdout

    notifier.fire(more)
    assert notifier.fleet.run("dlq", "replay", "--yes") == {"replayed": sum(before.values())}
    notifier.fleet.drain()
    assert notifier.states(everything) == {("sent", None): 2 * FIRINGS}
    assert times_told(notifier) == once_each(everything)
    assert lying(notifier) == {"not_utf8": 1}
    assert notifier.fleet.run("dlq", "discard", "--id", "poison", "--yes") == {"discarded": 1}
    assert dlq(notifier, "replay", "--reason", "not_utf8").returncode == 3


def test_what_died_of_what_has_passed_comes_back_by_itself(notifier: RunningNotifier) -> None:
    firings = notifier.invent(FIRINGS)
    notifier.settle(firings)
    dead = [buried(message, "server_error") for message in messages(firings)]
    notifier.publish([*dead, buried(POISON, "not_utf8")])
    asyncio.run(redrive(notifier))
    notifier.fleet.drain()
    assert times_told(notifier) == once_each(firings)
    assert lying(notifier) == {"not_utf8": 1}


def buried(message: Outgoing, reason: str) -> Outgoing:
    headers = {**(message.headers or {}), "reason": reason}
    return Outgoing(NOTIFICATIONS_STANDARD.dead, message.body, message.content_type, headers=headers)


async def redrive(notifier: RunningNotifier) -> None:
    broker = await Broker.connect(notifier.fleet.addresses.amqp, "tests")
    await Redriving(broker).once()
    await broker.close()
