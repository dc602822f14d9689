"""The keys by which producers of fares show who they are: `flk_<id>_<secret>`.

The id names the key in lists and logs. The secret is random enough that one round of SHA-256 hides it for good: a slow
hash, as for passwords, would guard nothing and cost every request a core. What the database holds lets nobody in.
"""

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from string import ascii_letters, ascii_lowercase, digits
from typing import Final, Self

_ID_ALPHABET: Final = ascii_lowercase + "234567"  # base32: nothing in it is mistaken for something else
_SECRET_ALPHABET: Final = ascii_letters + digits  # a double click takes all of it
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43  # of 62 characters each: 256 bits

# The prefix and the lengths also let scanners of repositories find keys that have leaked.
_KEY: Final = re.compile(rf"flk_([a-z2-7]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class ProducerKey:
    """A key in the hands of its producer; only `text` says the secret."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """A new one."""
        return cls(_random(_ID_ALPHABET, _ID_LENGTH), _random(_SECRET_ALPHABET, _SECRET_LENGTH))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a key as it was given to its producer; None if it is not one."""
        match = _KEY.fullmatch(text)
        return match and cls(*match.groups())

    @property
    def text(self) -> str:
        """What the producer sends."""
        return f"flk_{self.id}_{self.secret}"

    @property
    def hash(self) -> bytes:
        """What is stored of the secret."""
        return sha256(self.secret.encode()).digest()


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
