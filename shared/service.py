"""How a service starts, runs until it is told to stop, and ends.

Start: settings, logs, health endpoint, then the service's own `serve`. Stop: SIGTERM or SIGINT sets
`stopping`, `serve` drains and returns, the exit status is 0. Any error ends the process with status 1, so
that whoever runs it starts it again.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import structlog
import uvloop
from aiohttp.web import RouteDef

from shared.consumer import DRAIN_DEADLINE_S
from shared.errors import ConfigurationError
from shared.health import Health, serve_health
from shared.logs import configure
from shared.loop_lag import watching_loop_lag
from shared.metrics import show_only_those_of
from shared.periodic import end
from shared.settings import ServiceSettings, load
from shared.tracing import exporting

S = TypeVar("S", bound=ServiceSettings)
Serve = Callable[[S, Health, asyncio.Event], Coroutine[Any, Any, None]]
Pages = Callable[[S], Iterable[RouteDef]]

# A batch makes tens of thousands of objects, none of them in cycles: by default that means hundreds of collections.
_COLLECT_AFTER = 50_000

_STOP_DEADLINE_S = DRAIN_DEADLINE_S + 5.0  # drained work, then connections closed

log = structlog.get_logger()


def run(name: str, settings_type: type[S], serve: Serve[S], pages: Pages[S] = lambda _: ()) -> None:
    """Run a service as this process; does not return before it has ended.

    Args:
        name: the service's name, in logs and on its connections.
        settings_type: what it reads from the environment.
        serve: wires the service and works until the event is set.
        pages: what it answers over HTTP beside its health.
    """
    try:
        settings = load(settings_type)
        configure(name, settings.log_level)
        show_only_those_of(name)
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        with exporting(name, settings.otel_exporter_otlp_endpoint, settings.traces_sampled):
            uvloop.run(_live(settings, serve, pages))
    except ConfigurationError as error:
        sys.exit(f"{name}: {error}")
    except Exception:
        log.critical("service_failed", exc_info=True)
        sys.exit(1)


async def _live(settings: S, serve: Serve[S], pages: Pages[S]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    health = Health()
    serving = serve_health(health, settings.ops_host, settings.ops_port, pages(settings))
    async with serving, watching_loop_lag():
        working = asyncio.create_task(serve(settings, health, stopping))
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
        if stop.done() and health.started:
            await asyncio.wait([working], timeout=_STOP_DEADLINE_S)
        await _end(working, stop)
    log.info("stopped")


async def _end(working: asyncio.Task[None], stop: asyncio.Task[bool]) -> None:
    """Raise what the work raised; cancel it where it still waits for its servers or is past its deadline."""
    told_to_stop = stop.done()
    await end([working, stop])
    if not working.cancelled() and (error := working.exception()):
        raise error
    if not told_to_stop:
        raise RuntimeError("the service's work ended without being told to stop")
