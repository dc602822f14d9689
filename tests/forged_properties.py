"""AMQP properties as nobody should send them, and anybody can."""

import struct
from collections.abc import Sequence
from typing import Final

from pamqp.commands import Basic

# The bits of the properties' flags.
CONTENT_TYPE: Final = 15
ENCODING: Final = 14
HEADERS: Final = 13
PRIORITY: Final = 11
TIMESTAMP: Final = 6


class ForgedProperties(Basic.Properties):
    """Properties that are sent as these very bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(message_id="forged")
        self.raw = raw

    def marshal(self) -> bytes:
        """The flags and values as they are."""
        return self.raw


def forged(flags: Sequence[int], *values: bytes) -> ForgedProperties:
    """Properties by their flags, in descending order, and their encoded values."""
    return ForgedProperties(struct.pack(">H", sum(1 << flag for flag in flags)) + b"".join(values))


def short(text: bytes) -> bytes:
    """A short string: a byte of length, and at most 255 bytes of any kind."""
    return bytes([len(text)]) + text


def readable_forgeries(content_type: str) -> dict[str, ForgedProperties]:
    """Strange properties around a content type that can be read all the same."""
    kind = short(content_type.encode())
    return {
        "timestamp of -1": forged([CONTENT_TYPE, TIMESTAMP], kind, b"\xff" * 8),
        "timestamp of -1 in a header": _with_header(kind, b"t", b"T" + b"\xff" * 8),
        "priority of 255": forged([CONTENT_TYPE, PRIORITY], kind, b"\xff"),
        "nested tables": forged([CONTENT_TYPE, HEADERS], kind, _nested(3)),
        "header of 9 KB": _with_header(kind, b"baggage", _long(b"b" * 9_000)),
        "forged death": _with_header(kind, b"x-death", _long(b"junk")),
        "junk traceparent": _with_header(kind, b"traceparent", _long(b"junk")),
    }


def unreadable_forgeries(content_type: str) -> dict[str, ForgedProperties]:
    """Strange properties that leave no content type to go by, or another one."""
    kind = short(content_type.encode())
    return {
        "content type that is not UTF-8": forged([CONTENT_TYPE], short(b"\xff\xfe")),
        "content type and encoding of 255 bytes": forged(
            [CONTENT_TYPE, ENCODING], short(b"x" * 255), short(b"g" * 255)
        ),
        "header name that is not UTF-8": _with_header(kind, b"\xff", b"t\x01"),
        "compressed": forged([CONTENT_TYPE, ENCODING], kind, short(b"gzip")),
    }


def _with_header(kind: bytes, name: bytes, value: bytes) -> ForgedProperties:
    return forged([CONTENT_TYPE, HEADERS], kind, _table(short(name) + value))


def _table(*fields: bytes) -> bytes:
    content = b"".join(fields)
    return struct.pack(">I", len(content)) + content


def _long(text: bytes) -> bytes:
    return b"S" + struct.pack(">I", len(text)) + text


def _nested(depth: int) -> bytes:
    inner = _table()
    for _ in range(depth):
        inner = _table(short(b"t") + b"F" + inner)
    return inner
