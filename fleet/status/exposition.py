"""What one process tells of itself at /metrics, as far as a look at the fleet needs it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_SETTLED: Final = "farelark_messages_total"
_AGE: Final = "farelark_oldest_price_age_seconds"
_BREAKER: Final = "farelark_breaker_state"
_STOPPED: Final = "farelark_pushes_stopped"
_SPOOLED: Final = "farelark_spooled_batches"
_SPOOL_AGE: Final = "farelark_spool_age_seconds"
_SOURCE_STOPPED: Final = "farelark_source_stopped"
# What each service works on: how it is called, and the counter of it.
ROWS: Final = {
    "ingest_gateway": ("fares", "farelark_ingested_fares_total"),
    "price_worker": ("fares", "farelark_fares_total"),
    "alert_worker": ("changes", "farelark_changes_matched_total"),
    "history_worker": ("changes", "farelark_history_changes_total"),
    "notifier": ("notices", "farelark_notifications_total"),
}
_COUNTERS: Final = frozenset({_SETTLED, *(metric for _, metric in ROWS.values())})
_WANTED: Final = (*_COUNTERS, _AGE, _BREAKER, _STOPPED, _SPOOLED, _SPOOL_AGE, _SOURCE_STOPPED)


@dataclass
class Told:
    """What a process has told.

    Attributes:
        counted: by queue, the messages that it has settled; by metric, the rows that it has worked on.
        ages: seconds, by queue: the oldest price in work.
        breakers: those that are not closed.
        pushes_stopped: whether it holds pushes back because somebody told it to.
        spooled: batches in the gateways' spool; None if it does not know.
        spool_age: seconds that the oldest of them has lain there.
        sources_stopped: those that are not polled until somebody has looked.
    """

    counted: Counter[str] = field(default_factory=Counter)
    ages: dict[str, float] = field(default_factory=dict)
    breakers: set[str] = field(default_factory=set)
    pushes_stopped: bool = False
    spooled: int | None = None
    spool_age: float = 0.0
    sources_stopped: set[str] = field(default_factory=set)


def read(exposition: str) -> Told:
    """Read the few families that count here.

    Raises:
        ValueError: it is no exposition.
    """
    told = Told()
    wanted = "\n".join(line for line in exposition.splitlines() if line.startswith(_WANTED))
    for family in text_string_to_metric_families(wanted + "\n"):
        for sample in family.samples:
            _note(told, sample.name, sample.labels, sample.value)
    return told


def _note(told: Told, name: str, labels: dict[str, str], value: float) -> None:
    if name in _COUNTERS:
        told.counted[labels["queue"] if name == _SETTLED else name] += int(value)
    elif name == _AGE:
        told.ages[labels["queue"]] = value
    elif name == _BREAKER and value and labels["state"] != "closed":
        told.breakers.add(labels["breaker"])
    elif name == _STOPPED:
        told.pushes_stopped = bool(value)
    elif name == _SPOOLED:
        told.spooled = int(value)
    elif name == _SPOOL_AGE:
        told.spool_age = value
    elif name == _SOURCE_STOPPED and value:
        told.sources_stopped.add(labels["source"])
