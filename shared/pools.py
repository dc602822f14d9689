"""How full the pools of connections are, counted when metrics are read."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from shared import metrics

P = TypeVar("P")
Count = Callable[[Any], int]

# By name and state how each pool is counted, for as long as somebody else needs it.
_counts: Final[defaultdict[tuple[str, str], WeakKeyDictionary[Any, Count]]] = defaultdict(WeakKeyDictionary)


def show_pool(name: str, pool: P, *, in_use: Callable[[P], int], limit: Callable[[P], int]) -> None:
    """Have metrics say how full a pool is, together with others of the same name.

    Args:
        name: of the server that its connections lead to.
        pool: is not kept alive by this.
        in_use: how many connections it has lent out.
        limit: how many it may have at most.
    """
    for state, count in {"in_use": in_use, "limit": limit}.items():
        _counts[name, state][pool] = count
        metrics.POOL_CONNECTIONS.labels(name, state).set_function(partial(_total, name, state))


def _total(name: str, state: str) -> int:
    return sum(count(pool) for pool, count in _counts[name, state].items())
