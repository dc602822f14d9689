"""`python -m fleet.bench.cycle.publisher FOLDER PLAN DONE` publishes cycle 1 into a running fleet and ends.

A process of its own, so that neither the fares' invention nor their publishing disturbs who watches. It invents as it
goes and never runs far ahead of the price workers, so neither it nor the broker holds more than some batches.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import uvloop

from fleet import addresses
from fleet.addresses import REPOSITORY
from fleet.backends import virtual_host_of
from fleet.bench.cycle.plan import Plan
from fleet.publishing import fare_publisher
from fleet.servers.children import Children, children_in
from shared.errors import FarelarkError
from shared.logs import configure
from shared.management import Management, open_management
from shared.messages.batches import MAX_ROWS
from shared.topology import FARES_INGEST

CYCLE: Final = 1  # cycle 0 is on the boards
_MOST_AHEAD: Final = 128  # batches in the queue
_FEW_ENOUGH: Final = 64
_LOOK_EVERY_S: Final = 0.05
NAME: Final = "publisher"
_DONE: Final = "published.json"


class Published(NamedTuple):
    """When the first batch was on its way and the last confirmed, in seconds since 1970, and how many fares."""

    began: float
    ended: float
    fares: int


class Publisher:
    """The process, for whoever has started it."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._done = children.folder / _DONE

    def start(self, fleet: Path, plan: Plan) -> None:
        """Start it; call this from the main thread."""
        argv = [sys.executable, "-m", __name__, str(fleet), msgspec.json.encode(plan).decode(), str(self._done)]
        self._children.spawn(NAME, argv, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})

    def published(self) -> Published | None:
        """What it has published; None while it still does.

        Raises:
            ChildFailedError: it has ended before its time.
        """
        if self._done.exists():
            return msgspec.json.decode(self._done.read_bytes(), type=Published)
        for ended in self._children.exited():
            if ended.status:
                raise ended.error()
        return None


@contextmanager
def publisher_in(folder: Path) -> Iterator[Publisher]:
    """A publisher with its log and its result in this folder, stopped at the latest when the block ends."""
    with children_in(folder, print) as children:
        yield Publisher(children)


async def publish(fleet: Path, plan: Plan) -> Published:
    """Publish all fares of the cycle, each observed when it is published.

    Raises:
        UnavailableError: the broker was lost.
    """
    at, sweep = addresses.read(fleet), plan.sweep()
    async with (
        open_management(at.amqp_management, virtual_host_of(at.amqp)) as management,
        fare_publisher(at) as publisher,
    ):
        began = time.time()
        async for start in _in_time(management, plan.fares):
            await publisher.publish(sweep.batch(start, CYCLE, datetime.now(UTC)), cycle=f"bench-{CYCLE}")
        await publisher.flush()
        return Published(began, time.time(), publisher.confirmed)


async def _in_time(management: Management, fares: int) -> AsyncIterator[int]:
    """The number of each batch's first fare, as soon as there is room for it in the queue."""
    room = _MOST_AHEAD
    for start in range(0, fares, MAX_ROWS):
        while not room:
            room = await _room(management)
        room -= 1
        yield start


async def _room(management: Management) -> int:
    """For how many batches there is room, once few enough are left; the broker is asked seldom."""
    while (ready := (await management.depths())[FARES_INGEST.name].ready) > _FEW_ENOUGH:  # noqa: ASYNC110  # no event
        await asyncio.sleep(_LOOK_EVERY_S)
    return _MOST_AHEAD - ready


def main(fleet: str, plan: str, done: str) -> None:
    """Publish, and write down what was published."""
    configure(NAME, "WARNING")
    try:
        published = uvloop.run(publish(Path(fleet), msgspec.json.decode(plan, type=Plan)))
    except FarelarkError as error:
        sys.exit(f"farelark: {error}")
    draft = Path(done).with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(published))
    draft.replace(done)


if __name__ == "__main__":
    main(*sys.argv[1:])
