"""Whatever body arrives, it is read or it is unreadable for a reason; it never does worse."""

import gzip
import struct
from collections.abc import Callable
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import UnreadableError
from shared.messages.arrow_compression import is_compressed
from shared.messages.batches import ARROW, JSON, MAX_BYTES, MAX_ROWS, Contract, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.columns import validate
from shared.messages.fares import FARES, FARES_SCHEMA
from tests.unit.fares import LIFETIME, NOW, arrow_of, change, fare, json_of, nothing_further, rows_of

V4 = pa.ipc.MetadataVersion.V4
CONTRACTS = pytest.mark.parametrize(
    ("contract", "document"), [(FARES, fare), (CHANGES, change)], ids=["fares", "changes"]
)
ROWS = rows_of(FARES, fare(), fare(origin="EWR", return_date="2027-01-03", carrier=None))
STREAM = encode(FARES, ROWS)
NESTED = b"[" * 100_000


def reason_of(body: bytes, content_type: str | None, contract: Contract = FARES) -> str:
    with pytest.raises(UnreadableError) as caught:
        decode(contract, body, content_type)
    return caught.value.reason


def stream_of(*batches: pa.RecordBatch, schema: pa.Schema = FARES_SCHEMA, **options: object) -> bytes:
    """An Arrow stream as a stranger might write it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return bytes(sink.getvalue())


def with_column(name: str, column: pa.Array) -> bytes:
    """The stream of the usual rows, one column in another shape."""
    rows = ROWS.set_column(FARES_SCHEMA.get_field_index(name), name, column)
    return stream_of(rows, schema=rows.schema)


@CONTRACTS
def test_a_batch_comes_back_as_it_was_sent(contract: Contract, document: Callable[[], dict[str, object]]) -> None:
    rows = rows_of(contract, document(), document() | {"return_date": "2027-01-03", "carrier": None})

    decoded = decode(contract, encode(contract, rows), ARROW)

    assert decoded.rows.equals(rows, check_metadata=True)
    assert not decoded.set_aside


@CONTRACTS
def test_json_and_arrow_of_the_same_documents_are_the_same_rows(
    contract: Contract, document: Callable[[], dict[str, object]]
) -> None:
    unknown = {"carrier": None, "flight_number": None, "departure_time": None, "return_date": "2027-01-03"}
    documents = [
        document(),
        document() | unknown,
        document() | {"cabin": "first", "stops": 7, "departure_time": "00:00"},
    ]

    from_json = decode(contract, json_of(*documents), JSON)
    from_arrow = decode(contract, arrow_of(contract, *documents), ARROW)

    assert from_json.rows.equals(from_arrow.rows)
    assert not from_json.set_aside


@CONTRACTS
@pytest.mark.parametrize("content_type", [ARROW, JSON])
def test_a_cut_short_body_is_unreadable_wherever_it_is_cut(
    contract: Contract, document: Callable[[], dict[str, object]], content_type: str
) -> None:
    rows = rows_of(contract, document())
    body = encode(contract, rows) if content_type == ARROW else json_of(document())
    for length in range(len(body)):
        try:
            decoded = decode(contract, body[:length], content_type)
        except UnreadableError:
            continue
        # Arrow's mark of the end is optional; all rows are there before it.
        assert content_type == ARROW
        assert len(body) - length <= 8
        assert decoded.rows.equals(rows)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", ARROW, "empty_body"),
        (b"", JSON, "empty_body"),
        (b"[" + b" " * MAX_BYTES + b"]", JSON, "body_too_large"),
        (STREAM + bytes(MAX_BYTES), ARROW, "body_too_large"),
        (b'["\xff"]', JSON, "not_utf8"),
        (gzip.compress(json_of(fare()), mtime=0), JSON, "not_utf8"),
        (gzip.compress(STREAM, mtime=0), ARROW, "arrow_malformed"),
        (json_of(fare()), ARROW, "arrow_malformed"),
        (STREAM, JSON, "not_utf8"),
        (json_of(fare()) + b"[]", JSON, "json_malformed"),
        (json_of(fare()) + b"\0", JSON, "json_malformed"),
        (b"\xef\xbb\xbf" + json_of(fare()), JSON, "json_malformed"),
        (json_of(fare(price=float("nan"))), JSON, "json_malformed"),
        (json_of(fare(source="\ud800")), JSON, "json_malformed"),  # half a character
        (STREAM + b"\0", ARROW, "trailing_bytes"),
        (STREAM + STREAM, ARROW, "trailing_bytes"),
        (NESTED, JSON, "json_malformed"),
        (NESTED + b"]" * len(NESTED), JSON, "json_malformed"),
        (json_of(fare())[:-2] + b',"extra":' + NESTED + b"]" * len(NESTED) + b"}]", JSON, "json_malformed"),
        (b"{}", JSON, "json_malformed"),
        (b"null", JSON, "json_malformed"),
        (b'"fares"', JSON, "json_malformed"),
        (b"[]", JSON, "no_rows"),
        (stream_of(), ARROW, "no_rows"),
        (stream_of(ROWS.slice(0, 0)), ARROW, "no_rows"),
        (stream_of(ROWS, ROWS), ARROW, "several_record_batches"),
        (b"[" + b"0," * MAX_ROWS + b"0]", JSON, "too_many_rows"),
        (encode(FARES, rows_of(FARES, *[fare()] * (MAX_ROWS + 1))), ARROW, "too_many_rows"),
        (encode(CHANGES, rows_of(CHANGES, change())), ARROW, "wrong_schema"),
        (stream_of(ROWS, compression="lz4"), ARROW, "compressed_arrow"),
        (stream_of(ROWS, compression="zstd"), ARROW, "compressed_arrow"),
        (stream_of(ROWS, metadata_version=V4), ARROW, "old_arrow_format"),
        (stream_of(ROWS, metadata_version=V4, compression="zstd"), ARROW, "old_arrow_format"),
    ],
)
def test_a_body_that_is_no_batch_is_unreadable_with_its_reason(body: bytes, content_type: str, reason: str) -> None:
    assert reason == reason_of(body, content_type)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/json; charset=utf-8", "application/gzip", ARROW.upper()]
)
def test_only_the_two_content_types_are_read(content_type: str | None) -> None:
    assert reason_of(json_of(fare()), content_type) == "wrong_content_type"
    assert reason_of(STREAM, content_type) == "wrong_content_type"


@pytest.mark.parametrize("content_type", [ARROW, JSON])
def test_a_batch_may_be_as_large_as_the_limit(content_type: str) -> None:
    documents = [fare()] * MAX_ROWS
    body = arrow_of(FARES, *documents) if content_type == ARROW else json_of(*documents)

    assert decode(FARES, body, content_type).rows.num_rows == MAX_ROWS


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "wrong_schema"),
        ({"name": "farelark.changes", "version": "1"}, "wrong_schema"),
        ({"name": "farelark.fares"}, "unknown_version"),
        ({"name": "farelark.fares", "version": "2"}, "unknown_version"),
        ({"name": "farelark.fares", "version": "1.0"}, "unknown_version"),
    ],
)
def test_a_stream_names_its_contract_and_a_version_that_is_known(metadata: dict[str, str] | None, reason: str) -> None:
    schema = FARES_SCHEMA.with_metadata(metadata)
    assert reason == reason_of(stream_of(ROWS.replace_schema_metadata(metadata), schema=schema), ARROW)


@pytest.mark.parametrize("name", FARES_SCHEMA.names)
def test_a_column_that_is_missing_doubled_or_of_another_type_is_a_wrong_schema(name: str) -> None:
    position = FARES_SCHEMA.get_field_index(name)
    without = ROWS.remove_column(position)
    doubled = ROWS.append_column(FARES_SCHEMA.field(name), ROWS[name])

    assert reason_of(stream_of(without, schema=without.schema), ARROW) == "wrong_schema"
    assert reason_of(stream_of(doubled, schema=doubled.schema), ARROW) == "wrong_schema"
    assert reason_of(with_column(name, pa.array([1.5, None])), ARROW) == "wrong_schema"


@pytest.mark.parametrize("name", ["origin", "destination", "carrier", "flight_number", "cabin", "currency", "source"])
def test_texts_may_come_dictionary_encoded(name: str) -> None:
    plain, _ = validate(ROWS, NOW, LIFETIME, nothing_further)

    decoded = decode(FARES, with_column(name, ROWS[name].dictionary_encode()), ARROW)
    columns, findings = validate(decoded.rows, NOW, LIFETIME, nothing_further)

    assert findings.good.all()
    assert (columns.board.tolist(), columns.fare.tolist()) == (plain.board.tolist(), plain.fare.tolist())


def test_numbers_may_not_come_dictionary_encoded() -> None:
    assert reason_of(with_column("price", ROWS["price"].dictionary_encode()), ARROW) == "wrong_schema"


def test_columns_may_come_in_any_order_and_unknown_ones_are_left_out() -> None:
    shuffled = ROWS.select(ROWS.schema.names[::-1]).append_column("seats", pa.array([1, 2]))

    assert decode(FARES, stream_of(shuffled, schema=shuffled.schema), ARROW).rows.equals(ROWS)


def test_a_text_that_is_not_utf8_is_malformed() -> None:
    assert reason_of(STREAM.replace(b"JFK", b"J\xffK"), ARROW) == "arrow_malformed"


@pytest.mark.parametrize("seconds", [-1, 86_400])
def test_a_time_outside_the_day_is_malformed(seconds: int) -> None:
    times = pa.Array.from_buffers(pa.time32("s"), 2, [None, pa.py_buffer(struct.pack("<ii", 0, seconds))])
    assert reason_of(with_column("departure_time", times), ARROW) == "arrow_malformed"


def check_harmless(body: bytes) -> None:
    """Read a batch and pack it, which may go wrong in no other way than being unreadable."""
    try:
        rows = decode(FARES, body, ARROW).rows
    except UnreadableError:
        return
    assert validate(rows, NOW, LIFETIME, nothing_further)[0].rows.num_rows <= rows.num_rows


DICTIONARY_STREAM = with_column("origin", ROWS["origin"].dictionary_encode())


@pytest.mark.parametrize("number", [0, 1, 2**31 - 1, 2**31, 2**32 - 1], ids=hex)
@pytest.mark.parametrize("stream", [STREAM, DICTIONARY_STREAM], ids=["plain", "dictionary"])
def test_no_length_or_offset_however_malicious_does_harm(stream: bytes, number: int) -> None:
    for position in range(0, len(stream), 4):
        check_harmless(stream[:position] + struct.pack("<I", number) + stream[position + 4 :])


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_bytes_do_no_harm(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([STREAM, DICTIONARY_STREAM]), label="stream"))
    damage = st.tuples(st.integers(0, len(body) - 1), st.integers(1, 255))
    for position, mask in data.draw(st.lists(damage, min_size=1, max_size=6), label="damage"):
        body[position] ^= mask
    check_harmless(bytes(body))


@pytest.mark.parametrize(
    "metadata", [b"", b"\xff" * 16, struct.pack("<Ii", 4, -1000), struct.pack("<IiHH", 4, -4, 99, 99)]
)
def test_a_header_that_points_outside_itself_is_malformed(metadata: bytes) -> None:
    """pyarrow hands such headers out before it has verified all of them."""
    with pytest.raises(ValueError, match="header of a record batch is malformed"):
        is_compressed(SimpleNamespace(type="record batch", metadata=metadata))


@given(st.binary(min_size=1))
@example(b"\xff\xff\xff\xff\x00\x00\x00\x00")
@example(b"\xff\xff\xff\xff\xff\xff\xff\x7f")
def test_no_bytes_pass_for_an_arrow_stream(body: bytes) -> None:
    assert reason_of(body, ARROW)
