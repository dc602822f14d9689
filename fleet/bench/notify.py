"""How fast pushes leave, against a stand-in for FCM that answers at once, after 100 ms and after 200 ms.

At each latency three senders take turns on the same messages, in processes of their own: the notifier's gateway,
firebase-admin's `send_each_async`, and HTTP with nothing around it, which is the ceiling. Then a whole notifier works
off a queue of firings, up to the last one that its database says is sent. All over TLS: firebase-admin by HTTP/2, as it
talks to Google.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from fleet.addresses import Addresses
from fleet.bench.push_sending import CONNECTIONS, Kind, Run, Sending, sending
from fleet.bench.whole_notifier import WholeNotifier, whole_notifier
from fleet.fcm_stand_in.running import FcmStandIn
from fleet.workers import only

ONLY_A_NOTIFIER: Final = only("notifier")
_LATENCIES_MS: Final = (0, 100, 200)
_ROUNDS: Final = 3
# firebase-admin takes so much longer.
_SHARES: Final = {Kind.GATEWAY: 1.0, Kind.BARE: 1.0, Kind.FIREBASE_ADMIN: 0.1}
_WARM_UP_SHARE: Final = 0.25
_US: Final = 1_000_000
_MS: Final = 1_000

Say = Callable[[str], None]
Sent = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """Figures at one latency, of the gateway first; `ratio` is of its speed to that of `send_each_async`."""

    latency_ms: int
    pushes_per_second: int
    send_each_async_per_second: int
    ratio: float
    bare_http_per_second: int
    notifier_pushes_per_second: int
    cpu_us_per_push: int
    send_each_async_cpu_us_per_push: int
    bare_http_cpu_us_per_push: int
    notifier_cpu_us_per_push: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a sender: pushes a second, and microseconds of processor time a push."""

    per_second: int
    cpu_us: int

    @classmethod
    def of(cls, runs: list[Run]) -> "Speed":
        """The medians of some rounds."""
        per_second = median(run.pushes / run.seconds for run in runs)
        return cls(round(per_second), round(median(run.cpu_seconds / run.pushes for run in runs) * _US))


def settings_for(stand_in: FcmStandIn) -> dict[str, str]:
    """What a notifier needs in its environment to send to a stand-in as fast as it can."""
    return stand_in.trust | {
        "FIREBASE_CREDENTIALS": str(stand_in.account),
        "PUSH_ENDPOINT": stand_in.url,
        "PUSHES_PER_SECOND": "10000",
        "PUSH_RAMP_SECONDS": "0",
        "PUSH_CONNECTIONS": str(CONNECTIONS),
    }


def expected_pushes(pushes: int) -> int:
    """How many pushes are sent in all, of which the progress tells."""
    of_senders = sum(_count(pushes, kind) * _ROUNDS + _warm_up(_count(pushes, kind)) for kind in Kind)
    return len(_LATENCIES_MS) * (of_senders + pushes + _warm_up(pushes))


async def measure(addresses: Addresses, stand_in: FcmStandIn, pushes: int, say: Say, sent: Sent) -> list[Result]:
    """Measure at each latency.

    Args:
        addresses: of a fleet with one notifier, which sends to the stand-in.
        stand_in: for FCM.
        pushes: of each sender and round; fewer of firebase-admin's.
        say: is told of each step.
        sent: is told how many pushes were sent since it was last told.

    Raises:
        SenderFailedError, UnsentError: not everything was sent.
        UnavailableError: a server was lost on the way.
    """
    async with AsyncExitStack() as closing:
        senders = {kind: await closing.enter_async_context(sending(kind, stand_in)) for kind in Kind}
        notifier = await closing.enter_async_context(whole_notifier(addresses))
        results = []
        for latency in _LATENCIES_MS:
            stand_in.set_latency(latency / _MS)
            say(f"sending, with answers after {latency} ms")
            speeds = await _race(senders, pushes, sent)
            say(f"running a whole notifier, with answers after {latency} ms")
            results.append(_result(latency, speeds, await _run(notifier, pushes, sent)))
        return results


def _result(latency: int, speeds: Mapping[Kind, Speed], notifier: Speed) -> Result:
    ours, theirs, bare = speeds[Kind.GATEWAY], speeds[Kind.FIREBASE_ADMIN], speeds[Kind.BARE]
    return Result(
        latency_ms=latency,
        pushes_per_second=ours.per_second,
        send_each_async_per_second=theirs.per_second,
        ratio=round(ours.per_second / theirs.per_second, 2),
        bare_http_per_second=bare.per_second,
        notifier_pushes_per_second=notifier.per_second,
        cpu_us_per_push=ours.cpu_us,
        send_each_async_cpu_us_per_push=theirs.cpu_us,
        bare_http_cpu_us_per_push=bare.cpu_us,
        notifier_cpu_us_per_push=notifier.cpu_us,
    )


async def _race(senders: Mapping[Kind, Sending], pushes: int, sent: Sent) -> dict[Kind, Speed]:
    """Let the senders take turns, warmed up."""
    runs: dict[Kind, list[Run]] = {kind: [] for kind in senders}
    for kind, sender in senders.items():
        sent((await sender.send(_warm_up(_count(pushes, kind)))).pushes)
    for _ in range(_ROUNDS):
        for kind, sender in senders.items():
            run = await sender.send(_count(pushes, kind))
            runs[kind].append(run)
            sent(run.pushes)
    return {kind: Speed.of(of_kind) for kind, of_kind in runs.items()}


async def _run(notifier: WholeNotifier, pushes: int, sent: Sent) -> Speed:
    run = await notifier.send(_warm_up(pushes), pushes)
    sent(pushes + _warm_up(pushes))
    return Speed.of([run])


def _count(pushes: int, kind: Kind) -> int:
    return math.ceil(pushes * _SHARES[kind])


def _warm_up(pushes: int) -> int:
    return math.ceil(pushes * _WARM_UP_SHARE)
