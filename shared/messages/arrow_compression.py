"""Tells whether an Arrow IPC message has compressed buffers, before anything is decompressed.

pyarrow does not expose it, so the flatbuffer of the message's header is looked into:
https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format, Message.fbs and Schema.fbs.
"""

import struct

import pyarrow as pa

# Positions of fields in their flatbuffer tables.
_MESSAGE_HEADER = 2
_DICTIONARY_DATA = 1
_BATCH_COMPRESSION = 3


def is_compressed(message: pa.ipc.Message) -> bool:
    """Whether the record batch or dictionary batch in this message declares a compression.

    Raises:
        ValueError: the message's header points outside itself; pyarrow has not verified all of it yet.
    """
    if message.type == "schema":
        return False
    try:
        return _declares_compression(bytes(message.metadata), is_dictionary=message.type == "dictionary")
    except struct.error as error:
        raise ValueError(f"the header of a {message.type} is malformed: {error}") from error


def _declares_compression(metadata: bytes, *, is_dictionary: bool) -> bool:
    (root,) = struct.unpack_from("<I", metadata, 0)
    batch = _child(metadata, root, _MESSAGE_HEADER)
    if batch is not None and is_dictionary:
        batch = _child(metadata, batch, _DICTIONARY_DATA)
    return batch is not None and _child(metadata, batch, _BATCH_COMPRESSION) is not None


def _child(metadata: bytes, table: int, field: int) -> int | None:
    """Where the sub-table in this field of a table lies, or None if the field is absent."""
    (to_vtable,) = struct.unpack_from("<i", metadata, table)
    vtable = table - to_vtable
    (vtable_size,) = struct.unpack_from("<H", metadata, vtable)
    slot = 4 + 2 * field
    if slot >= vtable_size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, vtable + slot)
    if not offset:
        return None
    (to_child,) = struct.unpack_from("<I", metadata, table + offset)
    return table + offset + int(to_child)
