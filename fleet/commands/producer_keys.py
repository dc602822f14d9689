"""Commands on the keys by which producers send fares to the gateway; a key is shown once, when it is made."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import confirm, reporting, sayer
from fleet.producer_keys import KeptKey, Rights, find_key, list_keys, make_key, revoke_key
from shared.fare_lanes import Lane
from shared.messages.codes import source_code

# A request may hold 100,000 fares; six of them a minute, or ten thousand fares a second one by one.
_FARES_PER_MINUTE: Final = 600_000
_LONGEST_NAME: Final = 100

producers = typer.Typer(no_args_is_help=True, help="Keys of the producers of fares: make, list, revoke.")


def _some_name(name: str) -> str:
    if not (name.isprintable() and 0 < len(name.strip()) <= _LONGEST_NAME):
        raise typer.BadParameter(f"a name has one to {_LONGEST_NAME} printable characters")
    return name.strip()


def _some_source(source: str) -> str:
    if source_code(source) != 0 or not source.isprintable() or source != source.strip():
        raise typer.BadParameter("name the source as its fares do, such as `duffel`")
    return source


@producers.command()
def make(
    name: Annotated[str, typer.Argument(help="Who gets the key.", callback=_some_name)],
    source: Annotated[str, typer.Option(help="What its fares are said to come from.", callback=_some_source)],
    lane: Annotated[
        list[Lane] | None, typer.Option(help="A lane that it may send into; may be repeated.", show_default="live")
    ] = None,
    fares_per_minute: Annotated[
        int, typer.Option(min=1, max=1_000_000_000, help="The most that it may send in any minute.")
    ] = _FARES_PER_MINUTE,
    expires_in: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, max=3_650, help="Days that it is good for.", show_default="ever"),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown now and never again; it is good at once.

    To change a key, make another and revoke the one before once its producer has the new one.
    """
    expires_at = None if expires_in is None else datetime.now(UTC) + timedelta(days=expires_in)
    rights = Rights(name, source, sorted({*(lane or [Lane.LIVE])}), fares_per_minute, expires_at)
    with reporting():
        key, kept = asyncio.run(make_key(addresses.read(data).accounts, rights))
    if as_json:
        print(json.dumps({"key": key.text} | _as_json(kept)))
        return
    print(key.text)
    sayer(Console(stderr=True))(f"key {kept.id} of {name}: keep it now, for nothing can show it again")


@producers.command(name="list")
def show(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show who has keys, and what each is good for."""
    with reporting():
        kept = asyncio.run(list_keys(addresses.read(data).accounts))
    if as_json:
        print(json.dumps({"keys": [_as_json(key) for key in kept]}))
        return
    table = Table(Column("key", no_wrap=True), "producer", "source", "lanes", "fares/min", "expires", "state")
    for key in kept:
        table.add_row(*map(escape, _cells(key)))
    Console().print(table)


@producers.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Of the key, as the list has it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Revoke a key for good; asks first. Every gateway refuses it within ten seconds."""
    with reporting():
        accounts = addresses.read(data).accounts
        key = asyncio.run(find_key(accounts, key_id))
        if not (yes or key.revoked_at):
            confirm(f"refuse {key.rights.producer} with key {key.id} from now on?", to="revoke")
        kept, changed = asyncio.run(revoke_key(accounts, key_id))
    if as_json:
        print(json.dumps(_as_json(kept) | {"changed": changed}))
        return
    sentence = f"key {kept.id} of {kept.rights.producer} is revoked"
    sayer(Console())(sentence if changed else f"nothing to do: {sentence}")


def _as_json(key: KeptKey) -> dict[str, Any]:
    rights = key.rights
    return {
        "id": key.id,
        "producer": rights.producer,
        "source": rights.source,
        "lanes": rights.lanes,
        "fares_per_minute": rights.fares_per_minute,
        "created_at": key.created_at.isoformat(),
        "expires_at": rights.expires_at and rights.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
        "state": key.state(datetime.now(UTC)),
    }


def _cells(key: KeptKey) -> list[str]:
    rights = key.rights
    return [
        key.id,
        rights.producer,
        rights.source,
        " ".join(rights.lanes),
        f"{rights.fares_per_minute:,}",
        f"{rights.expires_at:%Y-%m-%d}" if rights.expires_at else "never",
        key.state(datetime.now(UTC)),
    ]
