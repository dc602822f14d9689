"""How many connections a process of each service may open, seen as its own wiring opens its pools."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

import services.alert_worker.app as alert_worker
import services.alerts_api.servers as alerts_api
import services.history_worker.app as history_worker
import services.ingest_gateway.app as ingest_gateway
import services.notifier.app as notifier
import shared.shards
from services.alerts_api.settings import Settings as AlertsApiSettings
from shared.broker.broker import Broker
from shared.databases import open_engine
from shared.health import Health
from tests.integration.deploy.kubernetes_settings import SETTINGS

# Nobody is there, and nothing is polled or pushed.
_ANYWHERE: Final[dict[str, Any]] = {
    "rabbitmq_url": "amqp://rabbitmq/",
    "redis_url": "redis://redis:6379/0",
    "accounts_url": "postgresql://accounts/accounts",
    "shard_urls": "postgresql://shard0/shard0",
    "jwt_keys": Path("keys"),
    "sources_file": None,
    "push_log": Path("pushes"),
    "firebase_credentials": None,
}


class _WiredError(Exception):
    """Pools are made before the broker, or the tally, is looked for: there is nothing more to see."""


def of(component: str, told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """By database, of a process of this component that is told these settings; each shard is as the first."""
    opened = _opened(monkeypatch)
    (kind,) = SETTINGS[component]
    settings = kind(**{name: value for name, value in (told | _ANYWHERE).items() if name in kind.model_fields})
    with suppress(_WiredError):
        _WIRING[component](settings)
    return opened


def _serving(serve: Callable[[Any, Health, asyncio.Event], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    return lambda settings: asyncio.run(serve(settings, Health(), asyncio.Event()))


def _connect_the_api(settings: AlertsApiSettings) -> None:
    alerts_api.Servers.of(settings, Broker.connect)


# Who goes to a database.
_WIRING: Final[dict[str, Callable[[Any], None]]] = {
    "ingest_gateway": _serving(ingest_gateway.serve),
    "alert_worker": _serving(alert_worker.serve),
    "history_worker": _serving(history_worker.serve),
    "notifier": _serving(notifier.serve),
    "alerts_api": _connect_the_api,
}
COMPONENTS: Final = _WIRING.keys()


def _opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Filled while engines are made."""
    opened: Counter[str] = Counter()

    def counting(url: str, **options: Any) -> AsyncEngine:  # noqa: ANN401  # passed on as they are
        opened[options["name"]] += options["pool_size"]
        return open_engine(url, **options)

    def refuse(*_: object, **__: object) -> NoReturn:
        raise _WiredError

    for module in (ingest_gateway, notifier, alerts_api, shared.shards):
        monkeypatch.setattr(module, "open_engine", counting)
    monkeypatch.setattr(Broker, "connect", refuse)
    monkeypatch.setattr(ingest_gateway, "tallying", refuse)
    return opened
