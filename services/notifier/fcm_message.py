"""A push as an FCM message: how long it lives, and which earlier one it replaces on the device."""

from datetime import UTC, datetime, time, timedelta

from firebase_admin import messaging

from services.notifier.gateway import Push
from shared.messages.notifications import Expiry, Notice

# A fare seldom lasts a day: a push that arrives later would send a traveller after a price that is gone.
LIFE_OF_A_FARE = timedelta(days=1)
# The end of an alert is no less true when the phone has been off for a holiday.
LIFE_OF_AN_EXPIRY = timedelta(days=14)


def to_message(push: Push, now: datetime) -> messaging.Message:
    """Build the message of a push; `now` in UTC bounds the life of a fare by its departure."""
    notice, text = push.notice, push.text
    # A repeat must replace its twin, and a deeper low or the end its forerunner: all are of the same alert.
    replaces = str(notice.alert_id)
    life = time_to_live(notice, now)
    message = messaging.Message(
        notification=messaging.Notification(title=text.title, body=text.body),
        data={"notification_id": str(notice.id), "alert_id": str(notice.alert_id)},
        android=_android(replaces, life),
        apns=_apns(replaces, now + life),
        webpush=_webpush(push, replaces, life),
    )
    if push.device.addressed_by == "fid":
        message.fid = push.device.address
    else:  # as a constructor's argument it would warn that installation ids are to replace tokens; both are served
        message.token = push.device.address
    return message


def time_to_live(notice: Notice, now: datetime) -> timedelta:
    """Return how long FCM may keep it, in whole seconds; zero once a fare's departure day is over in UTC."""
    if isinstance(notice, Expiry):
        return LIFE_OF_AN_EXPIRY
    departs_by = datetime.combine(notice.fare.departure_date, time.max, UTC)
    left = min(LIFE_OF_A_FARE, departs_by - now)
    return timedelta(seconds=max(0, int(left.total_seconds())))


def _android(replaces: str, life: timedelta) -> messaging.AndroidConfig:
    return messaging.AndroidConfig(priority="high", ttl=life, notification=messaging.AndroidNotification(tag=replaces))


def _apns(replaces: str, expires: datetime) -> messaging.APNSConfig:
    headers = {"apns-collapse-id": replaces, "apns-expiration": str(int(expires.timestamp()))}
    return messaging.APNSConfig(headers=headers, payload=messaging.APNSPayload(aps=messaging.Aps(sound="default")))


def _webpush(push: Push, replaces: str, life: timedelta) -> messaging.WebpushConfig:
    return messaging.WebpushConfig(
        headers={"TTL": str(int(life.total_seconds()))},
        notification=messaging.WebpushNotification(title=push.text.title, body=push.text.body, tag=replaces),
    )
