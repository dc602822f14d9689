"""Rows become batches: what is no fare is set aside by position, the others go by board with each text once."""

import random
from typing import Any

import pyarrow as pa

from services.ingest_gateway.intake.batches import prepare
from shared.messages.batches import ARROW, MAX_BYTES, decode, encode
from shared.messages.columns import validate
from shared.messages.fares import FARES
from tests.unit.fares import LIFETIME, NOW, fare, nothing_further, rows_of

AIRPORTS = ("JFK", "LHR", "BCN", "BUD", "NRT")


def fares(count: int) -> list[dict[str, Any]]:
    chance = random.Random(7)  # noqa: S311  # the same fares in every run
    return [
        fare(
            origin=origin,
            destination=destination,
            departure_date=f"2026-12-{chance.randint(1, 28):02}",
            flight_number=str(number),
        )
        for number in range(count)
        for origin, destination in [chance.sample(AIRPORTS, 2)]
    ]


def dictionaries(rows: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def read(body: bytes) -> pa.RecordBatch:
    return decode(FARES, body, ARROW).rows


def test_fares_come_out_as_they_went_in_with_those_of_a_board_together() -> None:
    rows = rows_of(FARES, *fares(500))
    count, body, faults = prepare(rows, NOW, LIFETIME)
    assert (count, list(faults)) == (500, [])
    assert sorted(map(str, read(body).to_pylist())) == sorted(map(str, rows.to_pylist()))
    columns, _ = validate(read(body), NOW, LIFETIME, nothing_further)
    boards = columns.board.tolist()
    assert boards == sorted(boards)
    assert len(set(boards)) < 500


def test_fares_of_one_board_keep_their_order_so_that_the_last_of_several_sightings_stays_the_last() -> None:
    rows = rows_of(FARES, *(fare(price=price, destination=to) for price in range(1, 50) for to in ("LHR", "BCN")))
    _, body, _ = prepare(rows, NOW, LIFETIME)
    prices = [row["price"] for row in read(body).to_pylist() if row["destination"] == "LHR"]
    assert prices == list(range(1, 50))


def test_what_is_no_fare_is_told_by_position_and_left_out() -> None:
    documents = [fare(), fare(price=0), fare(origin="LHR"), fare(currency="XXQ"), fare(flight_number="8")]
    count, body, faults = prepare(rows_of(FARES, *documents), NOW, LIFETIME)
    assert count == 2
    assert list(faults) == [(1, "price_missing"), (2, "origin_is_destination"), (3, "currency_unknown")]
    assert {row["flight_number"] for row in read(body).to_pylist()} == {"117", "8"}


def test_where_nothing_is_a_fare_there_is_nothing_to_send() -> None:
    assert prepare(rows_of(FARES, fare(price=-1)), NOW, LIFETIME) == (0, b"", [(0, "price_negative")])


def test_texts_go_once_each_in_fewer_bytes() -> None:
    rows = rows_of(FARES, *fares(2_000))
    _, body, _ = prepare(rows, NOW, LIFETIME)
    assert pa.types.is_dictionary(read(body)["origin"].type)
    assert sorted(read(body)["origin"].dictionary.to_pylist()) == sorted(AIRPORTS)
    assert len(body) < 0.8 * len(encode(FARES, rows))


def test_a_dictionary_from_outside_is_not_passed_on_with_what_no_fare_needs() -> None:
    """A producer's may be as long as a request, and travels with each of its batches."""
    texts = pa.array(["JFK", "X" * (MAX_BYTES + 1), *(f"{number:05}" for number in range(50_000))])
    rows = dictionaries(rows_of(FARES, fare(), fare(flight_number="2")))
    origins = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), texts)
    count, body, faults = prepare(rows.set_column(0, "origin", origins), NOW, LIFETIME)
    assert (count, list(faults)) == (1, [(1, "origin_malformed")])
    assert read(body)["origin"].dictionary.to_pylist() == ["JFK"]


def test_dictionaries_and_plain_texts_make_the_same_batch() -> None:
    rows = rows_of(FARES, *fares(300), fare(carrier=None, departure_time=None))
    assert prepare(dictionaries(rows), NOW, LIFETIME) == prepare(rows, NOW, LIFETIME)


def test_equal_fares_make_an_equal_message_whose_id_tells_a_repeat() -> None:
    documents = fares(50)
    assert prepare(rows_of(FARES, *documents), NOW, LIFETIME) == prepare(rows_of(FARES, *documents), NOW, LIFETIME)
