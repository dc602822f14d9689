"""Tells the workers of a fleet on this machine that the shard map has changed."""

import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psutil

from fleet.addresses import Service

_WITH_SHARDS: Final = ("services.alert_worker", "services.history_worker", "services.notifier")


def hang_up(services: Iterable[Service]) -> None:
    """Send SIGHUP to those that keep a map; one that is gone, or whose pid is another's now, is let be."""
    for service in services:
        with suppress(psutil.Error):
            process = psutil.Process(service.pid)
            if set(process.cmdline()) & set(_WITH_SHARDS):
                process.send_signal(signal.SIGHUP)
