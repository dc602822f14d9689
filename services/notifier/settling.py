"""From what became of the notices in a message to how the message is settled. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from shared.deliveries import Done, Park, Retry, Settlement
from shared.messages.notifications import JSON, Decoded, Notice, encode

# Why a notice waits for as long as it takes.
WAITING_FOR_SHARD: Final = frozenset({"map_moved", "shard_unavailable"})


def settle(message: Decoded, unfinished: Mapping[UUID, str]) -> Settlement:
    """Settle a message: what is unfinished of it comes again, and nothing else.

    One notice that waits for its shard parks all that is left: a retry might be the last one, and would bury it. The
    others lose nothing by it, only their tries do not count until that shard is back.

    Args:
        message: its notices.
        unfinished: the notices that are to be tried again, by id, each with its reason.
    """
    left = [notice for notice in message.notices if notice.id in unfinished]
    if not left:
        return Done()
    reasons = [unfinished[notice.id] for notice in left]
    body, content_type = _rewritten(message, left)
    for reason in reasons:
        if reason in WAITING_FOR_SHARD:
            return Park(reason, body, content_type)
    return Retry(reasons[0], body, content_type)


def _rewritten(message: Decoded, left: Sequence[Notice]) -> tuple[bytes | None, str | None]:
    """Return the body for what is left; none where all is, so that it stays as its sender wrote it."""
    if len(left) == len(message.notices) and not message.set_aside:
        return None, None
    return encode(left), JSON
