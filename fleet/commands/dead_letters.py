"""Commands on dead letters. What they leave alone lies where it was, whatever ends them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import confirm, reporting, sayer, stoppable
from fleet.dead_letters.discarding import Allowance, discard
from fleet.dead_letters.documents import encoded, heaps_as_json, letter_as_json
from fleet.dead_letters.exporting import write
from fleet.dead_letters.progress import RoundProgress
from fleet.dead_letters.reading import first
from fleet.dead_letters.replaying import Replayer
from fleet.dead_letters.rounds import Watch
from fleet.dead_letters.selection import Selection, queue_named
from fleet.dead_letters.settings import ReplaySettings
from fleet.dead_letters.showing import FIRST_ROWS, show_heaps, show_letter
from fleet.dead_letters.tallying import Heaps, tally
from shared.broker.broker import Broker
from shared.broker.browsing import Browser, browsing
from shared.errors import ConfigurationError
from shared.failpoints import Failpoints
from shared.settings import load

_NONE_MATCHES: Final = 3

Queue = Annotated[str | None, typer.Option("--queue", help="Only those of this work queue.", show_default="all")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only those of this reason.", show_default="all")]
Id = Annotated[str | None, typer.Option("--id", help="Only the message of this id.", show_default="all")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

T = TypeVar("T")

dlq = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: list, show, export, replay, discard. Exit status 3 says that there is none of those meant; "
    "only a list may be empty.",
)


@dlq.command(name="list")
def list_letters(queue: Queue = None, reason: Reason = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Count dead letters by queue and reason, and say what each reason means.

    Where there are none it says so, with exit status 0. Those in the hands of another command that runs at the same
    time are not seen.
    """
    with reporting(), stoppable(), RoundProgress("counting", Console(stderr=True)) as progress:
        selection = _selection(queue, reason)
        heaps = _browse(data, lambda browser: tally(browser, selection, progress))
    if as_json:
        held = {"held_elsewhere": progress.held_elsewhere}
        _print_json({"letters": _count(heaps), "heaps": heaps_as_json(heaps)} | held)
    elif heaps:
        show_heaps(heaps, Console())
    else:
        sayer(Console())("no dead letters" + ("" if selection.everything else " of these"))


@dlq.command()
def show(
    queue: Queue = None,
    reason: Reason = None,
    id_: Id = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Letters at most.")] = 3,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Show dead letters: why and when each died, and what is in it."""
    with reporting(), stoppable(), RoundProgress("looking", Console(stderr=True)) as progress:
        selection = _selection(queue, reason, id_)
        letters = _browse(data, lambda browser: first(browser, selection, limit, progress))
    if as_json:
        _print_json({"letters": [letter_as_json(letter, FIRST_ROWS) for letter in letters]})
    else:
        for letter in letters:
            show_letter(letter, Console())
    _leave_if_none(len(letters))


@dlq.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A new file, a JSON object on each line.")],
    queue: Queue = None,
    reason: Reason = None,
    id_: Id = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Write dead letters to a file, with all that is in them; they stay where they are.

    The documents of a letter, as a JSON array, may be published again; what cannot be read is written as base64.
    """
    with reporting(), stoppable(), RoundProgress("writing", Console(stderr=True)) as progress:
        selection = _selection(queue, reason, id_)
        exported = _browse(data, lambda browser: write(file, browser, selection, progress))
    _report("exported", exported, as_json=as_json)


@dlq.command()
def replay(
    queue: Queue = None,
    reason: Reason = None,
    id_: Id = None,
    yes: Yes = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Publish dead letters again to the queues that they come from, with all their tries; asks before it takes all.

    It may be repeated and cut short: a letter is gone only once it is safe in its queue.
    """
    with reporting(), stoppable():
        failpoints = Failpoints(load(ReplaySettings).failpoints)
        selection = _selection(queue, reason, id_)
        if selection.everything and not yes:
            _ask("replay", _counted(data, selection))
        with RoundProgress("replaying", Console(stderr=True)) as progress:
            replayed = _browse(data, lambda browser: _replay(data, browser, selection, failpoints, progress))
    _report("replayed", replayed, as_json=as_json)


@dlq.command(name="discard")
def throw_away(
    queue: Queue = None,
    reason: Reason = None,
    id_: Id = None,
    everything: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    yes: Yes = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Throw dead letters away. Nothing brings them back: export them first."""
    with reporting(), stoppable():
        selection = _selection(queue, reason, id_)
        if selection.everything is not everything:
            raise ConfigurationError("say which to discard: --queue, --reason or --id, or else --all")
        allowance = None if yes else _allowed(_counted(data, selection))
        with RoundProgress("discarding", Console(stderr=True)) as progress:
            discarded = _browse(data, lambda browser: discard(browser, selection, allowance, progress))
    _report("discarded", discarded, as_json=as_json)


def _selection(queue: str | None, reason: str | None, id_: str | None = None) -> Selection:
    return Selection(queue_named(queue) if queue else None, reason, id_)


def _browse(data: Path, work: Callable[[Browser], Awaitable[T]]) -> T:
    """Do some work with a browser of the fleet's queues."""

    async def run() -> T:
        async with browsing(addresses.read(data).amqp, "farelark dlq") as browser:
            return await work(browser)

    return asyncio.run(run())


async def _replay(data: Path, browser: Browser, selection: Selection, failpoints: Failpoints, watch: Watch) -> int:
    broker = await Broker.connect(addresses.read(data).amqp, "farelark dlq")
    try:
        return await Replayer(broker, failpoints).replay(browser, selection, watch)
    finally:
        await broker.close()


def _counted(data: Path, selection: Selection) -> Heaps:
    with RoundProgress("counting", Console(stderr=True)) as progress:
        return _browse(data, lambda browser: tally(browser, selection, progress))


def _count(heaps: Heaps) -> int:
    return sum(heap.count for heap in heaps.values())


def _allowed(heaps: Heaps) -> Allowance:
    _ask("discard", heaps)
    return Allowance({kind: heap.count for kind, heap in heaps.items()})


def _ask(what: str, heaps: Heaps) -> None:
    """Go on only if somebody says so."""
    _leave_if_none(count := _count(heaps))
    show_heaps(heaps, Console(stderr=True))
    confirm(f"{what} {count:,} dead letter{'' if count == 1 else 's'}?", to=what)


def _leave_if_none(count: int) -> None:
    if not count:
        sayer(Console(stderr=True))("there is no such dead letter")
        raise typer.Exit(_NONE_MATCHES)


def _report(what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        _print_json({what: count})
    else:
        sayer(Console())(f"{what} {count:,} dead letter{'' if count == 1 else 's'}")
    _leave_if_none(count)


def _print_json(value: Any) -> None:  # noqa: ANN401  # JSON
    print(encoded(value).decode())
