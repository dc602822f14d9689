"""Whom a request is counted for: its user if it shows a good token, or else the address that it comes from.

Many travellers share the address of their mobile network, so that those who say who they are answer for themselves.
What leads to no route is not counted: to answer it costs less than to count it.
"""

from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple, Self, cast

from limits import RateLimitItem, RateLimitItemPerMinute
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from services.alerts_api.accounts.authentication import BearerGuard
from services.alerts_api.http.rate_limits import RateLimits
from services.alerts_api.http.settings import LimitSettings

AnyConnection = ASGIConnection[Any, Any, Any, Any]

_OPT = "counted"
# For `opt`: health checks must not be refused, and whoever guesses passwords or tokens has few tries.
UNLIMITED = {_OPT: "never"}
GUESSABLE = {_OPT: "as a try"}

_READS = {"GET", "HEAD", "OPTIONS"}
# What one customer of an IPv6 network has at least.
_SITE_BITS = 64


class Limits(NamedTuple):
    """What is let through."""

    user_reads: RateLimitItem
    user_writes: RateLimitItem
    address: RateLimitItem
    address_tries: RateLimitItem
    account_tries: RateLimitItem

    @classmethod
    def of(cls, settings: LimitSettings) -> Self:
        """The limits that the settings set; their names are seen in headers and in Redis."""
        return cls(
            RateLimitItemPerMinute(settings.user_reads_per_minute, namespace="user-reads"),
            RateLimitItemPerMinute(settings.user_writes_per_minute, namespace="user-writes"),
            RateLimitItemPerMinute(settings.address_requests_per_minute, namespace="address"),
            RateLimitItemPerMinute(settings.address_tries_per_minute, namespace="address-tries"),
            RateLimitItemPerMinute(settings.account_tries_per_minute, namespace="account-tries"),
        )


class LimitedGuard:
    """The guard of all routes: says who is calling, and counts the request."""

    def __init__(self, authenticate: BearerGuard, counts: RateLimits, limits: Limits) -> None:
        self._authenticate = authenticate
        self._counts = counts
        self._limits = limits

    async def __call__(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        """Let a request through that may be let through.

        Raises:
            NotAuthorizedException: it wants a good token.
            TooManyRequestsException: it is one too many.
        """
        try:
            await self._authenticate(connection, handler)
        except NotAuthorizedException:
            await self._counts.count(self._limits.address, site_of(connection))
            raise
        await self._count(connection, handler.opt.get(_OPT, ""))

    async def _count(self, connection: AnyConnection, how: str) -> None:
        if how == UNLIMITED[_OPT]:
            return
        user = connection.scope.get("user")
        if how == GUESSABLE[_OPT]:
            await self._counts.count(self._limits.address_tries, site_of(connection))
            if user:
                await self._counts.count(self._limits.account_tries, str(user))
        elif user:
            is_read = cast("HTTPScope", connection.scope)["method"] in _READS
            await self._counts.count(self._limits.user_reads if is_read else self._limits.user_writes, str(user))
        else:
            await self._counts.count(self._limits.address, site_of(connection))


class AccountTries:
    """Counts who tries to get into an account, wherever they come from."""

    def __init__(self, counts: RateLimits, limits: Limits) -> None:
        self._counts = counts
        self._limit = limits.account_tries

    async def count(self, email: str) -> None:
        """Count one try, whether or not there is such an account.

        Raises:
            TooManyRequestsException: it is one too many.
        """
        # Redis is no place for people's addresses.
        pseudonym = blake2b(email.lower().encode(), digest_size=16).hexdigest()
        await self._counts.count(self._limit, pseudonym)


def is_counted(handler: BaseRouteHandler) -> bool:
    """Whether a route may answer that it was asked too often."""
    return bool(handler.opt.get(_OPT) != UNLIMITED[_OPT])


def site_of(connection: AnyConnection) -> str:
    """The address that a request comes from; of IPv6 its network, in which whoever has one address has all."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:  # a socket's path
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or ip_network((address, _SITE_BITS), strict=False))
