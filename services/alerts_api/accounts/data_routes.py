"""What travellers may have done with all that is theirs: a copy of it, or its end."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import MediaType, Response, delete, get
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import PermissionDeniedException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg

from services.alerts_api.accounts.deletion import Deletions
from services.alerts_api.accounts.export import Exports
from services.alerts_api.accounts.export_resources import Export
from services.alerts_api.accounts.passwords import Passwords
from services.alerts_api.accounts.resources import DeletionRequest
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.http.limiting import GUESSABLE
from services.alerts_api.http.problems import PROBLEMS, WRONG_PASSWORD

_EXAMPLE = {"password": "correct horse battery"}
_Deletion = Annotated[
    DeletionRequest, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_EXAMPLE)])
]

_DELETED = {
    202: ResponseSpec(None, description="Nobody gets in any more; the rest goes as soon as it can be reached"),
    204: ResponseSpec(None, description="All of it is gone"),
}
_ATTACHED = {"Content-Disposition": 'attachment; filename="farelark.json"', "Cache-Control": "no-store"}


@get("/me/export", responses=PROBLEMS)
async def export_data(
    user_id: NamedDependency[UUID], exports: NamedDependency[Exports], now: NamedDependency[datetime]
) -> Response[Export]:
    """Get a copy of all that we keep of oneself."""
    return Response(await exports.export(user_id, now), headers=_ATTACHED)


@delete("/me", status_code=204, opt=GUESSABLE, responses=PROBLEMS | WRONG_PASSWORD | _DELETED)
async def delete_account(
    data: _Deletion,
    user_id: NamedDependency[UUID],
    accounts: NamedDependency[AccountsStore],
    passwords: NamedDependency[Passwords],
    deletions: NamedDependency[Deletions],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Delete one's account, alerts, devices, notifications and all else that is one's own, for good.

    Whoever has a password sends it once more. From the answer on nobody gets in, and the email address is free.
    """
    user = await accounts.user(user_id)
    if user.password_hash and not await passwords.matches(user.password_hash, data.password or ""):
        raise PermissionDeniedException("the password is wrong")
    await deletions.mark(user_id, user.password_hash, now)
    # As text nothing is no bytes; as JSON it would be `null`.
    return Response(None, status_code=204 if await deletions.erase(user_id) else 202, media_type=MediaType.TEXT)


DATA_ROUTES = [export_data, delete_account]
