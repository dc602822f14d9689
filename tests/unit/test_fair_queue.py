"""Flows take turns, whatever is waiting of each."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fair_queue import FairQueue


def flow_of(item: str) -> str:
    return item[0]


def queue_of(*items: str) -> FairQueue[str]:
    queue = FairQueue(flow_of)
    for item in items:
        queue.put_nowait(item)
    return queue


def taken(queue: FairQueue[str]) -> list[str]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_flows_take_turns_and_each_keeps_its_order() -> None:
    assert taken(queue_of("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_a_late_flow_waits_for_one_item_of_each_other() -> None:
    queue = queue_of(*(f"a{number}" for number in range(400)), "b1")
    queue.get_nowait()
    queue.put_nowait("c1")
    assert [queue.get_nowait() for _ in range(3)] == ["b1", "a1", "c1"]


def test_a_flow_that_was_empty_comes_back_at_the_end_of_the_round() -> None:
    queue = queue_of("a1", "b1", "b2")
    queue.get_nowait()
    queue.put_nowait("a2")
    assert taken(queue) == ["b1", "a2", "b2"]


async def test_who_waits_for_an_item_gets_it() -> None:
    queue = queue_of()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put_nowait("a1")
    assert await waiting == "a1"
    assert queue.empty()
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()


@given(st.lists(st.sampled_from("abcd") | st.none()))
def test_nothing_is_lost_and_nobody_waits_longer_than_a_round(steps: list[str | None]) -> None:
    """None takes an item: since the oldest one of a flow was last passed over, no other flow had two turns."""
    queue, waiting, turns = queue_of(), Counter[str](), dict[str, Counter[str]]()
    for number, step in enumerate(steps):
        if step:
            queue.put_nowait(f"{step}{number}")
            waiting[step] += 1
            turns.setdefault(step, Counter())
        elif waiting.total():
            flow = flow_of(queue.get_nowait())
            waiting[flow] -= 1
            turns[flow] = Counter()
            for other in waiting:
                turns[other][flow] += waiting[other] > 0 and other != flow
                assert turns[other][flow] <= 1
    assert Counter(map(flow_of, taken(queue))) == +waiting
    assert queue.empty()
