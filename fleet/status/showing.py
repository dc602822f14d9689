"""A snapshot as a person reads it: first what is late or wrong, then the flow, the cycle, servers and processes.

Fits 100 columns by 40 lines, and 80 columns; colour only repeats what words and numbers say.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from fleet.status.figures import duration, figure
from fleet.status.findings import LATE_S, Finding, Severity, findings, late_after, state
from fleet.status.snapshot import Process, Progress, Server, Snapshot, Spool, Work
from shared.sweeps import Swept

_STYLES: Final = {"ok": "green", Severity.DEGRADED: "yellow", Severity.DOWN: "bold red"}
_BARS: Final = (("compared", "published", "fares"), ("matched", "changed", "changes"), ("told", "claimed", "notices"))
_BAR_WIDTH: Final = 30
_WITH_A_SPOOL: Final = "ingest_gateway"
_BEGINNING_S: Final = 10.0  # so long some stage of a cycle may have done nothing yet


def page(snapshot: Snapshot, most_findings: int | None = None) -> RenderableType:
    """All of it; of the findings only so many, if that is given."""
    found = findings(snapshot)
    parts: list[RenderableType] = [_headline(snapshot, found), _findings(found, most_findings), Text(), _flow(snapshot)]
    if snapshot.cycle:
        parts += [Text(), _cycle(snapshot.cycle, snapshot.at)]
    parts += [Text(), _servers(snapshot), Text(), _processes(snapshot.processes), Text(), _rates(snapshot)]
    if snapshot.ledger:
        parts += [Text(), _totals(snapshot.ledger)]
    return Group(*parts)


def _headline(snapshot: Snapshot, found: Sequence[Finding]) -> Text:
    how = state(found)
    return Text.assemble(
        (how.upper(), _STYLES[how]),
        f"  {_clock(snapshot.at)}  ",
        "nothing is late or wrong" if how == "ok" else "what to do: docs/runbooks/<name on the right>.md",
    )


def _findings(found: Sequence[Finding], most: int | None) -> Table:
    table = Table.grid(Column(), Column(ratio=1), Column(justify="right", no_wrap=True), padding=(0, 1), expand=True)
    for finding in found[:most]:
        style = _STYLES[finding.severity]
        table.add_row(Text("!", style), Text(finding.text, style), Text(finding.runbook, "dim"))
    if left := len(found[most:]) if most is not None else 0:
        table.add_row("", f"and {left} more: `./farelark status --once`")
    return table


def _flow(snapshot: Snapshot) -> Table:
    headings = ("ready", "in hand", "msg/s", "rows/s", "age", "cons.", "retry", "dead")
    table = Table("queue", *(Column(heading, justify="right", no_wrap=True) for heading in headings), box=None)
    table.padding = (0, 1, 0, 0)
    for stage in snapshot.stages:
        name = Text.assemble((stage.service, "bold"), (f" {stage.rows}", "dim"))
        table.add_row(name, "", "", "", figure(stage.rows_per_second))
        for work in stage.queues:
            table.add_row(*_line(work))
        if stage.service == _WITH_A_SPOOL and snapshot.spool:
            table.add_row(*_spool_line(snapshot.spool))
    return table


def _spool_line(spool: Spool) -> Iterator[Text]:
    age = spool.age_seconds
    yield Text(" its spool, batches")
    yield Text(figure(spool.batches), "yellow" if spool.batches else "")
    yield from (Text(), Text(), Text())
    yield Text(duration(age) if spool.batches else "-", "yellow" if age > LATE_S else "")


def _line(work: Work) -> Iterator[Text]:
    age = work.oldest_price_age_seconds
    alone = work.consumers == 0
    yield Text(f" {work.queue}")
    yield Text(figure(work.ready), "bold red" if alone and work.ready else "")
    yield Text(figure(work.in_hand))
    yield Text(figure(work.messages_per_second))
    yield Text()
    yield Text(duration(age) if age else "-", "yellow" if age > late_after(work.queue) else "")
    yield Text(figure(work.consumers), "yellow" if alone else "")
    yield Text(figure(work.retry))
    yield Text(figure(work.dead), "yellow" if work.dead else "")


def _cycle(cycle: Progress, now: datetime) -> RenderableType:
    age = (now - cycle.started).total_seconds()
    title = f"cycle {cycle.id}, started {_clock(cycle.started)}, {duration(age)} ago{_left(cycle, age)}"
    bars = Table.grid(padding=(0, 1))
    for stage, of, rows in _BARS:
        done, all_of_it = cycle.counts.get(stage, 0), cycle.counts.get(of, 0)
        bar = ProgressBar(total=max(all_of_it, 1), completed=done, width=_BAR_WIDTH)
        # What somebody publishes by hand is not counted before it is compared.
        bars.add_row(f" {stage}", bar, f"{done:,} {rows}" if done > all_of_it else f"{done:,} of {all_of_it:,} {rows}")
    ended = [Text(_swept(cycle.swept))] if cycle.swept else []
    return Group(Text(title, no_wrap=True, overflow="ellipsis"), bars, *ended)


def _swept(swept: Swept) -> str:
    """How polling its source ended: the two counts that there always are, and those that tell of trouble."""
    counts = swept.counts
    rarer = {"set aside": counts.set_aside, "skipped": counts.skipped, "given up": counts.failed}
    told = [f"{counts.fares:,} fares", f"{counts.requests:,} requests"]
    told += [f"{count:,} {what}" for what, count in rarer.items() if count]
    return f" its source: {swept.ending.replace('_', ' ')} at {_clock(swept.at)}, {', '.join(told)}"


def _left(cycle: Progress, age: float) -> str:
    if cycle.seconds_left is None:
        return ", stands still" if age > _BEGINNING_S else ", begins"
    return f", {duration(cycle.seconds_left)} left" if cycle.seconds_left else ", done"


def _servers(snapshot: Snapshot) -> Columns:
    running = sum(node.running for node in snapshot.nodes)
    nodes = f" ({running} of {len(snapshot.nodes)} nodes)" if len(snapshot.nodes) > 1 else ""
    states = [_server(server, nodes if server.name == "rabbitmq" else "") for server in snapshot.servers]
    return Columns(states, padding=(0, 2))


def _server(server: Server, nodes: str) -> Text:
    if not server.up:
        return Text(f"{server.name} AWAY", "bold red")
    return Text.assemble(server.name, (f" {server.milliseconds:.0f} ms{nodes}", "green"))


def _processes(processes: Sequence[Process]) -> Table:
    each_in_one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    table = Table.grid(Column(no_wrap=True), Column(no_wrap=True), each_in_one_line, padding=(0, 1), expand=True)
    ordered = sorted(processes, key=lambda process: (process.service, process.ready, process.name))
    for service, group in groupby(ordered, key=lambda process: process.service):
        members = list(group)
        ready = sum(process.ready for process in members)
        style = "green" if ready == len(members) else "yellow" if ready else "bold red"
        each = Text("  ").join(_process(process) for process in members)
        table.add_row(service, Text(f"{ready} of {len(members)} ready", style), each)
    return table


def _process(process: Process) -> Text:
    name = f"pid {process.pid}" if process.pid else process.at
    if process.missing is None:
        return Text(f"{name} does not answer", "bold red")
    if process.ready:
        return Text(name, "dim")
    return Text(f"{name} waits for {', '.join(process.missing) or 'its start'}", "yellow")


def _rates(snapshot: Snapshot) -> Text:
    days = sorted({str(day) for day in snapshot.rates.values()})
    return Text(f"exchange rates of {', '.join(days)}" if days else "no shard says which exchange rates are in use")


def _totals(ledger: dict[str, int]) -> Table:
    table = Table.grid(Column(), Column(justify="right"), padding=(0, 2))
    for name, number in ledger.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    return table


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"
