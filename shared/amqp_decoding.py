"""Makes pamqp, the AMQP decoder below aio-pika, forgiving.

Anybody may publish any bytes as properties, and the broker passes them on as they are. A decoder that raises ends
the connection; the broker delivers the message again to the next one, and so for ever. So what cannot be decoded
is absent.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import pamqp.decode
import pamqp.header
import structlog
from pamqp.commands import Basic

_TIMESTAMP_BYTES: Final = 8
_decode_timestamp: Callable[[bytes], tuple[int, Any]] = pamqp.decode.timestamp
_unmarshal = pamqp.header.ContentHeader.unmarshal

log = structlog.get_logger()


def guard_decoder() -> None:
    """Let no message's properties end a connection of this process; doing so twice changes nothing."""
    pamqp.decode.METHODS["timestamp"] = pamqp.decode.TABLE_MAPPING[b"T"] = _timestamp
    pamqp.decode.METHODS["shortstr"] = _short_text
    pamqp.header.ContentHeader.unmarshal = _unmarshal_header  # type: ignore[method-assign,assignment]  # the guard itself


def _timestamp(value: bytes) -> tuple[int, Any]:
    try:
        return _decode_timestamp(value)
    except (ValueError, OverflowError, OSError):  # -1, or a year that no datetime holds
        return _TIMESTAMP_BYTES, None


def _short_text(value: bytes) -> tuple[int, str]:
    """Not only of properties: the routing key, too, may be any bytes."""
    length = value[0] if value else 0
    return length + 1, value[1 : length + 1].decode(errors="replace")


def _unmarshal_header(header: pamqp.header.ContentHeader, data: bytes) -> None:
    try:
        _unmarshal(header, data)
    except (ValueError, OverflowError, RecursionError, struct.error) as error:
        log.warning("properties_dropped", error=type(error).__name__)
        header.properties = Basic.Properties()
