"""Why a push came or did not, in words for the traveller: what the notifier writes down is for us. Pure.

The sentences are English, as those of the pushes are.
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
    "suppressed": "It was not sent: you had got as many as you want for the time being.",
    "dropped": "It was not sent: it no longer held.",
    "delivered": "A device of yours has received it.",
    "opened": "You have opened it.",
}

_AGAIN: Final = "It could not be sent yet; we keep trying."
_GONE: Final = "It did not reach you: the app is no longer set up on your device. Open it there to be told again."
_OURS: Final = "It could not be sent, by a fault of ours that we look into."

_BY_REASON: Final[Mapping[str, str]] = {
    "no_device": "It was not sent: no device of yours takes notifications. Open the app to enter one.",
    "unregistered": _GONE,
    "invalid_address": _GONE,
    "sender_id_mismatch": _GONE,
    "invalid_argument": _OURS,
    "not_found": _OURS,
    "unauthenticated": _AGAIN,
    "permission_denied": _AGAIN,
    "third_party_auth": _AGAIN,
    "quota_exceeded": _AGAIN,
    "server_error": _AGAIN,
    "outcome_unknown": "It may have reached you; we keep trying until we know.",
    "map_moved": _AGAIN,
    "shard_unavailable": _AGAIN,
    "alert_deleted": "It was not sent: you had deleted the alert.",
    "alert_edited": "It was not sent: you had changed the alert meanwhile.",
    "alert_paused": "It was not sent: you had paused the alert.",
    "alert_expired": "It was not sent: the days that the alert watched were over.",
    "fare_gone": "It was not sent: the fare had risen again before we could tell you.",
}


def explain(state: State, reason: str | None) -> str:
    """Say why a notification is in its state; a reason not known here, as a newer notifier may give, says no more."""
    return _BY_REASON.get(reason or "", _BY_STATE[state])
