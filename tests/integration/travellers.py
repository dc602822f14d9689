"""Travellers who make, edit, pause, resume and delete alerts, through all of the API but HTTP."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.evaluations import Evaluations
from services.alerts_api.alerts.planning import WEEKDAYS
from services.alerts_api.alerts.resources import (
    AlertRequest,
    AlertWithBestFare,
    BestFare,
    Drop,
    Money,
    NewLow,
    RoundTrip,
    Target,
)
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert
from services.alerts_api.alerts.suggestions import Suggestions
from services.alerts_api.http.fields import InvalidFieldError
from shared.alerts.arrivals import finish_arrivals
from shared.alerts.available_fares import AvailableFares
from shared.fakes import FakeBroker
from shared.shards import Shards
from tests.integration.alert_world import LIFETIME, Wish
from tests.integration.crashing import CrashError
from tests.integration.driven_fleet import Fleet, failpoints_at
from tests.integration.driven_messages import Message, messages_of


class ConnectedBroker(FakeBroker):
    """As the API asks for it: it does not wait for a broker."""

    @property
    def connected(self) -> bool:
        return self.there


@dataclass(frozen=True)
class Reply:
    """What the API answers and asks for; without an id it refused, or died halfway."""

    asked: list[Message]
    id: UUID | None = None
    best: BestFare | None = None


@dataclass
class Travellers:
    fleet: Fleet
    shards: Shards = field(init=False)

    def __post_init__(self) -> None:
        self.shards = Shards(self.fleet.servers.engines)
        self.user = self.fleet.servers.traveller

    async def make(self, wish: Wish) -> Reply:
        """A wish for days that are over is refused."""
        try:
            stored = await AlertsStore(self.shards).add(self.user, request(wish), self.fleet.clock())
        except InvalidFieldError:
            return Reply([])
        return await self._replied(stored)

    async def edit(self, alert_id: UUID, wish: Wish, failpoint: str = "") -> Reply:
        editor = AlertEditor(self.shards, failpoints_at(failpoint))
        try:
            stored = await editor.edit(self.user, alert_id, lambda _: request(wish), self.fleet.clock())
        except (CrashError, InvalidFieldError):
            return Reply([])
        return await self._replied(stored)

    async def pause(self, alert_id: UUID) -> None:
        await AlertsStore(self.shards).pause(self.user, alert_id)

    async def resume(self, alert_id: UUID) -> Reply:
        return await self._replied(await AlertsStore(self.shards).resume(self.user, alert_id, self.fleet.clock()))

    async def delete(self, alert_id: UUID) -> None:
        await AlertsStore(self.shards).remove(self.user, alert_id)

    async def finish_arrivals(self) -> None:
        """What the alert worker's sweep does for edits that were cut short."""
        await finish_arrivals(self.fleet.shards, timedelta())

    async def _replied(self, stored: StoredAlert) -> Reply:
        broker = ConnectedBroker()

        async def connect() -> ConnectedBroker:
            return broker

        evaluations = Evaluations(connect)
        await evaluations._connect()
        fares = AvailableFares(self.fleet.servers.boards, LIFETIME, self.fleet.clock)
        suggestions = Suggestions(self.shards, self.fleet.clock)
        reply: AlertWithBestFare = await WriteReplies(evaluations, fares, suggestions).to(stored)
        assert reply.best_fare_known
        return Reply(messages_of(broker), reply.id, reply.best_fare)


def request(wish: Wish) -> AlertRequest:
    """The wish in the API's words."""
    return AlertRequest(
        origin=_place("NYC", wish.origins),
        destination=_place(wish.destination, wish.destinations),
        departure_from=wish.departure_from,
        departure_to=wish.departure_to,
        round_trip=RoundTrip(wish.return_from, wish.return_to, wish.nights_min, wish.nights_max)
        if wish.round_trip
        else None,
        weekdays=[WEEKDAYS[day] for day in wish.weekdays] if wish.weekdays else None,
        cabin=wish.cabin,
        max_stops=wish.max_stops,
        carriers=list(wish.carriers) if wish.carriers else None,
        excluded_carriers=list(wish.excluded_carriers) if wish.excluded_carriers else None,
        rule=_rule(wish),
        improvement_percent=wish.improvement,
        rearm=wish.rearm,
    )


def _place(city: str, airports: tuple[str, ...] | None) -> str | list[str]:
    if airports is None:
        return city
    return airports[0] if len(airports) == 1 else list(airports)


def _rule(wish: Wish) -> Target | Drop | NewLow:
    if wish.target is not None:
        return Target(Money(wish.target, wish.currency))
    if wish.percent is not None:
        return Drop(wish.percent, wish.currency)
    return NewLow(wish.currency)
