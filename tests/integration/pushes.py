"""What tests of the way to FCM stand on: pushes to invented devices, and a gateway that nothing slows down."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.gateway import Device, Push
from services.notifier.rendering.rendering import render
from shared.topology import Lane
from tests.hand_moved_clock import Clock
from tests.sample_notices import FIRING, NOW, USER

_DEVICE = Device(UUID(int=4), USER, "android", "en", "UTC", "", "token")


def push(to: str, **of_device: str) -> Push:
    """A push to the device with this address."""
    device = replace(_DEVICE, address=to, **of_device)  # type: ignore[arg-type]  # a platform is a Literal
    return Push(FIRING, device, render(FIRING, device.locale), Lane.STANDARD)


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
    credentials: Path,
    endpoint: str,
    pace: Pace | None = None,
    clock: Clock | None = None,
    connections: int = 500,
    stopped: Callable[[], bool] = lambda: False,
) -> AsyncIterator[FirebaseGateway]:
    """A gateway to a stand-in while the block runs."""
    gateway = FirebaseGateway(
        credentials, lambda: NOW, pace or Pace(), "farelark://", connections, endpoint, clock or Clock(), stopped
    )
    try:
        yield gateway
    finally:
        await gateway.close()
