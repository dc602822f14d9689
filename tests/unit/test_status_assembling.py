"""How what servers and processes have answered becomes one snapshot."""

import msgspec
import pytest

from fleet.status.assembling import assemble
from fleet.status.exposition import Told
from fleet.status.pace import Pace
from fleet.status.probes import Answers, Broker
from fleet.status.report import report
from fleet.status.snapshot import Progress, Snapshot, Spool
from shared.cycles import Cycle, Stage
from shared.sweeps import SweepCounts, SweepEnding, Swept
from tests.unit.snapshots import NOW, process


def of(*told: Told) -> Snapshot:
    answers = Answers(servers=[], broker=Broker(), cycle=None, rates={})
    return assemble(NOW, answers, [(process("ingest_gateway"), each) for each in told], {}, Pace())


def test_stages_and_queues_stand_in_the_order_of_the_flow() -> None:
    stages = [(stage.service, [work.queue for work in stage.queues]) for stage in of().stages]
    assert stages == [
        ("ingest_gateway", []),
        ("price_worker", ["fares.live", "fares.ingest"]),
        ("alert_worker", ["changes.alerts", "alerts.evaluate"]),
        ("history_worker", ["changes.history"]),
        ("notifier", ["notifications.urgent", "notifications.standard", "notifications.digest"]),
    ]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], None),
        ([Told()], None),
        ([Told(spooled=0), Told()], Spool(0, 0.0)),
        ([Told(spooled=2, spool_age=3.0), Told(spooled=5, spool_age=4.0)], Spool(5, 4.0)),
    ],
)
def test_the_spool_is_one_whoever_tells_of_it(told: list[Told], expected: Spool | None) -> None:
    assert of(*told).spool == expected


def test_a_cycle_has_what_its_source_said_at_its_end() -> None:
    swept = Swept(NOW, SweepEnding.AWAY, SweepCounts(requests=7))
    cycle = Cycle("duffel-1", NOW, {Stage.COMPARED: 5}, swept)
    snapshot = assemble(NOW, Answers([], Broker(), cycle, {}), [], {}, Pace())
    assert snapshot.cycle == Progress("duffel-1", NOW, {"compared": 5}, 0.0, swept)
    assert msgspec.json.decode(report(snapshot))["cycle"]["swept"]["counts"]["requests"] == 7


def test_a_source_is_stopped_whichever_gateway_says_so() -> None:
    snapshot = of(Told(sources_stopped={"duffel"}), Told(), Told(sources_stopped={"amadeus", "duffel"}))
    assert snapshot.sources_stopped == ["amadeus", "duffel"]
