"""The address of a cluster: `redis+cluster://:password@host:7000,host:7001/` names some of its nodes."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from shared.errors import ConfigurationError

_SCHEME: Final = "redis+cluster"


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """Nodes to ask for all the others, and as whom to talk to each."""

    seeds: tuple[Address, ...]
    username: str | None
    password: str | None = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address.

        Raises:
            ConfigurationError: it names no node or no proper port; the message holds no password.
        """
        credentials, _, hosts = urlsplit(url).netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        try:
            seeds = tuple(_address(part) for part in hosts.split(","))
        except ValueError:
            raise ConfigurationError(f"REDIS_URL: write {_SCHEME}://:password@host:port,host:port/") from None
        return cls(seeds, unquote(username) or None, unquote(password) or None)


def is_cluster(url: str) -> bool:
    """Whether an address is that of a cluster."""
    return url.startswith(f"{_SCHEME}://")


def _address(text: str) -> Address:
    """An address; that of IPv6 stands in brackets."""
    place = urlsplit(f"//{text}")
    if not (place.hostname and place.port):
        raise ValueError(text)
    return Address(place.hostname, place.port)
