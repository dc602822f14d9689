"""What tests that drive the fleet beside its model begin with."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from services.alert_worker import evaluations
from shared.money import Rates
from tests.integration.alert_model import Alerts
from tests.integration.driven_fleet import Fleet
from tests.integration.fleet_servers import FIRST_RATES_DATE, Servers
from tests.integration.side_by_side import SideBySide
from tests.integration.travellers import Travellers
from tests.private_servers import Servers as PrivateServers

FIRST_RATES = Rates(FIRST_RATES_DATE, "EUR", {"EUR": (1, 1), "USD": (1, 1), "JPY": (1, 1)})
PER_EURO = {"EUR": Fraction(1), "USD": Fraction(1), "JPY": Fraction(100)}


@dataclass
class World:
    """The servers of the run, in an event loop that outlives each example."""

    runner: asyncio.Runner
    servers: Servers

    def do(self, step: Coroutine[Any, Any, object]) -> None:
        self.runner.run(step)

    def begin(self) -> SideBySide:
        """A fleet without alerts or fares, and the model of it."""
        self.do(self.servers.reset(FIRST_RATES))
        fleet = Fleet(self.servers, FIRST_RATES)
        return SideBySide(fleet, Travellers(fleet), Alerts(PER_EURO), price_rates=PER_EURO)


@pytest.fixture
def world(servers: PrivateServers, shard_urls: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(evaluations, "_LOOK_EVERY_S", 0)  # nobody else writes a board meanwhile
    with asyncio.Runner() as runner:
        connecting = Servers.connect(servers.redis.url, shard_urls[:2], servers.postgres.url("accounts"))
        connected = runner.run(connecting)
        yield World(runner, connected)
        runner.run(connected.close())
