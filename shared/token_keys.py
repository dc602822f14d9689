"""The keys that sign access tokens: each is a file in one folder, and its name says from when it signs.

The newest key whose time has come signs. One that was superseded goes on verifying for as long as a token that it
signed may be good. One to come verifies already: the clock of another server may be ahead.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

SUFFIX: Final = ".pem"
TOKEN_LIFETIME: Final = timedelta(minutes=15)
# Between the clocks of the servers behind one load balancer.
LEEWAY: Final = timedelta(seconds=30)
# A server reads the names in its folder anew after so long.
LOOK_EVERY: Final = timedelta(seconds=10)

_TIME: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(rf"(?P<time>\d{{8}}T\d{{6}}Z)-(?P<key_id>[\w-]{{43}}){re.escape(SUFFIX)}", re.ASCII)


class State(StrEnum):
    """What a key is for now."""

    COMING = "coming"
    SIGNING = "signing"
    VERIFYING = "verifying"
    SPENT = "spent"


class KeyFile(NamedTuple):
    """A key by the name of its file; sorts by the time from which it signs.

    Attributes:
        signs_from: in UTC, to the second.
        key_id: the key's thumbprint.
    """

    signs_from: datetime
    key_id: str

    @property
    def name(self) -> str:
        """The file's name, such as `20261122T120000Z-<key id>.pem`."""
        return f"{self.signs_from:{_TIME}}-{self.key_id}{SUFFIX}"

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Read a file's name; None if it is not one of a key."""
        match = _NAME.fullmatch(name)
        try:
            return match and cls(datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC), match["key_id"])
        except ValueError:  # no such day, or hour
            return None


def states(files: Iterable[KeyFile], now: datetime) -> dict[KeyFile, State]:
    """What each key is for, the oldest first. If no key's time has come, the first one signs all the same."""
    ordered = sorted(files)
    come = [file for file in ordered if file.signs_from <= now] or ordered[:1]
    superseded = {file: _superseded(successor, now) for file, successor in pairwise(come)}
    return superseded | dict.fromkeys(come[-1:], State.SIGNING) | dict.fromkeys(ordered[len(come) :], State.COMING)


def _superseded(successor: KeyFile, now: datetime) -> State:
    return State.VERIFYING if now < successor.signs_from + TOKEN_LIFETIME + LEEWAY else State.SPENT


def thumbprint(key: Ed25519PublicKey) -> str:
    """The key's id after RFC 7638."""
    members = OKPAlgorithm.to_jwk(key, as_dict=True)
    document = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(sha256(document.encode()).digest()).rstrip(b"=").decode()
