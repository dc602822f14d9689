"""Commands on the keys that sign access tokens; no key is ever shown, only its id. Those of producers hang here too."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.producer_keys import producers
from fleet.commands.surroundings import reporting, sayer
from fleet.keys import folder_in, list_keys, remove_spent
from fleet.keys import rotate as rotate_in
from shared.token_keys import KeyFile

# Twice as long as others may keep the JWKS: by then everybody knows the key.
_ANNOUNCED_MINUTES: Final = 10
_YEAR_MINUTES: Final = 365 * 24 * 60

Folder = Annotated[
    Path | None, typer.Option("--folder", help="Folder of keys that JWT_KEYS names.", show_default="that of --data")
]

keys = typer.Typer(no_args_is_help=True, help="Keys that sign access tokens: list, rotate, clean. Keys of producers.")
keys.add_typer(producers, name="producers")


@keys.command(name="list")
def show(folder: Folder = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the keys: from when each signs, and what it is for now.

    A superseded key verifies until the last token that it signed has expired. One that is spent verifies nothing.
    """
    with reporting():
        states = list_keys(folder or folder_in(data), datetime.now(UTC))
    if as_json:
        print(json.dumps({"keys": [_as_json(file) | {"state": state} for file, state in states.items()]}))
        return
    table = Table("key", "signs from (UTC)", "state")
    for file, state in states.items():
        table.add_row(file.key_id, f"{file.signs_from:%Y-%m-%d %H:%M:%S}", state)
    Console().print(table)


@keys.command()
def rotate(
    minutes: Annotated[
        int, typer.Option("--in", metavar="MINUTES", min=0, max=_YEAR_MINUTES, help="When it begins to sign.")
    ] = _ANNOUNCED_MINUTES,
    folder: Folder = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Make a key that signs access tokens in ten minutes. Nobody is logged out: the one before goes on verifying.

    For a key that has leaked: --in 0, and delete its file. Servers notice within ten seconds.
    """
    with reporting():
        file = rotate_in(folder or folder_in(data), datetime.now(UTC), timedelta(minutes=minutes))
    if as_json:
        print(json.dumps(_as_json(file)))
    else:
        sayer(Console())(f"key {file.key_id} signs from {file.signs_from:%Y-%m-%d %H:%M:%S} UTC")


@keys.command()
def clean(folder: Folder = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Remove the keys that verify nothing any more."""
    with reporting():
        removed = remove_spent(folder or folder_in(data), datetime.now(UTC))
    if as_json:
        print(json.dumps({"removed": [file.key_id for file in removed]}))
        return
    for file in removed:
        sayer(Console())(f"removed {file.key_id}")
    if not removed:
        sayer(Console())("every key is still needed")


def _as_json(file: KeyFile) -> dict[str, str]:
    return {"key_id": file.key_id, "signs_from": file.signs_from.isoformat()}
