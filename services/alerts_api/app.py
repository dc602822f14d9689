"""Wires the alerts API: settings in, an ASGI application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from litestar import Litestar
from litestar.di import Provide

from services.alerts_api.accounts.authentication import BearerGuard, user_id_of
from services.alerts_api.accounts.deletion import Deletions
from services.alerts_api.accounts.export import Exports
from services.alerts_api.accounts.issuers import Issuers, OpenIdProvider
from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.passwords import Passwords
from services.alerts_api.accounts.sessions import SessionStore
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.creation import AlertCreator
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.reservations import Reservations
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.suggestions import Suggestions
from services.alerts_api.devices.store import DevicesStore
from services.alerts_api.fares.charts import PriceCharts
from services.alerts_api.fares.finding import FareFinder
from services.alerts_api.fares.history import HistoryReader
from services.alerts_api.fares.live import LiveReader
from services.alerts_api.fares.pages import FarePages
from services.alerts_api.fares.rates import CurrentRates
from services.alerts_api.http.bodies import MAX_BODY_BYTES, StrictRequest
from services.alerts_api.http.cors import cors_config
from services.alerts_api.http.edge import at_the_edge
from services.alerts_api.http.limiting import AccountTries, LimitedGuard, Limits
from services.alerts_api.http.openapi import LayersInFront, openapi_config
from services.alerts_api.http.problems import handlers
from services.alerts_api.http.readiness import Readiness
from services.alerts_api.notifications.causes import Causes
from services.alerts_api.notifications.store import NotificationsStore
from services.alerts_api.preferences.store import PreferencesStore
from services.alerts_api.routing import routers
from services.alerts_api.servers import Connect, Servers
from services.alerts_api.settings import Settings
from shared.airports import cities
from shared.alerts.available_fares import AvailableFares
from shared.broker.broker import Broker
from shared.failpoints import Failpoints
from shared.http.measuring import Measuring
from shared.http.openapi import DocstringsAsSummaries
from shared.periodic import Periodic, running

_CHORES_EVERY_S: Final = 60.0
_LOOK_EVERY_S: Final = 5.0

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def utc_now() -> datetime:
    """The clock of the running service."""
    return datetime.now(UTC)


def create_app(
    settings: Settings, clock: Callable[[], datetime] = utc_now, connect: Connect = Broker.connect
) -> Litestar:
    """Wire the application; it connects to its servers as requests need them, to RabbitMQ in the background.

    Raises:
        ConfigurationError: there is no usable token key, or no shard.
    """
    cities()  # read here once, not within the first request
    servers = Servers.of(settings, connect)
    token_keys = TokenKeys(settings.jwt_keys, clock)
    tokens = AccessTokens(token_keys)
    issuers = Issuers(tokens, settings.oidc and OpenIdProvider.at(settings.oidc, servers.accounts))
    limits = Limits.of(settings)
    failpoints = Failpoints(settings.failpoints)
    sessions = SessionStore(servers.accounts)
    deletions = Deletions(servers.accounts, servers.shards, failpoints)
    given = {
        **_stores(settings, servers, failpoints, clock),
        "sessions": sessions,
        "deletions": deletions,
        "passwords": Passwords(),
        "tries": AccountTries(servers.counts, limits),
        "tokens": tokens,
        "token_keys": token_keys,
    }
    readiness = given["readiness"]
    chores = [
        Periodic("look_at_servers", _LOOK_EVERY_S, readiness.renew),
        Periodic("finish_deletions", _CHORES_EVERY_S, lambda: deletions.finish(clock())),
        Periodic("forget_sessions", _CHORES_EVERY_S, lambda: sessions.forget_expired(clock())),
    ]
    dependencies = {
        **{name: _given(value) for name, value in given.items()},
        "now": Provide(clock, sync_to_thread=False),
        "user_id": Provide(user_id_of, sync_to_thread=False),
    }
    guard = LimitedGuard(BearerGuard(issuers), servers.counts, limits)
    app = _litestar(
        settings, dependencies, guard, [servers.connected, lambda _: _open(issuers), lambda _: running(chores)]
    )
    app.state.readiness = readiness  # for the process's own health
    app.asgi_handler = at_the_edge(app.asgi_handler, settings.trusted_proxies)
    return app


def _litestar(
    settings: Settings, dependencies: dict[str, Provide], guard: LimitedGuard, lifespan: list[Lifespan]
) -> Litestar:
    return Litestar(
        routers(),
        dependencies=dependencies,
        middleware=[Measuring()],
        guards=[guard],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers=handlers(),
        lifespan=lifespan,
        cors_config=cors_config(settings.cors_origins),
        openapi_config=openapi_config(browsable=settings.environment == "development"),
        plugins=[DocstringsAsSummaries(), LayersInFront()],
        logging_config=None,
    )


def _stores(
    settings: Settings, servers: Servers, failpoints: Failpoints, clock: Callable[[], datetime]
) -> dict[str, Any]:
    """What handlers read and write with, by the names that they ask for it."""
    accounts = AccountsStore(servers.accounts)
    alerts = AlertsStore(servers.shards)
    preferences = PreferencesStore(servers.accounts)
    notifications = NotificationsStore(servers.accounts)
    available = AvailableFares(servers.boards, settings.fare_lifetime, clock)
    replies = WriteReplies(servers.evaluations, available, Suggestions(servers.shards, clock))
    reservations = Reservations(servers.accounts, settings.alerts_per_user)
    return {
        "accounts": accounts,
        "alerts": alerts,
        "creator": AlertCreator(alerts, reservations, replies, failpoints),
        "edits": AlertEditor(servers.shards, failpoints),
        "replies": replies,
        "devices": DevicesStore(servers.accounts),
        "exports": Exports(servers.accounts, preferences, notifications, alerts),
        "preferences": preferences,
        "notifications": notifications,
        "causes": Causes(servers.shards),
        **_fares(settings, servers),
        "readiness": _readiness(accounts, alerts, servers),
    }


def _fares(settings: Settings, servers: Servers) -> dict[str, Any]:
    read_boards = LiveReader(servers.boards, settings.fare_lifetime).read if settings.fares_live else None
    history, rates = HistoryReader(servers.shards), CurrentRates(servers.shards)
    finder = FareFinder(read_boards, settings.fares_minimum, history.last_prices)
    return {
        "fares": FarePages(finder, rates, settings.fares_fresh_for),
        "charts": PriceCharts(history.day_prices, rates),
    }


def _readiness(accounts: AccountsStore, alerts: AlertsStore, servers: Servers) -> Readiness:
    shards = {servers.shards.name(shard): partial(alerts.check, shard) for shard in servers.shards.numbers}
    others = {"redis": servers.boards.ping, "rabbitmq": servers.evaluations.check}
    return Readiness(accounts.check, shards, others)


def _given(value: object) -> Provide:
    """A dependency that is the same for every request."""
    return Provide(lambda: value, sync_to_thread=False)


@asynccontextmanager
async def _open(issuers: Issuers) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await issuers.close()
