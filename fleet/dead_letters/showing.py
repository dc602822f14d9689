"""Dead letters on a terminal. Anybody may have written what is in them: no byte of it moves a cursor."""

from typing import Final

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from fleet.dead_letters.contents import Contents, Document, contents_of
from fleet.dead_letters.documents import other_headers
from fleet.dead_letters.letters import Letter
from fleet.dead_letters.tallying import Heaps
from shared.dead_letters import explain

FIRST_ROWS: Final = 5
_FIRST_BYTES: Final = 256
_BYTES_A_LINE: Final = 16
_BEYOND_ASCII: Final = 128
_LONGEST_HEADER: Final = 200


def show_heaps(heaps: Heaps, console: Console) -> None:
    """Print what lies there, a line for each queue and reason, and what the reasons mean."""
    wide = [Column(name, no_wrap=True) for name in ("from", "reason")]
    table = Table(*wide, Column("letters", justify="right"), "oldest (UTC)", "newest", box=None)
    for (queue, reason), heap in heaps.items():
        times = (f"{time:%m-%d %H:%M}" if time else "unknown" for time in (heap.oldest, heap.newest))
        table.add_row(queue, reason, f"{heap.count:,}", *times)
    console.print(table, "")
    for reason in sorted({reason for _, reason in heaps}):
        console.print(f"{reason}: {_said_of(reason)}", highlight=False, soft_wrap=True)


def _said_of(reason: str) -> str:
    meaning = explain(reason)
    return meaning.meaning + (" Such letters come back by themselves, three times." if meaning.transient else "")


def show_letter(letter: Letter, console: Console) -> None:
    """Print a letter with the beginning of what it holds."""
    console.rule(f"{letter.queue.name}: {letter.reason}", align="left", style="none")
    for line in _lines(letter, contents := contents_of(letter)):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    console.print(_body(letter, contents))


def printable(text: str) -> str:
    """The text with every character that is not printed written as an escape, and so on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _lines(letter: Letter, contents: Contents) -> list[str]:
    schema = f", {contents.schema}" if contents.schema else ""
    died = f"{letter.died_at:%Y-%m-%d %H:%M:%S} UTC" if letter.died_at else "at an unknown time"
    tries = "unknown" if letter.tries is None else letter.tries
    headers = (f"{name}: {str(value)[:_LONGEST_HEADER]}" for name, value in other_headers(letter).items())
    return [
        f"id {letter.id}",
        letter.meaning.meaning,
        f"died {died}; tries: {tries}; brought back by itself: {letter.redrives}",
        f"{letter.seen.content_type}, {len(letter.seen.body):,} bytes{schema}",
        *headers,
        *([contents.fault] if contents.fault else []),
    ]


def _body(letter: Letter, contents: Contents) -> RenderableType:
    if contents.documents is None:
        return Text(_hexdump(letter.seen.body[:_FIRST_BYTES]))
    first = contents.documents[:FIRST_ROWS]
    more = len(contents.documents) - len(first)
    shown = _rows(first) if contents.schema else Text(_pretty(first))
    return Group(shown, Text(f"and {more:,} more")) if more else Group(shown)


def _rows(documents: list[Document]) -> Table:
    """Batches are as wide as a fare has fields; those that none of these has are left out."""
    names = list(dict.fromkeys(name for document in documents for name in document))
    table = Table(*names, box=None)
    for document in documents:
        table.add_row(*(Text(printable(str(document.get(name, "")))) for name in names))
    return table


def _pretty(documents: list[Document]) -> str:
    lines = msgspec.json.format(msgspec.json.encode(documents), indent=2).decode().split("\n")
    return "\n".join(map(printable, lines))


def _hexdump(body: bytes) -> str:
    lines = (body[start : start + _BYTES_A_LINE] for start in range(0, len(body), _BYTES_A_LINE))
    return "\n".join(f"{line.hex(' '):<{3 * _BYTES_A_LINE}} {_ascii(line)}" for line in lines)


def _ascii(line: bytes) -> str:
    return "".join(chr(byte) if byte < _BEYOND_ASCII and chr(byte).isprintable() else "." for byte in line)
