"""Which page of `docs/runbooks` to read when something is missing."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

_RUNBOOKS: Final = {
    "rabbitmq": "broker-down",
    "rabbitmq_live": "broker-down",
    "rabbitmq_sweep": "broker-down",
    "rabbitmq_alarm": "broker-alarm",
    "rabbitmq_or_spool": "gateway-failing",
    "redis": "redis-down",
    "accounts": "accounts-down",
    "fcm": "fcm-refusing",
    "push_gateway": "fcm-refusing",
    "fcm_access_token": "fcm-refusing",
    "operations": "operations-down",
}
# Of these there are many, by the beginnings of their names.
_OF_MANY: Final = {"shard": "shard-down", "source_": "source-stopped"}


def runbook_of(*missing: str) -> str:
    """Where to read on when these are missing: the first that has a runbook."""
    found = chain.from_iterable(_runbooks_of(name) for name in missing)
    return next(found, "pod-not-ready")


def _runbooks_of(name: str) -> Iterator[str]:
    yield from (runbook for beginning, runbook in _OF_MANY.items() if name.startswith(beginning))
    if name in _RUNBOOKS:
        yield _RUNBOOKS[name]
