"""The status as a person reads it."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from fleet.status.figures import duration, figure
from fleet.status.report import health, report
from fleet.status.showing import page
from fleet.status.snapshot import Progress, Snapshot, Spool, decode
from shared.errors import UnreadableError
from shared.sweeps import SweepCounts, SweepEnding, Swept
from tests.unit.snapshots import NOW, SERVERS, away, healthy, process, with_work


def shown(snapshot: Snapshot, width: int = 80, most: int | None = None, **options: Any) -> list[str]:  # noqa: ANN401  # a console's
    console = Console(file=StringIO(), width=width, **options)
    console.print(page(snapshot, most))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def busy() -> Snapshot:
    """All that can be long is long, and all that can be wrong is wrong."""
    snapshot = away(healthy(pushes_stopped=True, breakers=["fcm", "shard0"]), *SERVERS)
    pods = [process("price_worker", ready=False, missing=["redis", "rabbitmq_alarm"], pid=0) for _ in range(30)]
    for work in snapshot.work:
        snapshot = with_work(
            snapshot, work.queue, ready=40_000_000, in_hand=9_999, messages_per_second=99_999.0,
            oldest_price_age_seconds=7_000.0, consumers=0, retry=123_456, dead=99_999,
        )  # fmt: skip
    spool = Spool(99_999, 7_000.0)
    return replace(
        snapshot, processes=[*snapshot.processes, *pods], spool=spool, sources_stopped=["a source with a long name"]
    )


@pytest.mark.parametrize("width", [80, 100])
def test_everything_wrong_at_once_fits_the_window(width: int) -> None:
    lines = shown(busy(), width, most=6)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 40
    text = "\n".join(lines)
    for figure_or_name in (
        "1 of 31 ready",
        "40 M",
        "9,999",
        "117 min",
        "123 k",
        "99,999",
        "notifications.standard",
    ):
        assert figure_or_name in text
    assert "more: `./farelark status --once`" in text


def test_what_is_wrong_stands_at_the_top_in_words_without_any_colour() -> None:
    snapshot = with_work(healthy(), "notifications.urgent", ready=3_210, consumers=0)
    lines = shown(snapshot, force_terminal=True, no_color=True)
    assert lines[0].startswith("\x1b[1mDOWN")
    assert "notifications.urgent: 3,210 waiting and nobody consumes them" in lines[1]
    assert "no-consumers" in lines[1]
    assert not any(f"\x1b[{style}" in line for line in lines for style in ("31", "1;31", "33", "32"))


def test_a_healthy_fleet_shows_its_flow_cycle_servers_and_processes() -> None:
    text = "\n".join(shown(healthy()))
    for part in (
        "OK",
        "nothing is late or wrong",
        "ingest_gateway fares",
        "its spool, batches",
        "price_worker fares",
        "118 k",
        "cycle morning, started 08:59:00 UTC, 60 s ago, 12 s left",
        "900 of 1,000 fares",
        "150 of 200 changes",
        "10 of 12 notices",
        "shard1",
        "1 of 1 ready",
        "exchange rates of 2026-11-20",
    ):
        assert part in text
    assert "claims" not in text, "there were no totals"
    assert "claims" in "\n".join(shown(replace(healthy(), ledger={"claims": 7})))


@pytest.mark.parametrize(
    ("age", "left", "text"),
    [
        (5, None, "5 s ago, begins"),
        (60, None, "60 s ago, stands still"),
        (60, 3.0, "60 s ago, 3 s left"),
        (60, 0.0, "60 s ago, done"),
    ],
)
def test_it_says_how_a_cycle_goes_on(age: int, left: float | None, text: str) -> None:
    cycle = Progress("morning", NOW - timedelta(seconds=age), {}, left)
    assert text in "\n".join(shown(healthy(cycle=cycle)))


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (SweepCounts(requests=18, fares=4_120), "4,120 fares, 18 requests"),
        (
            SweepCounts(requests=18, fares=4_120, set_aside=3, skipped=2, failed=1),
            "4,120 fares, 18 requests, 3 set aside, 2 skipped, 1 given up",
        ),
    ],
)
def test_it_says_how_polling_the_source_of_a_cycle_ended(counts: SweepCounts, told: str) -> None:
    swept = Swept(NOW - timedelta(seconds=5), SweepEnding.CUT_SHORT, counts)
    cycle = Progress("duffel-20261122T085900Z", NOW - timedelta(minutes=1), {}, 3.0, swept)
    text = " ".join(" ".join(shown(healthy(cycle=cycle))).split())
    assert f"its source: cut short at 08:59:55 UTC, {told} rabbitmq" in text
    assert "its source" not in "\n".join(shown(healthy()))


def test_the_spool_is_shown_with_its_age_where_a_gateway_tells_of_it() -> None:
    (line,) = (
        line for line in shown(replace(healthy(), spool=Spool(12, 130.0))) if "spool" in line and "!" not in line
    )
    assert line.split() == ["its", "spool,", "batches", "12", "2", "min"]
    assert "spool" not in "\n".join(shown(replace(healthy(), spool=None)))


def test_with_everything_away_there_is_still_a_page() -> None:
    snapshot = away(healthy(queues={}, nodes=[], processes=[], cycle=None, rates={}, days_ahead={}), *SERVERS)
    for work in snapshot.work:
        snapshot = with_work(
            snapshot, work.queue, ready=None, in_hand=None, messages_per_second=None,
            oldest_price_age_seconds=0.0, consumers=None, retry=None, dead=None,
        )  # fmt: skip
    text = "\n".join(shown(snapshot))
    assert "DOWN" in text
    assert "no shard says which exchange rates are in use" in text


def test_the_json_of_a_fleet_elsewhere_is_the_same_snapshot() -> None:
    body = report(healthy())
    assert decode(body) == healthy()
    assert msgspec.json.decode(body)["status"] == "ok"


def test_another_json_is_no_snapshot() -> None:
    for body in (b"{}", b"not found", b'{"status":"starting"}'):
        with pytest.raises(UnreadableError):
            decode(body)


def test_health_is_short_and_names_what_is_away() -> None:
    answer = msgspec.json.decode(health(away(healthy(), "shard1")))
    assert answer == {
        "status": "degraded",
        "findings": [
            {
                "severity": "degraded",
                "text": "shard1 is away: no answer within 1.5 s; its routes wait",
                "runbook": "shard-down",
            }
        ],
        "servers": dict.fromkeys(SERVERS, "up") | {"shard1": "away"},
    }


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.4, "0.4"),
        (9.96, "10"),
        (99_999, "99,999"),
        (118_402.4, "118 k"),
        (40_000_000, "40 M"),
    ],
)
def test_a_figure_takes_seven_characters_at_the_most(number: float | None, text: str) -> None:
    assert figure(number) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 days")]
)
def test_a_time_is_said_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
