"""Who may do what with the broker, as data: each of its users has the least rights that will do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.topology import (
    ALERTS_EVALUATE,
    CHANGES,
    CHANGES_ALERTS,
    CHANGES_HISTORY,
    EVALUATIONS,
    EXCHANGES,
    FARES,
    FARES_INGEST,
    FARES_LIVE,
    LANES,
    LIVE_FARES,
    NOTIFICATIONS,
    WORK_QUEUES,
    Exchange,
    WorkQueue,
)


@dataclass(frozen=True, slots=True)
class Access:
    """What a service may do with the broker, and all that it does: its user has these rights and no others."""

    service: str
    consumes: tuple[WorkQueue, ...]
    publishes: tuple[Exchange, ...]

    @property
    def read(self) -> str:
        """The pattern of the queues that it consumes."""
        return _any_of(queue.name for queue in self.consumes)

    @property
    def write(self) -> str:
        """The pattern of the exchanges that it publishes to; a consumer also sends back what failed."""
        return _any_of(
            [*(exchange.name for exchange in self.publishes), *(queue.redelivery for queue in self.consumes)]
        )


ACCESSES: Final = (
    Access("ingest_gateway", (), (LIVE_FARES, FARES)),
    Access("price_worker", (FARES_LIVE, FARES_INGEST), (CHANGES,)),
    Access("alert_worker", (CHANGES_ALERTS, ALERTS_EVALUATE), (NOTIFICATIONS, EVALUATIONS)),
    Access("history_worker", (CHANGES_HISTORY,), ()),
    Access("notifier", tuple(LANES.values()), (NOTIFICATIONS, EVALUATIONS)),
    Access("alerts_api", (), (EVALUATIONS,)),
)

_NOTHING: Final = "^$"


@dataclass(frozen=True, slots=True)
class User:
    """Whom the broker lets in: tags of the management API, and patterns of what they may make, publish to and consume.

    Whoever makes a binding needs `write` for its queue and `read` for its exchange. Publishing past all exchanges,
    straight to a queue, is `write` for `amq.default`.
    """

    name: str
    tags: tuple[str, ...] = ()
    configure: str = _NOTHING
    write: str = _NOTHING
    read: str = _NOTHING

    @property
    def rights(self) -> dict[str, str]:
        """The patterns by the names that RabbitMQ has for them."""
        return {"configure": self.configure, "write": self.write, "read": self.read}


def users() -> list[User]:
    """Everybody who talks to the broker, each with the least that will do."""
    return [
        *(User(access.service, write=access.write, read=access.read) for access in ACCESSES),
        _operations(),
        _keda(),
    ]


def _operations() -> User:
    """Applies the topology and its policies, sees queues and nodes, replays fares and dead letters; takes no work."""
    ours = "|".join(sorted({name.split(".")[0] for name in _all_names()}))
    return User(
        "operations",
        tags=("monitoring", "policymaker"),
        configure=rf"^({ours})(\..+)?$",
        write=rf"^(amq\.default|({ours})(\..+)?)$",
        read=_any_of([*(exchange.name for exchange in EXCHANGES), *(queue.dead for queue in WORK_QUEUES)]),
    )


def _keda() -> User:
    """Sees how long queues are, of a virtual host that it may enter, and touches nothing."""
    return User("keda", tags=("management",))


def _all_names() -> list[str]:
    return [*(exchange.name for exchange in EXCHANGES), *(name for queue in WORK_QUEUES for name in queue.all_names)]


def _any_of(names: Iterable[str]) -> str:
    """The pattern that none but these names match; without a name it matches nothing."""
    return "^(" + "|".join(name.replace(".", r"\.") for name in names) + ")$"
