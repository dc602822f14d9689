"""When what many travellers are held until leaves: each at a moment of their own, some minutes later. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_QUARTER: Final = timedelta(minutes=15)

# Everybody sends at full quarters of an hour: FCM asks that bulk keep out of the two minutes around them.
_RUSH: Final = timedelta(minutes=4)
_SPREAD_SECONDS: Final = 300


def spread(instant: datetime, user_id: UUID) -> datetime:
    """Return when, within nine minutes from an instant on, a traveller's share leaves; always the same for both."""
    start = instant + max(_RUSH - _since_rush_began(instant), timedelta(0))
    leaves = start + timedelta(seconds=user_id.int % _SPREAD_SECONDS)
    # Those that would meet the next rush, or come after it, leave as far apart as if there were none.
    meets_rush = _since_rush_began(leaves) < _since_rush_began(start)
    return leaves + _RUSH if meets_rush else leaves


def _since_rush_began(instant: datetime) -> timedelta:
    return (instant - _EPOCH + _RUSH / 2) % _QUARTER
