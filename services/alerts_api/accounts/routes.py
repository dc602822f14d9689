"""Registering and logging in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotAuthorizedException
from litestar.params import JSONBody
from msgspec import Meta, Struct

from services.alerts_api.accounts.authentication import CHALLENGE
from services.alerts_api.accounts.passwords import Passwords
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.accounts.tokens import LIFETIME, AccessTokens
from services.alerts_api.http.problems import PROBLEMS

# `(?!\n)` because `$` alone would let a last line break through.
Email = Annotated[
    str, Meta(pattern=r"^[!-?A-~]+@[!-?A-~]+(?!\n)$", max_length=254, description="in ASCII; case makes no difference")
]
Password = Annotated[str, Meta(min_length=8, max_length=256)]

_NOT_KEPT = [ResponseHeader(name="Cache-Control", value="no-store")]


class EmailTakenError(ClientException):
    """Somebody is registered under this address."""

    status_code = 409


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What a traveller registers and logs in with."""

    email: Email
    password: Password


class Grant(Struct, frozen=True):
    """An access token, to be sent as `Authorization: Bearer`, and the seconds it is valid for."""

    user_id: UUID
    access_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name, no secret


@post("/register", response_headers=_NOT_KEPT, responses=PROBLEMS)
async def register(
    data: JSONBody[Credentials],
    accounts: NamedDependency[AccountsStore],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[AccessTokens],
    now: NamedDependency[datetime],
) -> Grant:
    """Register a traveller and log in."""
    password_hash = await passwords.hash(data.password)
    user_id = await accounts.add_user(data.email.lower(), password_hash)
    if user_id is None:
        raise EmailTakenError("this email address is registered already")
    return _grant(tokens, user_id, now)


@post("/login", status_code=200, response_headers=_NOT_KEPT, responses=PROBLEMS)
async def login(
    data: JSONBody[Credentials],
    accounts: NamedDependency[AccountsStore],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[AccessTokens],
    now: NamedDependency[datetime],
) -> Grant:
    """Log in."""
    user = await accounts.find_user(data.email.lower())
    matches = await passwords.matches(user.password_hash if user else None, data.password)
    if user is None or not matches:
        raise NotAuthorizedException("the email address or the password is wrong", headers=CHALLENGE)
    return _grant(tokens, user.id, now)


def _grant(tokens: AccessTokens, user_id: UUID, now: datetime) -> Grant:
    return Grant(user_id, tokens.issue(user_id, now), int(LIFETIME.total_seconds()))
