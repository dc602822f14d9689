"""A notifier is killed between any two steps: no push is lost, and only one that was in flight comes twice, as a twin.

And what lies among its dead letters can be published again: it tells those who have not been told, and nobody else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from fleet.bench.synthetic_firings import Firing
from fleet.fcm_stand_in.answers import invalid_argument
from fleet.fcm_stand_in.record import Entry
from shared.broker.outgoing import Outgoing
from shared.messages.evaluations import decode as decode_evaluations
from shared.messages.notifications import JSON, decode, encode
from shared.topology import ALERTS_EVALUATE, NOTIFICATIONS, NOTIFICATIONS_STANDARD, Lane
from tests.e2e.running_notifier import RunningNotifier, replaces, running_notifier, until

pytestmark = pytest.mark.timeout(300)

FIRINGS = 60
PAUSE = "UPDATE alerts SET state = 'paused' WHERE id = ANY($1)"
SLEEP = "INSERT INTO preferences (user_id, time_zone, quiet_from, quiet_to) SELECT unnest($1::uuid[]), 'UTC', $2, $3"
WAKE = "UPDATE preferences SET quiet_from = NULL, quiet_to = NULL"
WANT_DIGESTS = "INSERT INTO preferences (user_id, time_zone, digest_at) SELECT unnest($1::uuid[]), 'UTC', $2"
RELEASE = "UPDATE notifications SET release_at = now() WHERE state = 'held'"


@pytest.fixture(scope="module")
def notifier(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNotifier]:
    assert server_programs
    with running_notifier(tmp_path_factory.mktemp("notifier")) as notifier:
        yield notifier


@pytest.mark.parametrize(
    ("failpoint", "most"), [("notifier.recorded", 1), ("notifier.sent", 2), ("notifier.marked", 1)]
)
def test_a_kill_repeats_nothing_but_what_was_sent_and_not_marked(
    notifier: RunningNotifier, failpoint: str, most: int
) -> None:
    firings = notifier.invent(FIRINGS)
    notifier.settle(firings)
    notifier.arm(failpoint)
    notifier.fire(firings)
    notifier.dies_at(failpoint)
    notifier.fleet.drain()
    assert notifier.states(firings) == {("sent", None): FIRINGS}
    assert most_pushes_of_one(notifier, firings) == most


def test_a_kill_with_pushes_in_flight_repeats_these(notifier: RunningNotifier) -> None:
    firings = notifier.invent(FIRINGS)
    notifier.settle(firings)
    notifier.stand_in.set_latency(60)
    notifier.fire(firings)
    until(notifier.pushes)
    notifier.kill()
    notifier.stand_in.set_latency(0)
    until(lambda: notifier.states(firings) == {("sent", None): FIRINGS})
    notifier.fleet.drain()
    assert most_pushes_of_one(notifier, firings) == 2


def test_a_kill_before_a_drop_is_recorded_leaves_no_alert_asleep(notifier: RunningNotifier) -> None:
    """Half of the alerts are paused while their firings are queued."""
    firings = notifier.invent(FIRINGS)
    paused, others = firings[::2], firings[1::2]
    notifier.settle(firings)
    notifier.fleet.on_shards(PAUSE, [firing.notification.alert_id for firing in paused])
    notifier.arm("notifier.evaluations_confirmed")
    notifier.fire(firings)
    notifier.dies_at("notifier.evaluations_confirmed")
    until(lambda: notifier.states(firings) == {("dropped", "alert_paused"): len(paused), ("sent", None): len(others)})
    to_undo = [
        one for message in notifier.take_all(ALERTS_EVALUATE.name) for one in decode_evaluations(message.body, JSON)
    ]
    notifier.fleet.drain()
    assert {one.alert_id for one in to_undo if one.unseen} == {firing.notification.alert_id for firing in paused}
    assert most_pushes_of_one(notifier, others) == 1


@pytest.mark.parametrize(("failpoint", "most"), [("notifier.released", 1), ("notifier.sent", 2)])
def test_a_kill_at_their_release_tells_travellers_of_what_was_held(
    notifier: RunningNotifier, failpoint: str, most: int
) -> None:
    """A third of them sleep, the others have two firings for a digest."""
    firings = notifier.invent(FIRINGS)
    asleep, in_digests = firings[: FIRINGS // 3], in_pairs(firings[FIRINGS // 3 :])
    firings = asleep + in_digests
    notifier.settle(firings)
    now = datetime.now(UTC)
    notifier.fleet.on_accounts(
        SLEEP, users(asleep), (now - timedelta(hours=1)).time(), (now + timedelta(hours=6)).time()
    )
    notifier.fleet.on_accounts(WANT_DIGESTS, users(in_digests), (now + timedelta(hours=6)).time())
    notifier.fire(firings)
    notifier.fleet.drain()
    assert notifier.states(firings) == {("held", "quiet_hours"): len(asleep), ("held", "digest"): len(in_digests)}

    notifier.arm(failpoint)
    notifier.fleet.on_accounts(WAKE)
    notifier.fleet.on_accounts(RELEASE)
    notifier.dies_at(failpoint)
    until(lambda: notifier.states(firings) == {("sent", None): FIRINGS})
    notifier.fleet.drain()
    times = times_accepted(notifier.pushes())
    assert times.keys() == {*map(name_of, asleep), *(f"digest-{user}" for user in users(in_digests))}
    assert max(times.values()) == most


def test_a_dead_letter_that_is_published_again_tells_those_who_were_not_told(notifier: RunningNotifier) -> None:
    """FCM calls two of six pushes invalid, not for their addresses: it is our fault, and will be mended."""
    firings = notifier.invent(6)
    dead, told_at_once = firings[:2], firings[2:]
    notifier.settle(firings)
    for firing in dead:
        notifier.stand_in.answer(firing.installation.token, invalid_argument("message.data", "invalid"), times=1)
    notifier.publish([message(encode([firing.notification for firing in firings]))])
    notifier.fleet.drain()
    (letter,) = notifier.take_all(NOTIFICATIONS_STANDARD.dead)
    assert letter.headers["reason"] == "invalid_argument"
    assert decode(letter.body, letter.content_type).notices == [firing.notification for firing in dead]
    assert notifier.states(firings) == {("sent", None): len(told_at_once), ("failed", "invalid_argument"): len(dead)}
    assert times_accepted(notifier.pushes()) == {name_of(firing): 1 for firing in told_at_once}

    notifier.publish([message(letter.body)])
    notifier.fleet.drain()
    assert notifier.states(firings) == {("sent", None): len(firings)}
    assert times_accepted(notifier.pushes()) == {name_of(firing): 1 for firing in firings}


def most_pushes_of_one(notifier: RunningNotifier, firings: Sequence[Firing]) -> int:
    """How often FCM has accepted one at most, if it has all of them under their alerts' names, and nothing else."""
    times = times_accepted(notifier.pushes())
    assert times.keys() == {name_of(firing) for firing in firings}
    return max(times.values())


def times_accepted(pushes: Sequence[Entry]) -> Counter[str]:
    """How often FCM has accepted a push, by the name under which it replaces its twin."""
    return Counter(replaces(push) for push in pushes if push.answered == 200)


def name_of(firing: Firing) -> str:
    return str(firing.notification.alert_id)


def users(firings: Sequence[Firing]) -> list[UUID]:
    return list({firing.notification.user_id for firing in firings})


def in_pairs(firings: Sequence[Firing]) -> list[Firing]:
    """Let each second one be of the traveller of the one before."""
    pairs = zip(firings[::2], firings[1::2], strict=True)
    return [each for one, other in pairs for each in (one, of_traveller(other, one.notification.user_id))]


def of_traveller(firing: Firing, user: UUID) -> Firing:
    return firing._replace(notification=msgspec.structs.replace(firing.notification, user_id=user))


def message(body: bytes) -> Outgoing:
    return Outgoing(exchange=NOTIFICATIONS.name, routing_key=Lane.STANDARD.value, body=body, content_type=JSON)
