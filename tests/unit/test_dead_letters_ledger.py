"""Whatever is done with dead letters, and wherever it is cut short: each is there, came back, or was thrown away."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from fleet.dead_letters.discarding import Allowance, discard
from fleet.dead_letters.redriving import MOST_REDRIVES, Redriving
from fleet.dead_letters.replaying import Replayer
from fleet.dead_letters.selection import Selection
from fleet.dead_letters.tallying import tally
from shared.broker.outgoing import Outgoing
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.topology import FARES_INGEST, NOTIFICATIONS_DIGEST, WORK_QUEUES, WorkQueue
from tests.unit.dead_letters_in_memory import DeadLettersInMemory, Noted, seen, seen_again

QUEUES = (FARES_INGEST, NOTIFICATIONS_DIGEST)
REASONS = ("not_utf8", "server_error", "unexpected_KeyError", "forged")
TRANSIENT = "server_error"


class CrashError(BaseException):
    """The process ends here."""


class CrashingLater(Failpoints):
    """Raises at the pass after so many."""

    def __init__(self, after: int) -> None:
        super().__init__(None)
        self._left = after

    def hit(self, name: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise CrashError(name)


class World(DeadLettersInMemory):
    """A broker that takes so many messages and no more, and the books of what became of each letter."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = math.inf
        self.buried: set[str] = set()
        self.discarded: set[str] = set()

    async def publish(self, message: Outgoing) -> None:
        await asyncio.sleep(0)  # others have their turn, as on a broker
        if self.takes <= 0:
            raise UnavailableError("rabbitmq", "a test says so")
        self.takes -= 1
        await super().publish(message)

    def die(self, queue: WorkQueue, reason: str) -> None:
        id_ = str(len(self.buried))
        self.buried.add(id_)
        self.bury(queue, seen(message_id=id_, reason=reason))

    def letters(self, selection: Selection) -> list[str]:
        """The ids of what is meant of that which lies there; twins, of which one has died again, are two."""
        looked_at = (one for queue in selection.queues for one in self.dead[queue.dead].values())
        return [one.message_id or "" for one in looked_at if selection.reason in {None, one.headers["reason"]}]

    def lying(self, selection: Selection = Selection()) -> set[str]:
        """The same, twins as one."""
        return set(self.letters(selection))

    def came_back(self) -> set[str]:
        return {message.message_id or "" for message in self.published}


Step = Callable[[World], Awaitable[None]]


def dying(queue: WorkQueue, reason: str) -> Step:
    async def step(world: World) -> None:
        world.die(queue, reason)

    return step


def dying_again(how_many: int) -> Step:
    """The last that came back die once more, of the same."""

    async def step(world: World) -> None:
        for message in world.published[-how_many:]:
            queue = next(queue for queue in WORK_QUEUES if queue.name == message.routing_key)
            world.bury(queue, seen_again(message, reason=TRANSIENT))

    return step


def replaying(selection: Selection, crash_after: int, takes: float) -> Step:
    async def step(world: World) -> None:
        world.takes = takes
        meant, before = world.letters(selection), len(world.published)
        async with world.browsing() as browser:
            try:
                replayed = await Replayer(world, CrashingLater(crash_after)).replay(browser, selection, Noted())
            except UnavailableError:
                back = [message.message_id or "" for message in world.published[before:]]
                assert sorted([*world.letters(selection), *back]) == sorted(meant)
            except CrashError:
                pass  # a letter more may be there that has come back
            else:
                assert replayed >= len(meant)
                assert not world.lying(selection)
                assert set(meant) <= world.came_back()

    return step


def discarding(selection: Selection) -> Step:
    """One more dies after somebody was asked."""

    async def step(world: World) -> None:
        meant = world.lying(selection)
        async with world.browsing() as browser:
            heaps = await tally(browser, selection, Noted())
            world.die(FARES_INGEST, REASONS[0])
            allowance = Allowance({kind: heap.count for kind, heap in heaps.items()})
            discarded = await discard(browser, selection, allowance, Noted())
        assert discarded == sum(heap.count for heap in heaps.values())
        assert not meant & world.lying(selection)
        world.discarded |= meant

    return step


def redriving(takes: float) -> Step:
    async def step(world: World) -> None:
        world.takes = takes
        before, lay = len(world.published), [one for heap in world.dead.values() for one in heap.values()]
        try:
            await Redriving(world).once()
        except UnavailableError:
            return
        due = [one for one in lay if one.headers["reason"] == TRANSIENT and redrives(one.headers) < MOST_REDRIVES]
        back = world.published[before:]
        assert sorted(message.message_id or "" for message in back) == sorted(one.message_id or "" for one in due)
        assert all(1 <= redrives(message.headers) <= MOST_REDRIVES for message in back)
        assert shown() == sum(map(len, world.dead.values())) == len(lay) - len(due)

    return step


def redrives(headers: object) -> int:
    assert isinstance(headers, dict)
    return int(headers.get("redrives", 0))


def shown() -> float:
    """What the gauge says in all."""
    samples = (sample for family in REGISTRY.collect() for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "farelark_dead_letters_lying")


selections = st.builds(Selection, st.none() | st.sampled_from(QUEUES), st.none() | st.sampled_from(REASONS))
counts = st.integers(0, 4)
takes = counts | st.just(math.inf)
steps = st.one_of(
    st.builds(dying, st.sampled_from(QUEUES), st.sampled_from(REASONS)),
    st.builds(dying, st.sampled_from(QUEUES), st.just(TRANSIENT)),
    st.builds(dying_again, st.integers(1, 3)),
    st.builds(replaying, selections, counts | st.just(1_000), takes),
    st.builds(discarding, selections),
    st.builds(redriving, takes),
)


@given(st.lists(steps, max_size=25))
def test_no_letter_is_ever_lost(sequence: Sequence[Step]) -> None:
    async def play() -> None:
        world = World()
        for step in sequence:
            await step(world)
            assert world.buried == world.lying() | world.came_back() | world.discarded

    asyncio.run(play())


async def test_a_letter_comes_back_by_itself_three_times_and_then_waits_for_a_person() -> None:
    world = World()
    world.die(FARES_INGEST, TRANSIENT)
    for times in range(1, 6):
        await Redriving(world).once()
        assert len(world.published) == min(times, MOST_REDRIVES)
        if times <= MOST_REDRIVES:
            await dying_again(1)(world)
    assert shown() == 1
    async with world.browsing() as browser:
        assert await Replayer(world, Failpoints(None)).replay(browser, Selection(), Noted()) == 1
    assert redrives(world.published[-1].headers) == MOST_REDRIVES


async def test_reasons_that_no_service_gives_are_one_in_the_metrics() -> None:
    world = World()
    for reason in ("forged", "forged_too", "unexpected_KeyError"):
        world.die(FARES_INGEST, reason)
    await Redriving(world).once()
    labels = {"queue": "fares.ingest", "reason": "unknown"}
    assert REGISTRY.get_sample_value("farelark_dead_letters_lying", labels) == 2
