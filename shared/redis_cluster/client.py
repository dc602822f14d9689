"""A client of a cluster for what concerns one key, with those methods of redis-py's client that are in use here.

redis-py's own sends ASKING on one connection and what it is for on another, and cannot be sent to a node that has just
joined.
"""

from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot
from redis.typing import EncodableT

from shared.redis_cluster.nodes import Nodes
from shared.redis_cluster.parts import call_in_parts
from shared.redis_cluster.scripts import evalsha, loading


class ClusterClient:
    """Commands on one key each; every method raises what redis-py does."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def get(self, key: str) -> bytes | None:
        """The value of a key, None if there is none."""
        value: bytes | None = await self.run(key, ("GET", key))
        return value

    async def set(self, key: str, value: bytes) -> None:
        """Give a key a value."""
        await self.run(key, ("SET", key, value))

    def register_script(self, text: str) -> "Script":
        """A script that can be called."""
        return Script(self, text)

    async def run(self, key: str, command: Sequence[EncodableT], preamble: Sequence[EncodableT] = ()) -> Any:  # noqa: ANN401  # whatever Redis answers
        """Run a command about a key where it is; returns the answer."""
        (answer,) = await call_in_parts(self._nodes, [key_slot(key.encode())], lambda _: command, preamble)
        return answer.value

    async def aclose(self) -> None:
        """Close all connections."""
        await self._nodes.close()


class Script:
    """A script about one key."""

    def __init__(self, client: ClusterClient, text: str) -> None:
        self._client = client
        self._text = text

    async def __call__(self, keys: Sequence[str], args: Sequence[EncodableT]) -> Any:  # noqa: ANN401  # whatever it returns
        """Run it."""
        return await self._client.run(keys[0], evalsha(self._text, keys, args), loading(self._text))
