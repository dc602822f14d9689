"""Changing a wish in part, by a JSON merge patch. Pure."""

import msgspec

from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.http import merge_patch
from services.alerts_api.http.merge_patch import Members


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
    return merge_patch.patched(members, patch, AlertRequest)
