"""Changing a wish in part, by a JSON merge patch after RFC 7396. Pure."""

from typing import Any

import msgspec

from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.http.fields import InvalidFieldError

Members = dict[str, Any]


def patched(request: AlertRequest, patch: Members) -> AlertRequest:
    """The wish with this patch applied: null takes a member back to its default.

    A rule of another kind replaces the old one: its members would mean nothing there.

    Raises:
        InvalidFieldError: the outcome is no wish.
    """
    members: Members = msgspec.to_builtins(request)
    rule = patch.get("rule")
    if isinstance(rule, dict) and rule.get("kind", members["rule"]["kind"]) != members["rule"]["kind"]:
        members["rule"] = {}
    try:
        return msgspec.convert(_merged(members, patch), AlertRequest)
    except msgspec.ValidationError as error:
        raise InvalidFieldError.from_msgspec(error) from error


def _merged(members: Members, patch: Members) -> Members:
    merged = dict(members)
    for name, change in patch.items():
        if isinstance(change, dict):
            before = merged.get(name)
            merged[name] = _merged(before if isinstance(before, dict) else {}, change)
        elif change is None:
            merged.pop(name, None)
        else:
            merged[name] = change
    return merged
