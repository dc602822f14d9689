"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Option("--data", envvar="FARELARK_DATA", help="Data folder of the fleet.", show_default=".farelark")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
