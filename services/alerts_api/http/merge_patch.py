"""Changing a resource in part, by a JSON merge patch after RFC 7396. Pure."""

from typing import Any, TypeVar

import msgspec

from services.alerts_api.http.fields import InvalidFieldError

Members = dict[str, Any]
ResourceT = TypeVar("ResourceT", bound=msgspec.Struct)


def patched(members: Members, patch: Members, kind: type[ResourceT]) -> ResourceT:
    """The resource with these members after the patch: null takes a member back to its default.

    Raises:
        InvalidFieldError: the outcome is no such resource.
    """
    try:
        return msgspec.convert(merged(members, patch), kind)
    except msgspec.ValidationError as error:
        raise InvalidFieldError.from_msgspec(error) from error
    except RecursionError as error:
        raise InvalidFieldError("", "is nested too deep") from error


def merged(members: Members, patch: Members) -> Members:
    """The members with the patch applied."""
    outcome = dict(members)
    for name, change in patch.items():
        if isinstance(change, dict):
            before = outcome.get(name)
            outcome[name] = merged(before if isinstance(before, dict) else {}, change)
        elif change is None:
            outcome.pop(name, None)
        else:
            outcome[name] = change
    return outcome
