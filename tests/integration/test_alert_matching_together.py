"""Messages that are matched together: as if one after the other, but dearer falls of an alert are never told of."""

from datetime import timedelta

import pyarrow as pa
import pytest

from fleet.servers.ports import free_ports
from shared import metrics
from shared.databases import open_engine
from shared.deliveries import Context, Delivery, Done, Park
from shared.errors import UnavailableError, UnreadableError
from shared.fakes import FakeAcknowledger
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES
from tests.integration.alert_rows import (
    DAY,
    ROUTE,
    SHARD_MAP,
    Document,
    Stage,
    alert_row,
    batch,
    change,
    fired_alerts,
    stage,
    store_alerts,
)

__all__ = ["stage"]

ELSEWHERE = "PAR-ROM"


def in_dictionaries(*documents: Document) -> Delivery:
    """A message as price workers publish it: texts dictionary-encoded."""
    rows = decode(CHANGES, batch(CHANGES, *documents).body, ARROW).rows
    columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in rows.columns]
    body = encode(CHANGES, pa.record_batch(columns, names=rows.schema.names))
    return Delivery(body, ARROW, Context(cycle="c1"), None, FakeAcknowledger())


def of_cycle(cycle: str, *documents: Document) -> Delivery:
    delivery = batch(CHANGES, *documents)
    return Delivery(delivery.body, delivery.content_type, Context(cycle=cycle), None, FakeAcknowledger())


async def test_messages_of_any_encoding_claim_what_each_would_have_claimed(stage: Stage) -> None:
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    armed = await store_alerts(
        stage.engines, *(alert_row(10_000, departure_from=day, departure_to=day) for day in days)
    )
    falls = [change(9_000 - offset, 12_000, departure_date=day) for offset, day in enumerate(days)]
    matched = metrics.CHANGES_MATCHED._value.get()
    messages = [batch(CHANGES, falls[0]), in_dictionaries(falls[1], falls[2]), in_dictionaries(falls[3])]
    assert await stage.changes(messages) == [Done()] * 3
    assert set(await fired_alerts(stage.engines)) == set(armed)
    assert sorted(stage.prices_told) == [8_997, 8_998, 8_999, 9_000]
    assert metrics.CHANGES_MATCHED._value.get() - matched == 4


async def test_of_two_falls_in_two_messages_an_alert_tells_of_the_cheaper(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    messages = [batch(CHANGES, change(9_000, 12_000)), batch(CHANGES, change(8_000, 12_000, flight_number="99"))]
    assert await stage.changes(messages) == [Done(), Done()]
    assert stage.prices_told == [8_000]
    assert await fired_alerts(stage.engines) == {armed: (1, 7_840)}


async def test_messages_of_two_cycles_stay_apart_and_say_which_they_are_of(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    messages = [of_cycle("a", change(9_000, 12_000)), of_cycle("b", change(8_000, 12_000, flight_number="99"))]
    assert await stage.changes(messages) == [Done(), Done()]
    assert [message.headers and message.headers["cycle"] for message in stage.broker.published] == ["a", "b"]


async def test_while_a_shard_is_down_each_message_has_its_own_part_parked(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000, ELSEWHERE))
    here, there = (SHARD_MAP.shard_of(route) for route in (ROUTE, ELSEWHERE))
    assert here != there, "the test needs two shards"
    down = open_engine(
        f"postgresql://nobody:secret@127.0.0.1:{free_ports(1)[0]}/none", application="tests", pool_size=1
    )
    crippled = Stage([down if i == here else engine for i, engine in enumerate(stage.engines)], stage.boards)
    crippled.broker = stage.broker
    elsewhere = change(9_000, 12_000, origin="CDG", destination="FCO")
    settlements = await crippled.changes([batch(CHANGES, change(9_000, 12_000), elsewhere), batch(CHANGES, elsewhere)])
    assert isinstance(settlements[0], Park)
    assert settlements[1] == Done()
    parked = decode(CHANGES, settlements[0].body or b"", settlements[0].content_type).rows.to_pylist()
    assert [row["origin"] for row in parked] == ["JFK"]
    assert set(await fired_alerts(stage.engines)) == {armed}
    await down.dispose()


async def test_a_message_that_cannot_be_read_is_the_consumers_to_part_from_the_others(stage: Stage) -> None:
    good, bad = (
        batch(CHANGES, change(9_000, 12_000)),
        Delivery(b"{}", ARROW, Context(cycle="c1"), None, FakeAcknowledger()),
    )
    with pytest.raises(UnreadableError):
        await stage.changes([good, bad])
    assert stage.told == []


async def test_without_a_broker_nothing_is_claimed_and_nothing_is_tried_twice(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    stage.broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await stage.changes([batch(CHANGES, change(9_000, 12_000)), batch(CHANGES, change(8_000, 12_000))])
    assert await fired_alerts(stage.engines) == {}
