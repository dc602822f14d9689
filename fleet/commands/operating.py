"""The command that becomes the operations process."""

import os
import sys


def operate() -> None:
    """Watch a fleet as a long-running process: `/queue/status`, `/health`, `/metrics`, dead letters sent again.

    The fleet is the one that RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL, REDIS_URL, ACCOUNTS_URL, SHARD_URLS and
    OPS_TARGETS name. It serves on OPS_HOST:OPS_PORT (0.0.0.0:9100) for whoever has OPS_TOKEN, of at least 16
    characters; looks every LOOK_EVERY_SECONDS (5) and sends transient dead letters again every REDRIVE_EVERY_SECONDS
    (300; 0: never). `up` runs it as a part of the local fleet.
    """
    # In its own right: what only other commands need would take it another 100 MB for as long as it runs.
    os.execv(sys.executable, [sys.executable, "-m", "fleet.operating"])  # noqa: S606  # our own module
