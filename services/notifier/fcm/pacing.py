"""Lets pushes go one by one, no faster than the fleet's schedule allows."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from services.notifier.fcm.schedule import SLOW_DOWN_EVERY_S, PushSchedule
from shared import metrics
from shared.errors import UnavailableError

_LATE_S: Final = 1.0  # permits that were not used by then lapse: others may have sent in their place

log = structlog.get_logger()


class Pacer(Protocol):
    """Says when the next push may go."""

    async def permit(self, waiting: int) -> None:
        """Return when the next push may go; one caller at a time.

        Args:
            waiting: how many pushes there are to send, this one included.

        Raises:
            UnavailableError: the fleet's schedule cannot be reached; nothing may be sent.
        """

    async def slow_down(self) -> None:
        """FCM has said that this is too fast."""


class FleetPacer:
    """Paces all notifiers together.

    Args:
        schedule: that they share.
        clock: tells seconds that only grow.
    """

    def __init__(self, schedule: PushSchedule, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._permits = 0
        self._lapse_at = 0.0
        self._no_slowing_before = 0.0

    async def permit(self, waiting: int) -> None:
        """Return when the next push may go; few calls go as far as to Redis."""
        if not self._permits or self._clock() > self._lapse_at:
            await self._book(waiting)
        self._permits -= 1

    async def slow_down(self) -> None:
        """Halve the fleet's rate, unless that has just been done."""
        if self._clock() < self._no_slowing_before:
            return
        self._no_slowing_before = self._clock() + SLOW_DOWN_EVERY_S
        try:
            slowed = await self._schedule.slow_down()
        except UnavailableError:
            return  # then nobody is given permits either
        if slowed:
            log.warning("pushes_slowed_down")

    async def close(self) -> None:
        """Close the connections to the schedule."""
        await self._schedule.close()

    async def _book(self, waiting: int) -> None:
        booked = await self._schedule.book(waiting)
        metrics.PUSH_RATE.set(booked.rate)
        await asyncio.sleep(booked.begins_in)
        self._permits = booked.permits
        self._lapse_at = self._clock() + _LATE_S
