"""The benches as one group of commands."""

import typer

from fleet.commands.benching import bench_alerts, bench_api, bench_ingest, bench_notify, bench_price
from fleet.commands.cycle_benching import bench_cycle, bench_growth

bench = typer.Typer(no_args_is_help=True, help="Measure, beside the ceiling of the same run.")
bench.command(name="ingest")(bench_ingest)
bench.command(name="price")(bench_price)
bench.command(name="alerts")(bench_alerts)
bench.command(name="api")(bench_api)
bench.command(name="notify")(bench_notify)
bench.command(name="cycle")(bench_cycle)
bench.command(name="growth")(bench_growth)
