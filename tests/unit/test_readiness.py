"""When requests should be sent to a process of the alerts API."""

import asyncio

import pytest

from services.alerts_api.http.readiness import NotReadyError, Readiness
from shared.errors import UnavailableError


async def there() -> None:
    """A server that answers."""


async def away() -> None:
    raise UnavailableError("it", "is away")


async def test_it_is_ready_without_what_requests_can_do_without() -> None:
    readiness = Readiness(there, {"shard0": away, "shard1": there}, {"redis": away, "rabbitmq": away})
    assert await readiness.look() == {
        "accounts": "ok",
        "shard0": "away",
        "shard1": "ok",
        "redis": "away",
        "rabbitmq": "away",
    }


async def test_it_is_not_ready_without_accounts() -> None:
    with pytest.raises(NotReadyError, match="out of reach: accounts") as error:
        await Readiness(away, {"shard0": there}, {}).look()
    assert error.value.servers == {"accounts": "away", "shard0": "ok"}


async def test_it_is_not_ready_without_any_shard() -> None:
    with pytest.raises(NotReadyError, match="out of reach: shard0, shard1"):
        await Readiness(there, {"shard0": away, "shard1": away}, {}).look()


async def test_a_server_that_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerts_api.http.readiness._PATIENCE_S", 0)
    silence = asyncio.Event()

    async def silent() -> None:
        await silence.wait()

    with pytest.raises(NotReadyError, match="accounts"):
        await Readiness(silent, {"shard0": there}, {}).look()


async def test_a_mistake_of_ours_is_no_absence() -> None:
    async def mistaken() -> None:
        raise LookupError("no such table")

    with pytest.raises(LookupError):
        await Readiness(there, {"shard0": mistaken}, {}).look()


async def test_whoever_only_asks_is_told_what_the_last_look_has_shown() -> None:
    accounts = [away, there, away]

    async def next_answer() -> None:
        await accounts.pop(0)()

    readiness = Readiness(next_answer, {"shard0": there}, {"redis": away})
    shown = [readiness.holds]
    for _ in range(3):
        await readiness.renew()
        shown.append(readiness.holds)
    assert shown == [False, False, True, False]
