"""Passwords are kept as argon2id hashes, made and checked in threads: each takes tens of milliseconds of a core."""

import os

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's smallest recommendation for argon2id: 19 MiB and two passes on one thread.
_MEMORY_KIB = 19_456
_PASSES = 2


class Passwords:
    """Hashes and verifies passwords, no more at a time than there are cores."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)
        self._limiter = CapacityLimiter(os.cpu_count() or 1)
        self._nobodys_hash = self._hasher.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """The salted hash to keep."""
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash.

        Without a hash, as for a user who does not exist, the answer is no and takes as long as any other.
        """
        known = password_hash or self._nobodys_hash
        matches = await to_thread.run_sync(self._verify, known, password, limiter=self._limiter)
        return matches and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
