"""The two ways by which fares go to the price workers."""

from enum import StrEnum
from typing import Final

from shared.topology import FARES, LIVE_FARES, Exchange


class Lane(StrEnum):
    """Which fares go first."""

    LIVE = "live"  # what somebody waits for
    SWEEP = "sweep"


EXCHANGES: Final[dict[Lane, Exchange]] = {Lane.LIVE: LIVE_FARES, Lane.SWEEP: FARES}
