"""Calls on many keys of a cluster: a command a slot, the commands of a node in one pipeline, all nodes at once.

redis-py's own pipeline for clusters is not used. When one node fails it closes the connections to all of them, also
those on which other calls wait; it sends again what was answered with nothing; it sends ASKING on one connection and
what it is for on another; and it asks for all keys of a slot together until the slot has moved as a whole.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.typing import EncodableT

from shared.redis_cluster.addresses import Address
from shared.redis_cluster.nodes import Nodes

# Before a node that is away, or its replica, is asked again. A failover takes longer: the caller has to wait for it.
_PAUSES_S: Final = (0.05, 0.2)
_ROUNDS: Final = 8  # a command about a slot that moves is sent on three times

Command = Callable[[Sequence[int]], Sequence[EncodableT]]


@dataclass(frozen=True, slots=True)
class Part:
    """The keys of a call that one command is about, all of one slot.

    Attributes:
        positions: of the keys among those of the call.
        importing: the node that is just getting the slot and has these keys, if they are not where the slot is.
    """

    slot: int
    positions: tuple[int, ...]
    importing: Address | None = None

    def key_by_key(self) -> Iterator["Part"]:
        """A command for each key: while a slot moves some keys are here and others there."""
        return (replace(self, positions=(position,)) for position in self.positions)


class Answer(NamedTuple):
    """What a command about the keys at these positions was answered."""

    positions: tuple[int, ...]
    value: Any


async def call_in_parts(
    nodes: Nodes, slots: Iterable[int], command: Command, preamble: Sequence[EncodableT] = ()
) -> list[Answer]:
    """Have each slot's node run a command about the keys of that slot.

    A command may run more often than it is answered: a node that failed is asked again, or the one that has taken its
    place.

    Args:
        nodes: of the cluster.
        slots: of each key, by its position.
        command: makes the command about the keys at some positions.
        preamble: a command that each node gets before its others.

    Raises:
        RedisError, OSError: a command failed, or a node is away and nobody has taken its place. Other nodes may have
            done their part.
    """
    call, pauses = _Call(nodes, command, preamble, _by_slot(slots)), iter(_PAUSES_S)
    await nodes.look(0)
    for _ in range(_ROUNDS):
        looks = nodes.looks
        await call.go_round()
        if not call.left:
            return call.answers
        if call.trouble:
            await _pause(pauses, call.trouble)
            await nodes.look(looks)
    raise ClusterError("sent from node to node")


async def _pause(pauses: Iterator[float], trouble: Exception) -> None:
    """Wait, or raise the trouble once it has been waited for long enough."""
    if (seconds := next(pauses, None)) is None:
        raise trouble
    await asyncio.sleep(seconds)


class _Call:
    """A call on its way: what is answered, what is left, and what stood in its way in the last round."""

    def __init__(self, nodes: Nodes, command: Command, preamble: Sequence[EncodableT], parts: Sequence[Part]) -> None:
        self.left = list(parts)
        self.answers: list[Answer] = []
        self.trouble: Exception | None = None
        self._nodes = nodes
        self._command = command
        self._preamble = preamble

    async def go_round(self) -> None:
        """Send what is left to the nodes that it is for; once all have answered, keep what is left then."""
        parts, self.left, self.trouble = self.left, [], None
        by_node = self._by_node(parts)
        replies = await asyncio.gather(*(self._send(node, own) for node, own in by_node.items()))
        for node, pairs in zip(by_node, replies, strict=True):
            for part, reply in pairs:
                self._sort(node, part, reply)

    def _by_node(self, parts: Sequence[Part]) -> Mapping[Address, Sequence[Part]]:
        by_node: dict[Address, list[Part]] = {}
        for part in parts:
            if node := part.importing or self._nodes.owner(part.slot):
                by_node.setdefault(node, []).append(part)
            else:
                self._retry(ClusterDownError("nobody serves a slot"), part)
        return by_node

    async def _send(self, node: Address, parts: Sequence[Part]) -> list[tuple[Part, Any]]:
        """Each part with its reply; an error that a node answers is a reply too."""
        pipeline = self._nodes.client(node).pipeline(transaction=False)
        if self._preamble:
            pipeline.execute_command(*self._preamble)
        for part in parts:
            if part.importing:
                pipeline.execute_command("ASKING")  # holds for the next command on the same connection
            pipeline.execute_command(*self._command(part.positions))
        try:
            replies = iter(await pipeline.execute(raise_on_error=False))
        except (RedisError, OSError) as error:
            return [(part, error) for part in parts]
        if self._preamble:
            next(replies)
        return [(part, next(islice(replies, 1 if part.importing else 0, None))) for part in parts]

    def _sort(self, node: Address, part: Part, reply: Any) -> None:  # noqa: ANN401  # whatever a command is answered
        match reply:
            case MovedError():
                self._nodes.moved(part.slot, _named_by(reply, node))
                self.left.append(replace(part, importing=None))
            case AskError():
                self.left += replace(part, importing=_named_by(reply, node)).key_by_key()
            case TryAgainError() if len(part.positions) > 1:
                self.left += part.key_by_key()
            case ResponseError() if not isinstance(reply, ClusterDownError):
                raise reply
            case Exception():
                self._retry(reply, part)
            case _:
                self.answers.append(Answer(part.positions, reply))

    def _retry(self, trouble: Exception, part: Part) -> None:
        self.trouble = trouble
        self.left.append(replace(part, importing=None))


def _named_by(redirection: AskError, node: Address) -> Address:
    """Where a node sends us; without a host it means another port of its own."""
    return Address(redirection.host or node.host, redirection.port)


def _by_slot(slots: Iterable[int]) -> list[Part]:
    positions: dict[int, list[int]] = {}
    for position, slot in enumerate(slots):
        positions.setdefault(slot, []).append(position)
    return [Part(slot, tuple(own)) for slot, own in positions.items()]
