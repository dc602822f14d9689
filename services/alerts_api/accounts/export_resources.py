"""A copy of all that we keep of a traveller, as one document."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from services.alerts_api.alerts.resources import Alert
from services.alerts_api.devices.resources import Device
from services.alerts_api.notifications.resources import Notification
from services.alerts_api.preferences.resources import Preferences


class ExportedIdentity(Struct, frozen=True, kw_only=True):
    """Whom another issuer's tokens name when they mean the traveller."""

    issuer: str
    subject: str


class ExportedAccount(Struct, frozen=True, kw_only=True):
    """The account; a password is kept as a hash alone, which is not given away."""

    id: UUID
    email: str | None
    created_at: datetime
    identities: list[ExportedIdentity]


class ExportedSession(Struct, frozen=True, kw_only=True):
    """A login, and how it ended if it was ended."""

    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_reason: str | None


class ExportedDevice(Device, frozen=True, kw_only=True):
    """A device, also one that pushes no longer reach; what addresses it is its app's to know."""

    created_at: datetime
    retired_at: datetime | None
    retired_reason: str | None


class ExportedNotification(Notification, frozen=True, kw_only=True):
    """A notification; `notice` is the message that led to it, whole."""

    notice: dict[str, Any]


class Export(Struct, frozen=True, kw_only=True):
    """All that we keep of a traveller."""

    exported_at: datetime
    account: ExportedAccount
    preferences: Preferences
    devices: list[ExportedDevice]
    sessions: list[ExportedSession]
    alerts: list[Alert]
    notifications: list[ExportedNotification]
