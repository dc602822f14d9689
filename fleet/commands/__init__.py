"""The commands of `./farelark`: each is a few lines, what they do lives in the modules they call."""

import typer

from fleet.commands.benching import bench_alerts, bench_api, bench_ingest, bench_notify, bench_price
from fleet.commands.cycle_benching import bench_cycle, bench_growth
from fleet.commands.dead_letters import dlq
from fleet.commands.developing import check, test
from fleet.commands.exchange_rates import rates
from fleet.commands.feeding import demo, replay
from fleet.commands.migrating import migrate
from fleet.commands.monitoring import plot_dashboard
from fleet.commands.operating import operate
from fleet.commands.partitioning import partitions
from fleet.commands.pushing import pushes
from fleet.commands.running import drain, status, up
from fleet.commands.secrets import secrets
from fleet.commands.sharding import check_shards, list_shards, move
from fleet.commands.token_keys import keys
from fleet.commands.topology import topology

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Farelark: flight-price alerts, from fares in to pushes out.",
)
for command in (up, demo, replay, drain, status, operate, migrate, partitions, secrets, check):
    app.command()(command)
app.command(name="plot")(plot_dashboard)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)

bench = typer.Typer(no_args_is_help=True, help="Measure, beside the ceiling of the same run.")
bench.command(name="ingest")(bench_ingest)
bench.command(name="price")(bench_price)
bench.command(name="alerts")(bench_alerts)
bench.command(name="api")(bench_api)
bench.command(name="notify")(bench_notify)
bench.command(name="cycle")(bench_cycle)
bench.command(name="growth")(bench_growth)
app.add_typer(bench, name="bench")
app.add_typer(rates, name="rates")
app.add_typer(keys, name="keys")
app.add_typer(dlq, name="dlq")
app.add_typer(pushes, name="pushes")
app.add_typer(topology, name="topology")

shards = typer.Typer(no_args_is_help=True, help="Look at the shard map, check it, move buckets.")
shards.command(name="list")(list_shards)
shards.command(name="check")(check_shards)
shards.command(name="move")(move)
app.add_typer(shards, name="shards")
