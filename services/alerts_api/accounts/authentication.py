"""Who is calling: every route wants a bearer token unless it opts out by `opt=PUBLIC`."""

from typing import Any
from uuid import UUID

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from services.alerts_api.accounts.issuers import Issuers
from services.alerts_api.accounts.verification import InvalidTokenError

_OPT_OUT = "public"
PUBLIC = {_OPT_OUT: True}

CHALLENGE = {"WWW-Authenticate": "Bearer"}
_CHALLENGE_INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class BearerGuard:
    """Makes the id of the token's user the request's `user`, before anything else of the request is read."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Verify the token, or refuse the request; whatever is wrong with a token gets the same answer."""
        if not handler.opt.get(_OPT_OUT):
            connection.scope["user"] = await self._user_of(connection.headers.get("authorization", ""))

    async def _user_of(self, authorization: str) -> UUID:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthorizedException("send an access token as Authorization: Bearer", headers=CHALLENGE)
        try:
            return await self._issuers.user_of(token)
        except InvalidTokenError as error:
            detail = "the access token is not valid"
            raise NotAuthorizedException(detail, headers=_CHALLENGE_INVALID) from error


def user_id_of(request: Request[UUID, Any, Any]) -> UUID:
    """The user whose token came with the request."""
    return request.user
