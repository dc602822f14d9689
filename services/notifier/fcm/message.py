"""A push as an FCM message: how insistently it comes, how long it lives, and which earlier one it replaces.

Only the part of the device's own platform is built; the text stands once, where FCM gives it to every platform.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Literal, TypeAlias

from firebase_admin import messaging

from services.notifier.digest import Digest
from services.notifier.gateway import Push
from shared.messages.notifications import Expiry, Notice, Notification

# A fare seldom lasts a day: a push that arrives later would send a traveller after a price that is gone.
LIFE_OF_A_FARE = timedelta(days=1)
# By the next hour of their digest the fares in this one are old.
LIFE_OF_A_DIGEST = timedelta(hours=12)
# The end of an alert is no less true when the phone has been off for a holiday.
LIFE_OF_AN_EXPIRY = timedelta(days=14)

Told: TypeAlias = Notice | Digest


@dataclass(frozen=True, slots=True)
class Manner:
    """How a kind of push comes, in the words of each platform.

    Attributes:
        channel: of Android's notification settings; the app makes them under these names.
        wakes: whether it may wake the device, with a sound, instead of waiting until it is awake.
        prominence: Android's for devices without channels.
        interruption: Apple's interruption level.
    """

    kind: Literal["fired", "expired", "digest"]
    channel: str
    wakes: bool
    prominence: Literal["high", "default", "low"]
    interruption: Literal["passive", "active", "time-sensitive"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes around the text, whatever the platform.

    Attributes:
        replaces: names on the device what a push takes the place of: its twin, a higher price of its alert, or
            yesterday's digest.
        thread: groups pushes on Apple's screens.
        link: what a tap opens.
    """

    manner: Manner
    replaces: str
    thread: str
    link: str
    now: datetime
    life: timedelta


FIRING = Manner("fired", "price_drops", wakes=True, prominence="high", interruption="active")
EXCEPTIONAL_FIRING = replace(FIRING, interruption="time-sensitive")
DIGEST = Manner("digest", "digests", wakes=False, prominence="default", interruption="passive")
EXPIRY = Manner("expired", "ended_alerts", wakes=False, prominence="low", interruption="passive")


def to_message(push: Push, now: datetime, links: str) -> messaging.Message:
    """Build the message of a push.

    Args:
        push: to one device.
        now: the instant in UTC; it bounds the life of a fare by its departure.
        links: where the app's links begin, such as `farelark://` or `https://app.example.com`.
    """
    told, device = push.told, push.device
    envelope = _envelope(told, now, links if links.endswith("/") else f"{links}/")
    message = messaging.Message(
        data=_data(told, envelope),
        notification=messaging.Notification(title=push.text.title, body=push.text.body),
    )
    match device.platform:
        case "android":
            message.android = _android(envelope)
        case "ios":
            message.apns = _apns(envelope)
        case "web":
            message.webpush = _webpush(envelope)
    if device.addressed_by == "fid":
        message.fid = device.address
    else:  # as a constructor's argument it would warn that installation ids are to replace tokens; both are served
        message.token = device.address
    return message


def time_to_live(told: Told, now: datetime) -> timedelta:
    """Return how long FCM may keep it, in whole seconds; zero once a fare's departure day is over in UTC."""
    if isinstance(told, Expiry):
        return LIFE_OF_AN_EXPIRY
    if isinstance(told, Notification):
        longest, departure = LIFE_OF_A_FARE, told.fare.departure_date
    else:
        longest, departure = LIFE_OF_A_DIGEST, min(item.best.fare.departure_date for item in told.items)
    departs_by = datetime.combine(departure, time.max, UTC)
    left = min(longest, departs_by - now)
    return timedelta(seconds=max(0, int(left.total_seconds())))


def _envelope(told: Told, now: datetime, links: str) -> Envelope:
    life = time_to_live(told, now)
    if isinstance(told, Digest):
        return Envelope(DIGEST, f"digest-{told.user_id}", "digest", f"{links}notifications", now, life)
    alert = str(told.alert_id)
    link = f"{links}alerts/{alert}?notification={told.id}"
    return Envelope(_manner(told), alert, told.route, link, now, life)


def _manner(notice: Notice) -> Manner:
    if isinstance(notice, Expiry):
        return EXPIRY
    return EXCEPTIONAL_FIRING if notice.is_exceptional else FIRING


def _data(told: Told, envelope: Envelope) -> dict[str, str]:
    data = {"notification_id": str(told.id), "kind": envelope.manner.kind, "link": envelope.link}
    if not isinstance(told, Digest):
        data["alert_id"] = str(told.alert_id)
    return data


def _android(envelope: Envelope) -> messaging.AndroidConfig:
    """Configure without a collapse key: FCM keeps but four a device, and slows down who uses them."""
    manner = envelope.manner
    notification = messaging.AndroidNotification(
        tag=envelope.replaces,
        channel_id=manner.channel,
        priority=manner.prominence,
        visibility="private",  # where somebody wants to fly to is for no bystander, if the phone is set so
    )
    return messaging.AndroidConfig(
        priority="high" if manner.wakes else "normal", ttl=envelope.life, notification=notification
    )


def _apns(envelope: Envelope) -> messaging.APNSConfig:
    manner = envelope.manner
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if manner.wakes else "5",
        "apns-expiration": str(int((envelope.now + envelope.life).timestamp())),
        "apns-collapse-id": envelope.replaces,
    }
    aps = messaging.Aps(
        sound="default" if manner.wakes else None,
        thread_id=envelope.thread,
        custom_data={"interruption-level": manner.interruption},
    )
    return messaging.APNSConfig(headers=headers, payload=messaging.APNSPayload(aps=aps))


def _webpush(envelope: Envelope) -> messaging.WebpushConfig:
    link = envelope.link
    return messaging.WebpushConfig(
        headers={
            "TTL": str(int(envelope.life.total_seconds())),
            "Urgency": "high" if envelope.manner.wakes else "normal",
        },
        notification=messaging.WebpushNotification(tag=envelope.replaces, renotify=False),
        # FCM takes no other scheme here: the app's own web page then finds the link among the data.
        fcm_options=messaging.WebpushFCMOptions(link=link) if link.startswith("https://") else None,
    )
