"""Batches of documents: an Arrow IPC stream with one record batch, or a JSON array of the same documents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec
import pyarrow as pa

from shared.errors import UnreadableError
from shared.messages.arrow_compression import is_compressed
from shared.messages.documents import rows_from_json, split

ARROW: Final = "application/vnd.apache.arrow.stream"
JSON: Final = "application/json"
MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 8 * 1024 * 1024  # 10,000 JSON fares take about 3 MB
_MOST_BYTES_CHECKED: Final = 1024**3  # of one stream, which takes a second


@dataclass(frozen=True, slots=True)
class Contract:
    """The agreed shape of one kind of batch: name and version travel in the Arrow schema's metadata."""

    name: str
    version: int
    fields: pa.Schema
    document: type[msgspec.Struct]
    schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        """Stamp name and version on the schema."""
        stamped = self.fields.with_metadata({"name": self.name, "version": str(self.version)})
        object.__setattr__(self, "schema", stamped)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows that could be read, and the faults of single documents that could not, by reason."""

    rows: pa.RecordBatch
    set_aside: dict[str, int]


def encode(contract: Contract, rows: pa.RecordBatch) -> bytes:
    """The Arrow IPC stream of these rows, whose columns must be the contract's."""
    sink = pa.BufferOutputStream()
    metadata = contract.schema.metadata
    with pa.ipc.new_stream(sink, rows.schema.with_metadata(metadata)) as stream:
        stream.write_batch(rows.replace_schema_metadata(metadata))
    return bytes(sink.getvalue())


def decode(contract: Contract, body: bytes, content_type: str | None) -> Decoded:
    """Read a batch of either content type.

    Raises:
        UnreadableError: the body as a whole cannot be read, has no rows or has more than `MAX_ROWS`.
    """
    if not body:
        raise UnreadableError("empty_body")
    if len(body) > MAX_BYTES:
        raise UnreadableError("body_too_large", f"{len(body)} bytes, at most {MAX_BYTES}")
    if content_type == ARROW:
        rows = _rows_from_arrow(contract, body)
        _check_count(rows.num_rows)
        return Decoded(rows, {})
    if content_type == JSON:
        documents = split(body)
        _check_count(len(documents))  # before any is read: millions of bad ones would hold up the event loop
        return Decoded(*rows_from_json(documents, contract.document, contract.fields))
    raise UnreadableError("wrong_content_type", f"{content_type!r}; {ARROW} or {JSON} is read")


def _check_count(documents: int) -> None:
    if not documents:
        raise UnreadableError("no_rows")
    if documents > MAX_ROWS:
        raise UnreadableError("too_many_rows", f"{documents}, at most {MAX_ROWS}")


def record_batches(contract: Contract, body: bytes, most: int) -> list[pa.RecordBatch]:
    """Read an Arrow IPC stream: its record batches with the contract's columns, checked so that no value can mislead.

    Raises:
        UnreadableError: it cannot be read, has another schema, compressed buffers, more record batches than `most`, or
            a dictionary that is too long for so many.
    """
    try:
        batches = _read_stream(contract, body, most)
        _check_effort(batches)
        for rows in batches:
            rows.validate(full=True)  # offsets and indices come from outside: nothing may point past its buffer
    except (pa.ArrowException, MemoryError, OSError, ValueError) as error:
        raise UnreadableError("arrow_malformed", str(error)[:200]) from error
    return batches


def _check_effort(batches: Sequence[pa.RecordBatch]) -> None:
    """A dictionary is sent once and checked with each record batch that refers to it."""
    size = sum(rows.get_total_buffer_size() for rows in batches)
    if size > _MOST_BYTES_CHECKED:
        raise UnreadableError("several_record_batches", f"{len(batches)} with long dictionaries; send fewer and longer")


def _rows_from_arrow(contract: Contract, body: bytes) -> pa.RecordBatch:
    batches = record_batches(contract, body, most=1)
    if not batches:
        raise UnreadableError("no_rows", "the stream has no record batch")
    return batches[0]


def _read_stream(contract: Contract, body: bytes, most: int) -> list[pa.RecordBatch]:
    source = pa.BufferReader(body)
    _refuse_compression(body)
    with pa.ipc.open_stream(source) as stream:
        _check_contract(contract, stream.schema)
        batches = list(islice(stream, most + 1))
    if len(batches) > most:
        raise UnreadableError("several_record_batches", f"at most {most}")
    if source.tell() != len(body):
        raise UnreadableError("trailing_bytes", f"{len(body) - source.tell()} after the stream's end")
    return [rows.select(contract.schema.names) for rows in batches]


def _refuse_compression(body: bytes) -> None:
    """A few compressed kilobytes may claim gigabytes, so buffers must come as they are."""
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(body)):
        if message.metadata_version != pa.ipc.MetadataVersion.V5:  # V4 knows a second way to declare compression
            raise UnreadableError("old_arrow_format", "metadata of version V5 is read, which Arrow 1.0 brought")
        if is_compressed(message):
            raise UnreadableError("compressed_arrow", "buffers must not be compressed")


def _check_contract(contract: Contract, schema: pa.Schema) -> None:
    metadata = schema.metadata or {}
    if metadata.get(b"name") != contract.name.encode():
        raise UnreadableError("wrong_schema", f"the metadata's name must be {contract.name}")
    if metadata.get(b"version") != str(contract.version).encode():
        raise UnreadableError("unknown_version", f"version {contract.version} is read")
    for wanted in contract.schema:
        positions = schema.get_all_field_indices(wanted.name)
        if len(positions) != 1:
            raise UnreadableError("wrong_schema", f"{len(positions)} columns named {wanted.name}")
        if not _fits(schema.field(positions[0]).type, wanted.type):
            raise UnreadableError("wrong_schema", f"{wanted.name} must be {wanted.type}")


def _fits(actual: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_dictionary(actual) and pa.types.is_string(wanted):
        actual = actual.value_type
    return bool(actual == wanted)
