"""Who one is to us."""

from datetime import datetime
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.http.problems import PROBLEMS


class Me(Struct, frozen=True):
    """A traveller's account; whoever logs in elsewhere has no address here."""

    id: UUID
    email: str | None
    created_at: datetime


@get("/me", responses=PROBLEMS)
async def get_me(user_id: NamedDependency[UUID], accounts: NamedDependency[AccountsStore]) -> Me:
    """See one's own account."""
    user = await accounts.user(user_id)
    return Me(user.id, user.email, user.created_at)
