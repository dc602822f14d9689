"""What a look at a fleet has found, as one value; as JSON it is what `status --json` and `GET /queue/status` give."""

from dataclasses import dataclass, field
from datetime import date, datetime

import msgspec

from shared.errors import UnreadableError
from shared.sweeps import Swept


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of the broker; `consumers` is None while the broker has not counted them, for 5 s after its start."""

    ready: int
    in_hand: int
    consumers: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """A work queue with those behind it: `retry` are messages in its retry and waiting queues, `dead` dead letters.

    `ready` and what the broker else counts are None while it does not answer or has no such queue; rates are None
    until there were two looks; `oldest_price_age_seconds` is that of the batches in hand.
    """

    queue: str
    ready: int | None
    in_hand: int | None
    messages_per_second: float | None
    oldest_price_age_seconds: float
    consumers: int | None
    retry: int | None
    dead: int | None


@dataclass(frozen=True, slots=True)
class Spool:
    """What gateways have taken while the broker took nothing; the age is that of the oldest batch, 0 without any."""

    batches: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A service and the queues that it works on, none of a gateway; `rows` says what it works on."""

    service: str
    rows: str
    rows_per_second: float | None
    queues: list[Work]


@dataclass(frozen=True, slots=True)
class Server:
    """Whether a server answered in time, after how long, and if not why."""

    name: str
    up: bool
    milliseconds: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of RabbitMQ; `alarms` are those in force on it, of `memory` and `disk`: they block all publishers."""

    name: str
    running: bool
    alarms: list[str]


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a service; `missing` is what it waits for, and None says that it does not answer.

    `pid` is 0 on another machine; `at` is the host and port of its health.
    """

    name: str
    pid: int
    at: str
    ready: bool
    missing: list[str] | None

    @property
    def service(self) -> str:
        """The service's name: one of several processes on a machine has a number after it."""
        return self.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the newest cycle is: counts by stage, and how long the rest takes at the present rate, if that is known.

    Counts are what workers say once a second: a crash loses some, a repeat adds some. `swept` is what a polled source
    said at its end; None while it goes on, and of cycles that nobody closes.
    """

    id: str
    started: datetime
    counts: dict[str, int]
    seconds_left: float | None
    swept: Swept | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    `rates_over_seconds` is the time between the two looks that rates are made of; `queues` has every queue, `breakers`
    the servers whose circuit breaker is not closed in some process, `rates` the date of the exchange rates in use in
    each shard, `days_ahead` for how many days each `database.table` has partitions. `ledger` has totals from the
    databases, where they were asked for. `spool` is None while no gateway tells, `sources_stopped` has those that are
    not polled until somebody has looked.
    """

    at: datetime
    rates_over_seconds: float
    stages: list[Stage]
    queues: dict[str, Queue]
    servers: list[Server]
    nodes: list[Node]
    processes: list[Process]
    breakers: list[str]
    pushes_stopped: bool
    cycle: Progress | None
    rates: dict[str, date]
    days_ahead: dict[str, int]
    ledger: dict[str, int] | None = None
    spool: Spool | None = None
    sources_stopped: list[str] = field(default_factory=list)

    @property
    def work(self) -> list[Work]:
        """All work queues, in the order of the flow."""
        return [work for stage in self.stages for work in stage.queues]


def decode(body: bytes) -> Snapshot:
    """The snapshot in a JSON object; what it says beside is left out.

    Raises:
        UnreadableError: it is none.
    """
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise UnreadableError("no_snapshot", str(error)) from None
