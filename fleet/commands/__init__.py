"""The commands of `./farelark`: each is a few lines, what they do lives in the modules they call."""

import typer

from fleet.commands.developing import bench_price, check, test
from fleet.commands.feeding import demo, replay
from fleet.commands.running import drain, status, up

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Farelark: flight-price alerts, from fares in to pushes out.",
)
for command in (up, demo, replay, drain, status, check):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)

bench = typer.Typer(no_args_is_help=True, help="Measure, beside the ceiling of the same run.")
bench.command(name="price")(bench_price)
app.add_typer(bench, name="bench")
