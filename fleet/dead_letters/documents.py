"""Dead letters as JSON, for scripts and files."""

import base64
from typing import Any, Final

import msgspec

from fleet.dead_letters.contents import Document, contents_of
from fleet.dead_letters.letters import Letter
from fleet.dead_letters.tallying import Heaps
from shared.dead_letters import DIED_AT, REASON, REDRIVES, TRIES, explain

_SAID_BESIDES: Final = {REASON, DIED_AT, TRIES, REDRIVES}


def heaps_as_json(heaps: Heaps) -> list[Document]:
    """What lies there, an object for each queue and reason."""
    return [
        {"queue": queue, "reason": reason, "meaning": explain(reason).meaning, "transient": explain(reason).transient}
        | msgspec.to_builtins(heap)
        for (queue, reason), heap in heaps.items()
    ]


def letter_as_json(letter: Letter, rows: int | None = None) -> Document:
    """All that a letter says and holds, and its body as it came where no worker can read it.

    Args:
        letter: which one.
        rows: of its documents, the first so many; None for all.
    """
    contents = contents_of(letter)
    told = {
        "queue": letter.queue.name,
        "id": letter.id,
        "reason": letter.reason,
        "meaning": letter.meaning.meaning,
        "transient": letter.meaning.transient,
        "died_at": letter.died_at,
        "tries": letter.tries,
        "redrives": letter.redrives,
        "content_type": letter.seen.content_type,
        "bytes": len(letter.seen.body),
        "headers": other_headers(letter),
        "schema": contents.schema,
        "fault": contents.fault,
    }
    if contents.documents is None:
        return told | {"base64": base64.b64encode(letter.seen.body).decode()}
    return told | {"count": len(contents.documents), "documents": contents.documents[:rows]}


def other_headers(letter: Letter) -> dict[str, Any]:
    """The headers that are not told besides."""
    return {name: value for name, value in letter.seen.headers.items() if name not in _SAID_BESIDES}


def encoded(value: Any) -> bytes:  # noqa: ANN401  # JSON
    """The JSON of it; headers may hold anything that AMQP knows."""
    return msgspec.json.encode(value, enc_hook=str)
