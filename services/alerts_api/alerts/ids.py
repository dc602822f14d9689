"""Ids that lead to their alert: a UUID of version 8 whose first ten bits are the bucket of its first route.

An alert keeps its id when an edit gives it another route, so the bucket is where to look first and no more.
"""

import secrets
from typing import Final
from uuid import UUID

_REST_BITS: Final = 118
_VERSION: Final = (8 << 76, 0xF << 76)  # with the bits it covers, as RFC 9562 places them
_VARIANT: Final = (2 << 62, 3 << 62)


def new_alert_id(bucket: int) -> UUID:
    """A new id for an alert whose route is in this bucket; all its other bits are random."""
    number = bucket << _REST_BITS | secrets.randbits(_REST_BITS)
    for value, covered in (_VERSION, _VARIANT):
        number = number & ~covered | value
    return UUID(int=number)


def first_bucket(alert_id: UUID) -> int:
    """The bucket of the alert's first route, if the id is one of ours."""
    return alert_id.int >> _REST_BITS
