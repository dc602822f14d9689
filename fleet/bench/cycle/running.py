"""Runs the fleet, the stand-in and the publisher that a measured cycle needs, and stops them afterwards."""

import shlex
import sys
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from fleet.bench.cycle.filling import Progress, Say
from fleet.bench.cycle.measuring import STAND_IN, Cycle, Setting, measure
from fleet.bench.cycle.plan import Plan
from fleet.bench.cycle.publisher import NAME, publisher_in
from fleet.bench.notify import settings_for
from fleet.fcm_stand_in.running import fcm_stand_in
from fleet.local import local_fleet

_LATENCY_S: Final = 0.1  # of FCM's answers


def run_cycle(folder: Path, plan: Plan, console: Console, say: Say, progress: Progress) -> Cycle:
    """Measure a cycle on a fleet in this folder.

    Raises:
        FarelarkError, ServersError: the fleet did not start, or the cycle got stuck.
    """
    command = shlex.join(["./farelark", *sys.argv[1:]])
    with (
        fcm_stand_in(folder / STAND_IN, recorded=False) as stand_in,
        publisher_in(folder / NAME) as publisher,
        local_fleet(folder, say, plan.scale, plan.shards, settings_for(stand_in)) as fleet,
    ):
        stand_in.set_latency(_LATENCY_S)
        setting = Setting(folder, fleet.addresses, stand_in, publisher, console)
        return uvloop.run(measure(setting, plan, command, say, progress))
