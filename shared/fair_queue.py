"""A queue that serves flows in turn: however much of one is waiting, the next item of another is not far."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import TypeVar

Item = TypeVar("Item")


class FairQueue(asyncio.Queue[Item]):
    """Items of one flow come in their order; flows take turns, a new one at the end of the round.

    Args:
        flow_of: what must not be starved by others, such as the route that a message is of.
    """

    def __init__(self, flow_of: Callable[[Item], Hashable]) -> None:
        super().__init__()
        self._flow_of = flow_of

    def qsize(self) -> int:
        """How many items are there."""
        return sum(map(len, self._queue.values()))

    def _init(self, maxsize: int) -> None:  # noqa: ARG002  # asyncio's queues are made to have these three overridden
        self._queue: OrderedDict[Hashable, deque[Item]] = OrderedDict()  # each flow's items, the flow of the next first

    def _put(self, item: Item) -> None:
        self._queue.setdefault(self._flow_of(item), deque()).append(item)

    def _get(self) -> Item:
        flow, items = next(iter(self._queue.items()))
        item = items.popleft()
        self._queue.move_to_end(flow)
        if not items:
            del self._queue[flow]
        return item
