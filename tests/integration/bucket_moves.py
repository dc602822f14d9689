"""A bucket of the first map of four shards, moves of it, and something that happens in the midst of one."""

from collections.abc import Callable, Sequence

from fleet.shards.moving import Moved, move_bucket
from shared.failpoints import Failpoints
from tests.integration.shard_contents import Contents, contents

# By the first map of four shards the bucket is on shard 2, and so is its neighbour.
BUCKET, NEIGHBOUR, ELSEWHERE = 742, 743, 3
SOURCE, TARGET, BYSTANDER = 2, 0, 3


def silent(_: str) -> None:
    """Say nothing."""


async def move(
    urls: Sequence[str], bucket: int = BUCKET, target: int = TARGET, failpoints: Failpoints | None = None
) -> Moved:
    return await move_bucket(urls, bucket, target, silent, failpoints or Failpoints(None))


async def everything(urls: Sequence[str]) -> list[Contents]:
    return [await contents(url) for url in urls]


class Pausing(Failpoints):
    """Does something when a failpoint is passed."""

    def __init__(self, at: str, then: Callable[[], None]) -> None:
        super().__init__(None)
        self._at = at
        self._then = then

    def hit(self, name: str) -> None:
        if name == self._at:
            self._then()
