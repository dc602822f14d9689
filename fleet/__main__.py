"""The fleet's command line: `./farelark COMMAND`, or `python -m fleet COMMAND`."""

from fleet.commands import app

app(prog_name="./farelark")
