"""From a message of `alerts.evaluate` to evaluated alerts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.alert_worker.evaluations import Evaluator
from shared.deliveries import Context, Delivery, Done, Park, Settlement
from shared.errors import MapMovedError, UnavailableError
from shared.messages import evaluations
from shared.messages.evaluations import Evaluation
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards

Left = tuple[str, Evaluation]  # what is to be tried again, and why

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CommandsHandler:
    """Handles messages of `alerts.evaluate`."""

    evaluator: Evaluator
    shards: Shards

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Handle each message on its own."""
        return [await self._handle(delivery) for delivery in deliveries]

    async def _handle(self, delivery: Delivery) -> Settlement:
        commands = evaluations.decode(delivery.body, delivery.content_type)
        parts = _by_shard(commands, await self.shards.current_map())
        outcomes = await asyncio.gather(
            *(self._evaluate(shard, part, delivery.context) for shard, part in parts.items()), return_exceptions=True
        )
        left = _left(outcomes)
        if not left:
            return Done()
        reasons = {reason for reason, _ in left}
        log.info("evaluations_parked", reasons=sorted(reasons), count=len(left))
        return Park(min(reasons), evaluations.encode([command for _, command in left]), evaluations.JSON)

    async def _evaluate(self, shard: int, commands: list[Evaluation], context: Context) -> list[Left]:
        """Evaluate one shard's part; returns what is left of it."""
        buckets = {bucket_of(command.route) for command in commands}
        # A board that lags behind catches up within seconds, or never: its price worker has died.
        patient = not context.attempt
        try:
            behind = await self.evaluator.on_command(shard, buckets, commands, context, patient=patient)
        except MapMovedError:
            return [("map_moved", command) for command in commands]
        except UnavailableError as error:
            if error.server != Shards.name(shard):
                raise
            return [("shard_unavailable", command) for command in commands]
        return [("board_behind", command) for command in behind]


def _by_shard(commands: Sequence[Evaluation], shard_map: ShardMap) -> dict[int, list[Evaluation]]:
    parts: dict[int, list[Evaluation]] = {}
    for command in commands:
        parts.setdefault(shard_map.shard_of(command.route), []).append(command)
    return parts


def _left(outcomes: Sequence[list[Left] | BaseException]) -> list[Left]:
    """What is left of all parts; the failure of one is the whole message's, once the others have ended."""
    left: list[Left] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        left += outcome
    return left
