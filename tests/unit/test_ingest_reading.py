"""Which of the fares that a producer sends are its own, and what it is told about the others."""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from services.ingest_gateway.http.documents import OwnFares
from services.ingest_gateway.http.parameters import Parameters, read_parameters
from services.ingest_gateway.http.receipts import MOST_SET_ASIDE, Outcome
from services.ingest_gateway.http.record_batches import read_rows
from services.ingest_gateway.http.refusals import RefusedError, TooLargeError
from services.ingest_gateway.intake.taken import Taken
from shared.errors import UnreadableError
from shared.fare_lanes import Lane
from shared.messages.batches import encode
from shared.messages.changes import CHANGES
from shared.messages.fares import FARES
from tests.unit.fares import Document, arrow_of, change, fare, rows_of


def raws(*documents: object) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(document).encode()) for document in documents]


def without(field: str) -> Document:
    return {name: value for name, value in fare().items() if name != field}


def streamed(*batches: pa.RecordBatch) -> bytes:
    """One stream of several record batches."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return bytes(sink.getvalue())


def test_a_fare_without_a_source_is_the_keys() -> None:
    own = OwnFares("test")
    own.read(raws(without("source"), fare(source=None), fare()), 0)
    assert [read["source"] for read in own.fares] == ["test"] * 3
    assert own.faults == []


def test_a_fare_of_another_source_is_set_aside() -> None:
    own = OwnFares("test")
    own.read(raws(fare(source="other"), fare(source=""), fare()), 10)
    assert own.faults == [(10, "source_foreign"), (11, "source_foreign")]
    assert own.positions == [12]


def test_positions_go_on_from_one_reading_to_the_next() -> None:
    own = OwnFares("test")
    own.read(raws(fare(), 5, fare(price=1)), 0)
    own.read(raws(without("price"), fare(price=2)), 3)
    assert own.faults == [(1, "document_malformed"), (3, "price_missing")]
    assert list(zip(own.positions, [read["price"] for read in own.fares], strict=True)) == [(0, 39_900), (2, 1), (4, 2)]


def test_further_members_mean_nothing() -> None:
    own = OwnFares("test")
    own.read(raws(fare(id=7, user_id="me", offer={"origin": 1})), 0)
    assert set(own.fares[0]) == set(FARES.fields.names)


def test_rows_without_a_source_are_the_keys_and_those_of_another_are_set_aside() -> None:
    body = arrow_of(FARES, fare(source=None), fare(source="other", price=1), fare(price=2))
    own = read_rows(body, "test")
    assert own.rows["source"].to_pylist() == ["test", "test"]
    assert own.rows["price"].to_pylist() == [39_900, 2]
    assert (own.positions, own.faults, own.count) == ([0, 2], [(1, "source_foreign")], 3)


def test_several_record_batches_are_one() -> None:
    first, second = rows_of(FARES, fare(price=1), fare(price=2)), rows_of(FARES, fare(price=3))
    own = read_rows(streamed(first, first.slice(0, 0), second), "test")
    assert own.rows["price"].to_pylist() == [1, 2, 3]
    assert own.rows.schema.names == FARES.schema.names


def with_dictionaries(indices: pa.DataType, *documents: Document, **long: str) -> pa.RecordBatch:
    """Rows with their texts in dictionaries, or of one column with this text in all rows."""
    rows = rows_of(FARES, *documents)
    kind = pa.dictionary(indices, pa.string())
    columns = [column.dictionary_encode().cast(kind) if column.type == pa.string() else column for column in rows]
    for name, text in long.items():
        every = pa.array([0] * len(documents), indices)
        columns[FARES.schema.get_field_index(name)] = pa.DictionaryArray.from_arrays(every, pa.array([text]))
    fields = [pa.field(name, column.type) for name, column in zip(FARES.schema.names, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata=FARES.schema.metadata))


def test_texts_may_come_as_dictionaries_that_change() -> None:
    first = with_dictionaries(pa.int32(), fare(origin="LGA"))
    second = with_dictionaries(pa.int32(), fare(origin="EWR"), fare(source="other"))
    own = read_rows(streamed(first, second), "test")
    assert own.rows["origin"].cast(pa.string()).to_pylist() == ["LGA", "EWR"]
    assert own.faults == [(2, "source_foreign")]


def test_dictionaries_with_small_indices_may_have_more_texts_together_than_such_an_index_can_say() -> None:
    """So pandas writes its categories: with as few bits as each batch can do with."""
    flights = [str(number) for number in range(1, 201)]
    halves = [
        with_dictionaries(pa.int8(), *(fare(flight_number=flight) for flight in half))
        for half in (flights[:100], flights[100:])
    ]
    own = read_rows(streamed(*halves), "test")
    assert own.rows["flight_number"].cast(pa.string()).to_pylist() == flights


def test_a_long_text_of_a_dictionary_is_not_written_out_for_every_row() -> None:
    """Else a small body would take all memory; as many bytes as here would not even fit into a column."""
    own = read_rows(streamed(with_dictionaries(pa.int8(), *[fare()] * 1_100, source="x" * 2_000_000)), "test")
    assert (len(own.faults), own.count) == (1_100, 1_100)


def test_a_long_dictionary_is_not_checked_for_each_of_a_thousand_record_batches() -> None:
    """It is sent once: a small body could have a gateway look at sixteen gigabytes."""
    long = with_dictionaries(pa.int8(), fare(), source="x" * 2_000_000)
    assert read_rows(streamed(*[long] * 10), "test").count == 10
    with pytest.raises(UnreadableError, match="several_record_batches: 600 with long dictionaries; send fewer"):
        read_rows(streamed(*[long] * 600), "test")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "arrow_malformed"),
        (b"nonsense", "arrow_malformed"),
        (arrow_of(FARES, fare())[:-200], "arrow_malformed"),
        (arrow_of(FARES, fare()) + b"more", "trailing_bytes"),
        (arrow_of(CHANGES, change()), "wrong_schema"),
        (encode(FARES, rows_of(FARES)), "no_fares"),
        (streamed(*[rows_of(FARES).slice(0, 0)] * 1_001), "several_record_batches"),
    ],
)
def test_streams_that_cannot_be_read_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_rows(body, "test")


def test_one_row_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest_gateway.http.splitting.MOST_FARES", 2)
    assert read_rows(arrow_of(FARES, *[fare()] * 2), "test").count == 2
    with pytest.raises(TooLargeError, match="at most 2 fares"):
        read_rows(arrow_of(FARES, *[fare()] * 3), "test")


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (b"", Parameters(Lane.LIVE, None)),
        (b"lane=sweep", Parameters(Lane.SWEEP, None)),
        (b"cycle=test-20261122T060000Z&lane=live&more=1", Parameters(Lane.LIVE, "test-20261122T060000Z")),
    ],
)
def test_the_query_says_lane_and_cycle(query: bytes, parameters: Parameters) -> None:
    assert read_parameters(query) == parameters


@pytest.mark.parametrize(
    "query",
    [
        b"lane=",
        b"lane=LIVE",
        b"lane=%00",
        b"cycle=",
        b"cycle=a%0A",
        b"cycle=a%20b",
        b"cycle=%ff",
        b"cycle=" + b"a" * 101,
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: bytes) -> None:
    with pytest.raises(RefusedError, match=r"^(lane|cycle): "):
        read_parameters(query)


def test_a_receipt_has_positions_in_the_request_and_in_order() -> None:
    outcome = Outcome(5, [(4, "source_foreign")])
    outcome.note(Taken([(1, "price_missing")], spooled=True), [0, 2, 3])
    outcome.note(Taken([], spooled=False), [1])
    assert receipt_of(outcome) == {
        "accepted": 3,
        "set_aside": [{"position": 2, "reason": "price_missing"}, {"position": 4, "reason": "source_foreign"}],
        "set_aside_total": 2,
        "stored": "spool",
    }


def test_a_long_list_is_cut_and_its_length_told() -> None:
    receipt = receipt_of(Outcome(2_000, [(position, "price_missing") for position in reversed(range(1_500))]))
    assert (receipt["accepted"], receipt["set_aside_total"], receipt["stored"]) == (500, 1_500, "queue")
    assert [fault["position"] for fault in receipt["set_aside"]] == list(range(MOST_SET_ASIDE))


def receipt_of(outcome: Outcome) -> dict[str, Any]:
    return dict(msgspec.to_builtins(outcome.receipt()))
