"""Why a push came or did not, in words for the traveller: what the notifier writes down is for us. Pure.

The sentences are English, whatever the language of the pushes.
"""

from collections.abc import Mapping
from typing import Final

from services.alerts_api.notifications.resources import State

_BY_STATE: Final[Mapping[State, str]] = {
    "queued": "It is about to be sent.",
    "held": "It waits for the time at which you want to be told.",
    "sending": "It is being sent.",
    "sent": "It was handed on to be shown on your devices.",
    "failed": "It could not be sent.",
    "suppressed": "It was not sent: you had been told enough for the time being.",
    "dropped": "It was not sent: it no longer held.",
    "delivered": "A device of yours has received it.",
    "opened": "You have opened it.",
}

_AGAIN: Final = "It could not be sent yet; we keep trying."
_GIVEN_UP: Final = "It could not be sent, though we tried for an hour."
_GONE: Final = "It did not reach you: the app is no longer set up on your device. Open it there to be told again."
_OURS: Final = "It could not be sent, by a fault of ours that we look into."

_FOR_NOW: Final = (
    "circuit_open",
    "fcm_access_token_unavailable",
    "map_moved",
    "permission_denied",
    "pushes_stopped",
    "quota_exceeded",
    "redis_unavailable",
    "server_error",
    "shard_unavailable",
    "third_party_auth",
    "unauthenticated",
)

_BY_REASON: Final[Mapping[State, Mapping[str, str]]] = {
    "queued": dict.fromkeys(_FOR_NOW, _AGAIN)
    | {"outcome_unknown": "It may have reached you; we keep trying until we know."},
    "held": {
        "quiet_hours": "It waits until your quiet hours are over.",
        "digest": "It waits for the hour at which you want to be told of all at once.",
        "cooldown": "It waits a little: you have only just been told of this alert.",
    },
    "failed": {
        "quota_exceeded": _GIVEN_UP,
        "server_error": _GIVEN_UP,
        "outcome_unknown": "It may not have reached you: for an hour we did not get to know.",
        "no_device": "It was not sent: no device of yours takes notifications. Open the app to enter one.",
        "unregistered": _GONE,
        "invalid_address": _GONE,
        "sender_id_mismatch": _GONE,
        "invalid_argument": _OURS,
        "invalid_message": _OURS,
        "not_found": _OURS,
    },
    "suppressed": {
        "hourly_cap": "It was not sent: you had got as many as you want within an hour.",
        "daily_cap": "It was not sent: you had got as many as you want within a day.",
        "superseded": "It was not sent: you were told of a better or a later fare of this alert instead.",
    },
    "dropped": {
        "alert_deleted": "It was not sent: you had deleted the alert.",
        "alert_edited": "It was not sent: you had changed the alert meanwhile.",
        "alert_paused": "It was not sent: you had paused the alert.",
        "alert_expired": "It was not sent: the days that the alert watched were over.",
        "fare_departed": "It was not sent: the flight had left before we could tell you.",
        "fare_gone": "It was not sent: the fare had risen again before we could tell you.",
    },
}


def explain(state: State, reason: str | None) -> str:
    """Say why a notification is in its state.

    A reason says no more than the state where a newer notifier gives it, or where it is over, such as quiet hours are
    for what is queued.
    """
    return _BY_REASON.get(state, {}).get(reason or "", _BY_STATE[state])
