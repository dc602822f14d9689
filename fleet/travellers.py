"""Invented travellers who use the fleet as the mobile app does: over its HTTP API."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

import httpx

from fleet.generator import Low
from shared.errors import FarelarkError

ALERTS_EACH: Final = 20
_AT_ONCE: Final = 8
_LOCALES: Final = ("en-GB", "en-US", "de-DE", "es-ES", "fr-FR")
# A target this far below the lowest price fires for some travellers in every cycle, and never for others.
_TARGET_SHARES: Final = (0.98, 0.93, 0.88, 0.8, 0.7)


class TravellersError(FarelarkError):
    """The API refused what it should have accepted."""


async def settle_in(api: str, lows: Sequence[Low], alerts: int, seed: int, made: Callable[[int], None]) -> None:
    """Register travellers with a device each, and make alerts a little below the present lowest prices.

    Args:
        api: root of the API.
        lows: what could be wished for, and what it costs now.
        alerts: how many to make in all.
        seed: the same wishes for the same seed.
        made: is told how many alerts were made since it was last told.

    Raises:
        TravellersError: the API refused.
    """
    wishes = _wishes(lows, alerts, random.Random(seed))  # noqa: S311  # plausible, not secret
    shares = [wishes[start : start + ALERTS_EACH] for start in range(0, alerts, ALERTS_EACH)]
    slots = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(base_url=api, timeout=30) as client, asyncio.TaskGroup() as travellers:
        for number, share in enumerate(shares):
            travellers.create_task(_live(client, slots, number, share, made))


async def _live(
    client: httpx.AsyncClient,
    slots: asyncio.Semaphore,
    number: int,
    wishes: Sequence[dict[str, Any]],
    made: Callable[[int], None],
) -> None:
    async with slots:
        credentials = {"email": f"traveller{number}.{uuid4().hex[:8]}@example.com", "password": uuid4().hex}
        grant = await _post(client, "/api/auth/register", credentials, {})
        as_me = {"Authorization": f"Bearer {grant['access_token']}"}
        device = {"token": uuid4().hex, "platform": "android", "locale": _LOCALES[number % len(_LOCALES)]}
        await _post(client, "/api/devices", device, as_me)
        for wish in wishes:
            await _post(client, "/api/alerts", wish, as_me)
            made(1)


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    response = await client.post(path, json=body, headers=headers)
    if not response.is_success:
        raise TravellersError(f"POST {path} answered {response.status_code}: {response.text[:300]}")
    answer: dict[str, Any] = response.json()
    return answer


def _wishes(lows: Sequence[Low], count: int, chance: random.Random) -> list[dict[str, Any]]:
    return [_wish(chance.choice(lows), chance) for _ in range(count)]


def _wish(low: Low, chance: random.Random) -> dict[str, Any]:
    amount = max(1, round(low.price * chance.choice(_TARGET_SHARES)))
    return {
        "origin": low.origin_city,
        "destination": low.destination_city,
        "departure_from": low.departure_date.isoformat(),
        "departure_to": low.departure_date.isoformat(),
        "rule": {"kind": "target", "price": {"amount": amount, "currency": low.currency}},
    }
