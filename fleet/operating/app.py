"""Where the operations process is wired."""

import asyncio
from functools import partial
from typing import Final

from fleet.addresses import from_environment
from fleet.dead_letters.redriving import Redriving
from fleet.operating import gauges
from fleet.operating.pages import Newest, pages
from fleet.operating.settings import OperatingSettings
from fleet.status.watching import Watcher
from shared.broker.broker import Broker
from shared.errors import UnavailableError
from shared.health import Health
from shared.periodic import Periodic, end, running
from shared.service import run

_CONNECT_WITHIN_S: Final = 10.0


def operate() -> None:
    """Run as this process; does not return before it has ended."""
    newest = Newest()
    run("operations", OperatingSettings, partial(serve, newest), lambda settings: pages(newest, settings.ops_token))


async def serve(newest: Newest, settings: OperatingSettings, health: Health, stopping: asyncio.Event) -> None:
    """Watch the fleet in the environment until told to stop; ready once it was looked at, whatever was away then."""
    await asyncio.to_thread(from_environment)  # without it nothing can be done: say so at once
    redrive = Periodic("redrive", settings.redrive_every_seconds, redrive_once)
    async with running([redrive] if settings.redrive_every_seconds else []), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(_keep_looking(newest, settings, health), name="looking")
        await stopping.wait()
        await end([looking])


async def redrive_once() -> None:
    """Send transient dead letters again, over a connection that is there for this round only.

    Raises:
        UnavailableError: RabbitMQ is away; the next round does what is left.
    """
    at = await asyncio.to_thread(from_environment)
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            broker = await Broker.connect(at.amqp, "operations")
    except TimeoutError:
        raise UnavailableError("rabbitmq", f"no connection within {_CONNECT_WITHIN_S:g} s") from None
    try:
        await Redriving(broker).once()
    finally:
        await broker.close()


async def _keep_looking(newest: Newest, settings: OperatingSettings, health: Health) -> None:
    watcher = Watcher(from_environment)
    while True:
        newest.snapshot = await watcher.look()
        gauges.show(newest.snapshot)
        health.started = True
        await asyncio.sleep(settings.look_every_seconds)
