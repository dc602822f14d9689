"""Registering, logging in and staying so, logging out, and another password."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, NotAuthorizedException, PermissionDeniedException
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, HeaderParameter

from services.alerts_api.accounts.authentication import CHALLENGE
from services.alerts_api.accounts.passwords import Passwords
from services.alerts_api.accounts.resources import Credentials, Grant, PasswordChange, RefreshRequest
from services.alerts_api.accounts.sessions import Session, SessionStore
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.http.limiting import GUESSABLE, AccountTries
from services.alerts_api.http.problems import EMAIL_TAKEN, NO_PASSWORD, PROBLEMS, WRONG_PASSWORD
from shared.token_keys import TOKEN_LIFETIME

_CREDENTIALS = {"email": "ann@example.org", "password": "correct horse battery"}
_REFRESH = {"refresh_token": "Qo8D3rWw1c2bq0m3JwJbQ7Zt9bXyW5sH0kFzU4vLrE8"}
_CHANGE = {"current_password": "correct horse battery", "new_password": "staple of the year"}

_Login = Annotated[Credentials, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_CREDENTIALS)])]
_Refresh = Annotated[RefreshRequest, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_REFRESH)])]
_Change = Annotated[PasswordChange, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_CHANGE)])]
_Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[!-~]+(?!\n)$",
        max_length=255,
        description="a refresh repeated with the same key within 60 s gets the same refresh token",
    ),
]

_NOT_KEPT = [ResponseHeader(name="Cache-Control", value="no-store")]


class EmailTakenError(ClientException):
    """Somebody is registered under this address."""

    status_code = 409


class NoPasswordError(ClientException):
    """The traveller logs in at another issuer."""

    status_code = 409


@post("/register", opt=GUESSABLE, response_headers=_NOT_KEPT, responses=PROBLEMS | EMAIL_TAKEN)
async def register(
    data: _Login,
    accounts: NamedDependency[AccountsStore],
    sessions: NamedDependency[SessionStore],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[AccessTokens],
    now: NamedDependency[datetime],
) -> Grant:
    """Register a traveller and log in."""
    password_hash = await passwords.hash(data.password)
    user_id = await accounts.add_user(data.email.lower(), password_hash)
    if user_id is None:
        raise EmailTakenError("this email address is registered already")
    return _grant(await sessions.open(user_id, password_hash, now), tokens, now)


@post("/login", status_code=200, opt=GUESSABLE, response_headers=_NOT_KEPT, responses=PROBLEMS)
async def login(
    data: _Login,
    accounts: NamedDependency[AccountsStore],
    sessions: NamedDependency[SessionStore],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[AccessTokens],
    tries: NamedDependency[AccountTries],
    now: NamedDependency[datetime],
) -> Grant:
    """Log in."""
    await tries.count(data.email)
    user = await accounts.find_user(data.email.lower())
    matches = await passwords.matches(user.password_hash if user else None, data.password)
    if user is None or not matches:
        raise NotAuthorizedException("the email address or the password is wrong", headers=CHALLENGE)
    return _grant(await sessions.open(user.id, user.password_hash, now), tokens, now)


@post("/refresh", status_code=200, response_headers=_NOT_KEPT, responses=PROBLEMS)
async def refresh(
    data: _Refresh,
    sessions: NamedDependency[SessionStore],
    tokens: NamedDependency[AccessTokens],
    now: NamedDependency[datetime],
    idempotency_key: _Key = None,
) -> Grant:
    """Exchange a refresh token for a new one and an access token.

    A token is good once. One that comes again more than 10 s after its use ends the session, since it may have been
    stolen; of two requests at once only one is answered. A request whose answer was lost on the way can be repeated
    with its Idempotency-Key.
    """
    session = await sessions.refresh(data.refresh_token, idempotency_key, now)
    if session is None:
        raise NotAuthorizedException("the refresh token is not valid, or no longer", headers=CHALLENGE)
    return _grant(session, tokens, now)


@post("/logout", status_code=204, responses=PROBLEMS)
async def logout(data: _Refresh, sessions: NamedDependency[SessionStore], now: NamedDependency[datetime]) -> None:
    """End the session of a refresh token; one that is not valid has none, which is as good."""
    await sessions.end_by(data.refresh_token, now)


@post("/auth/logout-everywhere", status_code=204, responses=PROBLEMS)
async def logout_everywhere(
    user_id: NamedDependency[UUID], sessions: NamedDependency[SessionStore], now: NamedDependency[datetime]
) -> None:
    """End all of one's sessions; access tokens run out within 15 minutes."""
    await sessions.end_all(user_id, now)


@post(
    "/me/password",
    status_code=200,
    opt=GUESSABLE,
    response_headers=_NOT_KEPT,
    responses=PROBLEMS | WRONG_PASSWORD | NO_PASSWORD,
)
async def change_password(
    data: _Change,
    user_id: NamedDependency[UUID],
    accounts: NamedDependency[AccountsStore],
    sessions: NamedDependency[SessionStore],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[AccessTokens],
    now: NamedDependency[datetime],
) -> Grant:
    """Change one's password; every session ends, and a new one begins."""
    user = await accounts.user(user_id)
    if user.password_hash is None:
        raise NoPasswordError("you log in elsewhere: there is no password here to change")
    matches = await passwords.matches(user.password_hash, data.current_password)
    password_hash = await passwords.hash(data.new_password)
    if not matches or not await accounts.change_password(user, password_hash, now):
        raise PermissionDeniedException("the password is wrong")
    return _grant(await sessions.open(user_id, password_hash, now), tokens, now)


def _grant(session: Session, tokens: AccessTokens, now: datetime) -> Grant:
    return Grant(
        user_id=session.user_id,
        access_token=tokens.issue(session.user_id, now),
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
        refresh_token=session.refresh_token,
        refresh_expires_in=int((session.expires_at - now).total_seconds()),
    )


# The first need no access token.
ENTRY_ROUTES = [register, login, refresh, logout]
PASSWORD_ROUTES = [logout_everywhere, change_password]
