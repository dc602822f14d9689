"""JSON batches: an array of documents, of which single bad ones are set aside by reason."""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, time
from typing import Any

import msgspec
import pyarrow as pa

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
    set_aside: Counter[str] = Counter()
    documents = []
    decoder = msgspec.json.Decoder(document)
    for raw in raws:
        try:
            documents.append(_read(decoder, raw, schema))
        except (msgspec.DecodeError, _BadFieldError, RecursionError) as error:
            set_aside[_reason(error)] += 1
    return pa.RecordBatch.from_pylist(documents, schema=schema), dict(set_aside)


def _read(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw, schema: pa.Schema) -> dict[str, Any]:
    document = decoder.decode(raw)
    return {field.name: _value(field, getattr(document, field.name)) for field in schema}


def _value(field: pa.Field, value: Any) -> Any:  # noqa: ANN401  # whatever a JSON document may hold
    if isinstance(value, msgspec.Raw):
        return _integer(field, bytes(value))
    if isinstance(value, datetime):
        return _instant(field, value)
    if isinstance(value, str) and pa.types.is_time(field.type):
        return _time(field, value)
    return value


def _integer(field: pa.Field, raw: bytes) -> int | None:
    if raw == b"null" and field.nullable:
        return None
    if not _INTEGER.match(raw):
        raise _BadFieldError(field.name)
    value = int(raw)
    if pa.types.is_uint8(field.type) and not 0 <= value <= 255:  # noqa: PLR2004  # what a uint8 holds
        raise _BadFieldError(field.name)
    return value


def _instant(field: pa.Field, value: datetime) -> datetime:
    with suppress(OverflowError):  # the calendar's first and last hours may have no equivalent in UTC
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    raise _BadFieldError(field.name)


def _time(field: pa.Field, value: str) -> time:
    if not _MINUTE.match(value) or value >= "24:00":
        raise _BadFieldError(field.name)
    return time.fromisoformat(value)


def _reason(error: Exception) -> str:
    if isinstance(error, _BadFieldError):
        return f"{error}_malformed"
    if missing := _MISSING_FIELD.search(str(error)):
        return f"{missing[1]}_missing"
    if misshapen := _FIELD_IN_ERROR.search(str(error)):
        return f"{misshapen[1]}_malformed"
    return "document_malformed"
