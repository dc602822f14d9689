"""Under which name the changes of a message are counted in the history, so that they are counted once. Pure.

A message's changes are counted by bucket: a bucket lies whole on one shard, and takes its names along when it moves.
The name derives from the body as it was published, so it stays the same however often the message is delivered and
whichever of its parts are done. It begins with the bucket, so that those of a bucket lie together.
"""

import hashlib
from typing import Final
from uuid import UUID

_BUCKET_BYTES: Final = 2
_DIGEST_BYTES: Final = 16 - _BUCKET_BYTES


def digest_of(body: bytes) -> bytes:
    """What tells a message from others, and a repeat of it not."""
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def name_of(digest: bytes, bucket: int) -> UUID:
    """The name of a message's changes in a bucket."""
    return UUID(bytes=bucket.to_bytes(_BUCKET_BYTES) + digest)


def names_in(bucket: int) -> tuple[UUID, UUID]:
    """The first and the last name that there can be in a bucket."""
    return name_of(b"\x00" * _DIGEST_BYTES, bucket), name_of(b"\xff" * _DIGEST_BYTES, bucket)
