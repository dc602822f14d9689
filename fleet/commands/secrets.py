"""The command that makes a fleet's secrets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.addresses import REPOSITORY
from fleet.commands.options import Json
from fleet.commands.surroundings import reporting, sayer
from fleet.secrets.folder import make_secrets


def secrets(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What to make.", show_default=".secrets, where Compose looks")
    ] = REPOSITORY / ".secrets",
    as_json: Json = False,
) -> None:
    """Make secrets for a fleet in containers: passwords, addresses, tokens, keys; once, for development.

    A folder a process with a file a setting, for Compose to mount and for `kubectl create secret generic --from-file`.
    Only you can enter FOLDER. What is there already is never overwritten.
    """
    with reporting():
        parts = make_secrets(folder, datetime.now(UTC))
    if as_json:
        print(json.dumps({"folder": str(folder.absolute()), "parts": parts}))
    else:
        sayer(Console())(f"{folder} holds the secrets of {', '.join(parts)}; Compose looks for them in .secrets")
