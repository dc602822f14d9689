"""`python -m fleet.fcm_stand_in --port 8080 --account account.json` runs one until it is killed."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from fleet.fcm_stand_in.account import Account
from fleet.fcm_stand_in.application import Application
from fleet.fcm_stand_in.certificates import Certificate
from fleet.fcm_stand_in.record import Record
from fleet.fcm_stand_in.serving import serve
from fleet.servers.ports import LOOPBACK, free_ports

Tls = Annotated[tuple[Path, Path] | None, typer.Option(help="Certificate and its key: serve HTTPS.")]


def main(
    account: Annotated[Path, typer.Option(help="Key file for the senders; it is made where it is missing.")],
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1; 0 for any.")] = 0,
    record: Annotated[Path | None, typer.Option(help="File that gets a JSON line per message.")] = None,
    tls: Tls = None,
) -> None:
    """Stand in for FCM and for Google's token endpoint."""
    certificate = Certificate(*tls) if tls else None
    chosen = port or free_ports(1)[0]
    url = f"{'https' if certificate else 'http'}://{LOOPBACK}:{chosen}"
    print(f"standing in for FCM at {url}", flush=True)
    application = Application(Account.at(account, url), Record(record) if record else None)
    uvloop.run(serve(application, chosen, certificate))


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)
app()
