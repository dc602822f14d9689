"""Scripts on a cluster: each node knows its own, and forgets them when it ends."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha1

from redis.typing import EncodableT


def loading(text: str) -> Sequence[EncodableT]:
    """What to send ahead of the calls in a pipeline: no call then finds its script missing. It costs microseconds."""
    return "SCRIPT LOAD", text


def evalsha(text: str, keys: Sequence[EncodableT], args: Iterable[EncodableT]) -> Sequence[EncodableT]:
    """A call of a script that the node has loaded."""
    return "EVALSHA", _digest(text), len(keys), *keys, *args


@lru_cache
def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
