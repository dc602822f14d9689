"""Reading and writing how one wants to be told."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, patch, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg

from services.alerts_api.http import merge_patch
from services.alerts_api.http.etags import IfMatch, etag_of, require
from services.alerts_api.http.problems import PROBLEMS, STALE
from services.alerts_api.preferences.resources import Preferences, check
from services.alerts_api.preferences.store import PreferencesStore

_PATH: Final = "/me/preferences"
_EXAMPLE = {
    "quiet_hours": {"from": "22:00", "to": "07:30"},
    "pass_when_exceptional": True,
    "time_zone": "Europe/Zurich",
    "digest_at": None,
    "most_per_hour": 6,
    "most_per_day": 20,
    "currency": "CHF",
    "locale": "de-CH",
}
_PATCH_EXAMPLE = {"digest_at": "18:00", "quiet_hours": None}

_Whole = Annotated[Preferences, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_EXAMPLE)])]
_Part = Annotated[
    dict[str, Any], BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_PATCH_EXAMPLE)])
]


@get(_PATH, responses=PROBLEMS)
async def get_preferences(
    user_id: NamedDependency[UUID], preferences: NamedDependency[PreferencesStore]
) -> Response[Preferences]:
    """See how one is told; before anything was chosen these are the defaults."""
    return _tagged(await preferences.find(user_id))


@put(_PATH, responses=PROBLEMS | STALE)
async def replace_preferences(
    data: _Whole,
    user_id: NamedDependency[UUID],
    preferences: NamedDependency[PreferencesStore],
    now: NamedDependency[datetime],
    if_match: IfMatch = None,
) -> Response[Preferences]:
    """Choose how one is told; what is left out goes back to its default."""
    return _tagged(await preferences.change(user_id, _written(lambda _: data, if_match), now))


@patch(_PATH, responses=PROBLEMS | STALE)
async def change_preferences(
    data: _Part,
    user_id: NamedDependency[UUID],
    preferences: NamedDependency[PreferencesStore],
    now: NamedDependency[datetime],
    if_match: IfMatch = None,
) -> Response[Preferences]:
    """Choose a part of how one is told, by a JSON merge patch (RFC 7396): null goes back to the default."""

    def patched(before: Preferences) -> Preferences:
        return merge_patch.patched(msgspec.to_builtins(before), data, Preferences)

    return _tagged(await preferences.change(user_id, _written(patched, if_match), now))


def _written(
    change: Callable[[Preferences], Preferences], if_match: str | None
) -> Callable[[Preferences], Preferences]:
    """The change, made only of what the app has seen and only to what makes sense."""

    def written(before: Preferences) -> Preferences:
        require(if_match, _etag(before))
        after = change(before)
        check(after)
        return after

    return written


def _tagged(preferences: Preferences) -> Response[Preferences]:
    return Response(preferences, headers={"ETag": _etag(preferences)})


def _etag(preferences: Preferences) -> str:
    return etag_of(msgspec.json.encode(preferences).decode())


PREFERENCE_ROUTES: Final = [get_preferences, replace_preferences, change_preferences]
