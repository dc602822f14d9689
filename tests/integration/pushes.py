"""What tests of the way to FCM stand on: pushes to invented devices, and a gateway that nothing slows down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from prometheus_client import REGISTRY

from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.gateway import Device, Push
from services.notifier.rendering.rendering import render
from shared.messages.notifications import Fare, Notification
from shared.topology import Lane
from tests.hand_moved_clock import Clock

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

NOTIFICATION = Notification(
    id=UUID(int=1),
    alert_id=UUID(int=2),
    user_id=UUID(int=3),
    fire_seq=1,
    fired_at=NOW,
    route="NYC-LON",
    fare=Fare(
        origin="JFK",
        destination="LHR",
        departure_date=date(2026, 12, 24),
        cabin="economy",
        stops=0,
        currency="USD",
        price=39900,
        observed_at=NOW,
        source="test",
    ),
    reference_price=36000,
    armed_price=37000,
)
_DEVICE = Device(UUID(int=4), UUID(int=3), "android", "en", "UTC", "", "token")


def push(to: str, **of_device: str) -> Push:
    """A push to the device with this address."""
    device = replace(_DEVICE, address=to, **of_device)  # type: ignore[arg-type]  # a platform is a Literal
    return Push(NOTIFICATION, device, render(NOTIFICATION, device.locale), Lane.STANDARD)


class Pace:
    """A pacer that lets everything go at once, and remembers who asked for less."""

    def __init__(self) -> None:
        self.permits = 0
        self.slowed_down = 0

    async def permit(self, waiting: int) -> None:
        assert waiting > 0
        self.permits += 1

    async def slow_down(self) -> None:
        self.slowed_down += 1


@asynccontextmanager
async def open_gateway(
    credentials: Path, endpoint: str, pace: Pace | None = None, clock: Clock | None = None, connections: int = 500
) -> AsyncIterator[FirebaseGateway]:
    """A gateway to a stand-in while the block runs."""
    gateway = FirebaseGateway(
        credentials, lambda: NOW, pace or Pace(), "farelark://", connections, endpoint, clock or Clock()
    )
    try:
        yield gateway
    finally:
        await gateway.close()


def counted(metric: str, **labels: str) -> float:
    """What a metric of this process says."""
    return REGISTRY.get_sample_value(metric, labels) or 0
