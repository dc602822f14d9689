"""A dead letter's body as a person reads it.

It is read as the queue's worker reads it, so what is wrong with it is said in the worker's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

import msgspec
import pyarrow as pa

from fleet.dead_letters.letters import Letter
from shared.errors import UnreadableError
from shared.messages import batches, evaluations, notifications
from shared.messages.batches import ARROW, Contract
from shared.messages.changes import CHANGES
from shared.messages.fares import FARES
from shared.topology import ALERTS_EVALUATE, CHANGES_ALERTS, CHANGES_HISTORY, FARES_INGEST, FARES_LIVE

_BATCHES: Final[Mapping[str, Contract]] = {
    FARES_LIVE.name: FARES,
    FARES_INGEST.name: FARES,
    CHANGES_ALERTS.name: CHANGES,
    CHANGES_HISTORY.name: CHANGES,
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a body.

    Attributes:
        documents: what a worker reads of it, as it may be published again as JSON; None if it cannot be read.
        fault: why it cannot be read, or what is set aside of it.
        schema: name and version that an Arrow stream says of itself.
    """

    documents: list[Document] | None
    fault: str | None
    schema: str | None


def contents_of(letter: Letter) -> Contents:
    """Read a letter's body."""
    body, content_type = letter.seen.body, letter.seen.content_type
    schema = _schema(body) if content_type == ARROW else None
    try:
        documents, set_aside = _read(letter.queue.name, body, content_type)
    except UnreadableError as error:
        return Contents(None, str(error), schema)
    aside = ", ".join(f"{reason} {count:,}" for reason, count in sorted(set_aside.items()))
    return Contents(documents, f"set aside: {aside}" if aside else None, schema)


def _read(queue: str, body: bytes, content_type: str | None) -> tuple[list[Document], Mapping[str, int]]:
    if contract := _BATCHES.get(queue):
        batch = batches.decode(contract, body, content_type)
        return [_document(row) for row in batch.rows.to_pylist()], batch.set_aside
    if queue == ALERTS_EVALUATE.name:
        return msgspec.to_builtins(evaluations.decode(body, content_type)), {}
    decoded = notifications.decode(body, content_type)
    return msgspec.to_builtins(list(decoded.notices)), decoded.set_aside


def _document(row: Document) -> Document:
    """A row as a JSON document, whose times of day have no seconds; what is unknown is left out."""
    texts = {name: f"{value:%H:%M}" if isinstance(value, time) else value for name, value in row.items()}
    return msgspec.to_builtins({name: value for name, value in texts.items() if value is not None})


def _schema(body: bytes) -> str | None:
    """What a stream says of itself, even if no worker reads it."""
    try:
        metadata = pa.ipc.open_stream(body).schema.metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        return None
    name, version = (metadata.get(key, b"?").decode(errors="replace") for key in (b"name", b"version"))
    return f"{name} version {version}"
