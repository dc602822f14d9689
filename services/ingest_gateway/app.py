"""Where the gateway is wired."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.http.app import create_app
from services.ingest_gateway.intake.delivering import Deliverer
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.intake.outlet import PATIENCE, Outlet
from services.ingest_gateway.intake.relay import EVERY_S as RELAY_EVERY_S
from services.ingest_gateway.intake.relay import Relay
from services.ingest_gateway.intake.spool import LOOK_EVERY_S, Spool
from services.ingest_gateway.producers.limits import FareLimits
from services.ingest_gateway.producers.minutes_in_redis import MinutesInRedis
from services.ingest_gateway.producers.producers import LOOK_EVERY_S as PRODUCERS_EVERY_S
from services.ingest_gateway.producers.producers import Producers
from services.ingest_gateway.settings import Settings
from services.ingest_gateway.sources.polling import Polling
from services.ingest_gateway.sources.settings import SourceSettings, read_sources
from shared.airports import cities
from shared.broker.broker import Broker
from shared.cycles import Tally, tallying
from shared.databases import open_engine
from shared.failpoints import Failpoints
from shared.health import Health
from shared.http.serving import serve_http
from shared.periodic import Periodic, running

NAME: Final = "ingest_gateway"


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Take fares in until told to stop: then no request more, and those in hand are answered.

    It opens whether its servers are there or not: fares need only one place where they are safe.
    """
    sources = _sources(settings)
    cities()  # read here once, not within the first request
    async with AsyncExitStack() as closing:
        accounts = _accounts(settings)
        closing.push_async_callback(accounts.dispose)
        tally = await closing.enter_async_context(tallying(settings.redis_url))
        intake = await _intake(settings, accounts, tally, health, closing)
        producers = Producers(accounts, utc_now)
        await closing.enter_async_context(running([Periodic("look_at_keys", PRODUCERS_EVERY_S, producers.look)]))
        limits = FareLimits(MinutesInRedis(settings.redis_url))
        closing.push_async_callback(limits.close)
        async with asyncio.TaskGroup() as working:
            if sources:
                polling = Polling(sources, intake, settings.redis_url, tally, utc_now)
                working.create_task(polling.run(stopping), name="polling sources")
            health.started = True
            await serve_http(
                create_app(intake, producers, limits), settings.ingest_host, settings.ingest_port, stopping
            )
            if not stopping.is_set():
                raise RuntimeError("the HTTP server ended without being told to stop")


async def _intake(
    settings: Settings, accounts: AsyncEngine, tally: Tally, health: Health, closing: AsyncExitStack
) -> Intake:
    """The intake, with the relay that drains its spool."""
    failpoints = Failpoints(settings.failpoints)
    outlet = Outlet(partial(Broker.connect, settings.rabbitmq_url, NAME, PATIENCE))
    await closing.enter_async_context(outlet.connecting())
    spool = Spool(accounts, settings.spool_megabytes * 1_000_000)
    relay = Relay(spool, outlet, tally, failpoints)
    periodic = [
        Periodic("relay_spool", RELAY_EVERY_S, relay.drain),
        Periodic("look_at_spool", LOOK_EVERY_S, spool.look),
    ]
    await closing.enter_async_context(running(periodic))
    deliverer = Deliverer(outlet, spool, tally, failpoints)
    intake = Intake(deliverer, settings.batch_age_ms / 1_000, settings.fare_lifetime, utc_now, failpoints)
    health.require("rabbitmq_or_spool", lambda: intake.open)
    return intake


def _accounts(settings: Settings) -> AsyncEngine:
    return open_engine(
        settings.accounts_url,
        name="accounts",
        application=NAME,
        pool_size=settings.accounts_connections,
        prepared=settings.prepared_statements,
    )


def _sources(settings: Settings) -> list[SourceSettings]:
    if settings.sources_file is None:
        return []
    secrets = {name: secret.get_secret_value() for name, secret in settings.source_secrets.items()}
    return read_sources(settings.sources_file, secrets)


def utc_now() -> datetime:
    """The clock of the running service."""
    return datetime.now(UTC)
