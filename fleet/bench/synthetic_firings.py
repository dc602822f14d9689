"""Firings to be pushed: of invented alerts, each of another invented traveller who has one device."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
import numpy as np

from fleet.bench.market import DAYS_AHEAD, Market, Route
from services.alert_worker.announcing import grouped
from shared.broker.outgoing import Outgoing
from shared.deliveries import Context
from shared.messages.notifications import JSON, Fare, Notification, encode, notification_id
from shared.shard_map import ShardMap
from shared.topology import NOTIFICATIONS

_ROUTES: Final = 500
_FALL: Final = 1.15  # the previous price to the new one: worth a push and not an urgent one
_FIRST_DAY: Final = 14
_CARRIERS: Final = ("AA", "AF", "BA", "IB", "LH", "UA")
_LOCALES: Final = ("en-GB", "en-US", "de-DE", "es-ES", "fr-FR")
_PLATFORMS: Final[tuple[Literal["android", "ios", "web"], ...]] = ("android", "ios", "web")
_PLATFORM_SHARES: Final = (0.6, 0.35, 0.05)
_TOKEN_BYTES: Final = 76  # in hexadecimal about as long as Firebase's


class Installation(NamedTuple):
    """The app on a traveller's device."""

    id: UUID
    user_id: UUID
    token: str
    platform: Literal["android", "ios", "web"]
    locale: str
    time_zone: str = "Europe/Berlin"


class Firing(NamedTuple):
    """What is to be told, and on which device."""

    notification: Notification
    installation: Installation


def invent(count: int, seed: int, now: datetime) -> list[Firing]:
    """So many firings at that instant, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    market = Market(_ROUTES, random)
    positions = market.choose(count, random)
    return [_firing(market.routes[position], round(market.usual[position]), random, now) for position in positions]


async def settle(accounts: str, shards: Sequence[str], shard_map: ShardMap, firings: Sequence[Firing]) -> None:
    """Write down the travellers with their devices, and the alerts where the shard map wants them."""
    users = [{"id": firing.installation.user_id} for firing in firings]
    devices = [firing.installation._asdict() for firing in firings]
    await _copy(accounts, "users", users)
    await _copy(accounts, "devices", devices)
    parts: dict[str, list[dict[str, Any]]] = {}
    for firing in firings:
        url = shards[shard_map.shard_of(firing.notification.route)]
        parts.setdefault(url, []).append(_alert(firing.notification))
    await asyncio.gather(*(_copy(url, "alerts", part) for url, part in parts.items()))


def messages(firings: Iterable[Firing]) -> Iterator[Outgoing]:
    """The messages in which alert workers publish these firings."""
    for lane, route, notices in grouped(firing.notification for firing in firings):
        yield Outgoing(
            exchange=NOTIFICATIONS.name,
            routing_key=lane.value,
            body=encode(notices),
            content_type=JSON,
            headers=Context(route=route).headers(),
        )


def _firing(route: Route, usual: int, random: np.random.Generator, now: datetime) -> Firing:
    alert, user, device = (UUID(bytes=random.bytes(16)) for _ in range(3))
    fare = Fare(
        origin=route.origin.airports[0],
        destination=route.destination.airports[0],
        departure_date=now.date() + timedelta(days=int(random.integers(_FIRST_DAY, DAYS_AHEAD))),
        carrier=str(random.choice(_CARRIERS)),
        flight_number=str(random.integers(1, 1_000)),
        departure_time="09:40",
        cabin="economy",
        stops=int(random.integers(2)),
        currency=route.origin.currency,
        price=usual,
        observed_at=now,
    )
    notification = Notification(
        id=notification_id(alert, 0, 1, "", usual),
        alert_id=alert,
        user_id=user,
        fire_seq=1,
        fired_at=now,
        route=route.name,
        fare=fare,
        previous_price=round(usual * _FALL),
        reference_price=usual,
        armed_price=usual,
    )
    token, locale = random.bytes(_TOKEN_BYTES).hex(), str(random.choice(_LOCALES))
    platform = _PLATFORMS[random.choice(len(_PLATFORMS), p=_PLATFORM_SHARES)]
    return Firing(notification, Installation(device, user, token, platform, locale))


def _alert(notification: Notification) -> dict[str, Any]:
    """The alert as its claim has left it, as far as a notifier looks at it."""
    departure = notification.fare.departure_date
    return {
        "id": notification.alert_id,
        "user_id": notification.user_id,
        "route": notification.route,
        "departure_from": departure,
        "departure_to": departure,
        "rule": "new_low",
        "currency": notification.fare.currency,
        "armed_price": notification.armed_price - 1,
        "initial_price": notification.armed_price,
        "fire_seq": notification.fire_seq,
    }


async def _copy(url: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table(table, records=[[*row.values()] for row in rows], columns=[*rows[0]])
    finally:
        await connection.close()
