"""Progress as a person sees it: a table that updates in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.table import Table

from fleet.chain import Depths, Look, Metrics
from shared.topology import CHANGES_ALERTS, CHANGES_HISTORY, FARES_INGEST, FARES_LIVE, LANES, WorkQueue


class Stage(NamedTuple):
    """A service, the queues that it works on, what it counts and by which metric."""

    service: str
    queues: tuple[WorkQueue, ...]
    what: str
    metric: str


_PLAIN_LINE_EVERY_S: Final = 2.0
_STAGES: Final = (
    Stage("price_worker", (FARES_LIVE, FARES_INGEST), "fares compared", "farelark_fares_total"),
    Stage("alert_worker", (CHANGES_ALERTS,), "changes matched", "farelark_changes_matched_total"),
    Stage("history_worker", (CHANGES_HISTORY,), "changes kept", "farelark_history_changes_total"),
    Stage("notifier", tuple(LANES.values()), "pushes sent", "farelark_pushes_total"),
)


class StageDisplay:
    """What each stage has done, how fast, and what waits before it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._started = time.monotonic()
        self._next_line = 0.0

    @contextmanager
    def running(self) -> Iterator["StageDisplay"]:
        """Show the display while the block runs."""
        self._started = time.monotonic()
        if self._live is None:
            yield self
            return
        with self._live:
            yield self

    def update(self, title: str, look: Look, before: Look) -> None:
        """Show what was done since `before`, and what waits now."""
        metrics = {name: value - before.metrics.get(name, 0) for name, value in look.metrics.items()}
        seconds = max(time.monotonic() - self._started, 0.001)
        if self._live is not None:
            self._live.update(_table(title, metrics, look.depths, seconds), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _PLAIN_LINE_EVERY_S
            done = ", ".join(f"{stage.what} {metrics.get(stage.metric, 0):,.0f}" for stage in _STAGES)
            self._console.print(f"{seconds:6.1f} s  {title}: {done}", highlight=False)


def _table(title: str, metrics: Metrics, depths: Depths, seconds: float) -> Table:
    table = Table(title=f"{title}, {seconds:.0f} s", title_justify="left")
    for heading in ("stage", "done", "", "per second", "ready", "in hand"):
        table.add_column(heading, justify="left" if heading in {"stage", ""} else "right")
    for stage in _STAGES:
        done = metrics.get(stage.metric, 0)
        counted = (stage.service, f"{done:,.0f}", stage.what, f"{done / seconds:,.0f}")
        table.add_row(*counted, *_waiting(stage.queues, depths))
        for queue in stage.queues if len(stage.queues) > 1 else ():
            table.add_row(f"  {queue.name.rpartition('.')[2]}", "", "", "", *_waiting([queue], depths))
    return table


def _waiting(queues: Sequence[WorkQueue], depths: Depths) -> tuple[str, str]:
    known = [depths[queue.name] for queue in queues if queue.name in depths]
    if not known:
        return "-", "-"
    return f"{sum(depth.ready for depth in known):,}", f"{sum(depth.in_hand for depth in known):,}"
