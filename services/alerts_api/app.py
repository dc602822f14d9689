"""Wires the alerts API: settings in, an ASGI application out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from litestar import Litestar, Router
from litestar.di import Provide
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.accounts.authentication import PUBLIC, BearerGuard, user_id_of
from services.alerts_api.accounts.passwords import Passwords
from services.alerts_api.accounts.routes import login, register
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.evaluations import Evaluations
from services.alerts_api.alerts.routes import (
    change_alert,
    create_alert,
    delete_alert,
    get_alert,
    list_alerts,
    pause_alert,
    replace_alert,
    resume_alert,
)
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.devices.routes import enter_device
from services.alerts_api.http.bodies import MAX_BODY_BYTES, StrictRequest
from services.alerts_api.http.health import live, metrics, ready
from services.alerts_api.http.measuring import Measuring
from services.alerts_api.http.openapi import BEARER_ONLY, openapi_config
from services.alerts_api.http.problems import handlers
from services.alerts_api.settings import Settings
from shared.airports import cities
from shared.alerts.available_fares import AvailableFares
from shared.broker import Broker
from shared.databases import open_engine
from shared.errors import ConfigurationError
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.shards import Shards

NAME = "alerts_api"

Connect = Callable[[str, str], Awaitable[Broker]]

_ALERTS = [
    create_alert,
    list_alerts,
    get_alert,
    replace_alert,
    change_alert,
    delete_alert,
    pause_alert,
    resume_alert,
]


def utc_now() -> datetime:
    """The clock of the running service."""
    return datetime.now(UTC)


def create_app(
    settings: Settings, clock: Callable[[], datetime] = utc_now, connect: Connect = Broker.connect
) -> Litestar:
    """Wire the application; it connects to its servers as requests need them, to RabbitMQ in the background.

    Raises:
        ConfigurationError: the token key cannot be read, or there is no shard.
    """
    tokens = _read_tokens(settings)
    cities()  # read here once, not within the first request
    accounts = open_engine(settings.accounts_url, application=NAME, pool_size=settings.accounts_connections)
    shards = Shards.at(settings.shards, application=NAME, pool_size=settings.shard_connections)
    boards = BoardStore(settings.redis_url)
    evaluations = Evaluations(partial(connect, settings.rabbitmq_url, NAME))
    return Litestar(
        [
            Router("/api/auth", route_handlers=[register, login], opt=PUBLIC),
            Router("/api", route_handlers=[enter_device, *_ALERTS], security=BEARER_ONLY),
            Router("/", route_handlers=[live, ready, metrics], opt=PUBLIC),
        ],
        dependencies={
            "accounts": _given(AccountsStore(accounts)),
            "alerts": _given(AlertsStore(shards)),
            "edits": _given(AlertEditor(shards, Failpoints(settings.failpoints))),
            "replies": _given(WriteReplies(evaluations, AvailableFares(boards, settings.fare_lifetime, clock))),
            "passwords": _given(Passwords()),
            "tokens": _given(tokens),
            "now": Provide(clock, sync_to_thread=False),
            "user_id": Provide(user_id_of, sync_to_thread=False),
        },
        middleware=[Measuring()],
        guards=[BearerGuard(tokens)],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers=handlers(),
        lifespan=[_closing(accounts, shards, boards), lambda _: evaluations.connecting()],
        openapi_config=openapi_config(),
        logging_config=None,
    )


def _read_tokens(settings: Settings) -> AccessTokens:
    try:
        return AccessTokens.from_pem(settings.jwt_key_file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"JWT_KEY_FILE cannot be read: {error}") from error


def _given(value: object) -> Provide:
    """A dependency that is the same for every request."""
    return Provide(lambda: value, sync_to_thread=False)


def _closing(
    accounts: AsyncEngine, shards: Shards, boards: BoardStore
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Give the connections back once the last request is answered."""

    @asynccontextmanager
    async def closing(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.gather(accounts.dispose(), shards.close(), boards.close())

    return closing
