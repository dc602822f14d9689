"""JSON batches: an array of documents, of which single bad ones are set aside by reason."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, time
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from msgspec.structs import asdict

from shared.errors import UnreadableError

_FIELD_IN_ERROR = re.compile(r"`\$\.(\w+)")
_MISSING_FIELD = re.compile(r"missing required field `(\w+)`")
_INTEGER = re.compile(rb"-?[0-9]{1,18}\Z")  # fits 64 bits; no fraction, no exponent
_MINUTE = re.compile(r"[0-2][0-9]:[0-5][0-9]\Z")


class _BadFieldError(ValueError):
    """One field of one document cannot be read."""


def split(body: bytes) -> list[msgspec.Raw]:
    """The documents of a JSON array, each yet to be read.

    Raises:
        UnreadableError: the body is not UTF-8 or not a JSON array.
    """
    try:
        body.decode()
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError("json_malformed", str(error)) from error


def rows_from_json(
    raws: Iterable[msgspec.Raw], document: type[msgspec.Struct], schema: pa.Schema
) -> tuple[pa.RecordBatch, dict[str, int]]:
    """Read JSON documents into rows.

    Returns:
        The rows of all documents that could be read, and how many could not, by reason.
    """
    read, faults = DocumentReader(document, schema).read(raws)
    return pa.RecordBatch.from_pylist(read, schema=schema), Counter(reason for _, reason in faults)


class DocumentReader:
    """Reads JSON documents of one kind.

    Args:
        document: the kind, with numbers left raw.
        schema: the columns, named as the document's fields, whose values they become.
    """

    def __init__(self, document: type[msgspec.Struct], schema: pa.Schema) -> None:
        self._decoder = msgspec.json.Decoder(document)
        self._conversions = [(field.name, convert) for field in schema if (convert := _conversion_to(field))]

    def read(self, raws: Iterable[msgspec.Raw]) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
        """Read documents one by one.

        Returns:
            The values of each that could be read, by column; and of the others their positions, and why not.
        """
        read, faults = [], []
        for position, raw in enumerate(raws):
            try:
                read.append(self._read(raw))
            except (msgspec.DecodeError, _BadFieldError, RecursionError) as error:
                faults.append((position, _reason(error)))
        return read, faults

    def _read(self, raw: msgspec.Raw) -> dict[str, Any]:
        values = asdict(self._decoder.decode(raw))
        for name, convert in self._conversions:
            values[name] = convert(name, values[name])
        return values


Convert = Callable[[str, Any], Any]


def _conversion_to(field: pa.Field) -> Convert | None:
    """How a value of a document becomes one of this column; None: as it is."""
    if pa.types.is_integer(field.type):
        convert = _small_integer if pa.types.is_uint8(field.type) else _integer
        return partial(convert, nullable=field.nullable)
    if pa.types.is_timestamp(field.type):
        return _instant
    return _time if pa.types.is_time(field.type) else None


def _integer(name: str, raw: msgspec.Raw, *, nullable: bool) -> int | None:
    digits = bytes(raw)
    if _INTEGER.match(digits):
        return int(digits)
    if digits == b"null" and nullable:
        return None
    raise _BadFieldError(name)


def _small_integer(name: str, raw: msgspec.Raw, *, nullable: bool) -> int | None:
    value = _integer(name, raw, nullable=nullable)
    if value is None or 0 <= value <= 255:  # noqa: PLR2004  # what a uint8 holds
        return value
    raise _BadFieldError(name)


def _instant(name: str, value: datetime) -> datetime:
    with suppress(OverflowError):  # the calendar's first and last hours may have no equivalent in UTC
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    raise _BadFieldError(name)


def _time(name: str, value: str | None) -> time | None:
    if value is None:
        return None
    if not _MINUTE.match(value) or value >= "24:00":
        raise _BadFieldError(name)
    return time.fromisoformat(value)


def _reason(error: Exception) -> str:
    if isinstance(error, _BadFieldError):
        return f"{error}_malformed"
    if missing := _MISSING_FIELD.search(str(error)):
        return f"{missing[1]}_missing"
    if misshapen := _FIELD_IN_ERROR.search(str(error)):
        return f"{misshapen[1]}_malformed"
    return "document_malformed"
