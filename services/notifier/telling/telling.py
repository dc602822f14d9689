"""Which notifications are told together, and on which devices. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.notifier.digest import Digest, compose
from services.notifier.gateway import Device
from services.notifier.states import Record
from shared.messages.notifications import Notice, Notification
from shared.topology import Lane


@dataclass(frozen=True, slots=True)
class Telling:
    """What a traveller is told in one push to each device.

    Attributes:
        of: the notifications that this tells of.
        told_with: the one that leads them, where it is a digest.
    """

    told: Notice | Digest
    user_id: UUID
    of: tuple[UUID, ...]
    told_with: UUID | None = None

    def devices(self, all_of_theirs: Sequence[Device], records: Mapping[UUID, Record]) -> list[Device]:
        """Return those that do not have all of it yet."""
        return [device for device in all_of_theirs if any(device.id not in records[id_].reached for id_ in self.of)]


def tellings(notices: Sequence[Notice], lane: Lane) -> list[Telling]:
    """Tell of each by itself, or of each traveller's firings together in the lane of the digests."""
    if lane is not Lane.DIGEST:
        return [_alone(notice) for notice in notices]
    firings: dict[UUID, list[Notification]] = {}
    for notice in notices:
        if isinstance(notice, Notification):
            firings.setdefault(notice.user_id, []).append(notice)
    others = [_alone(notice) for notice in notices if not isinstance(notice, Notification)]
    return [_together(theirs) for theirs in firings.values()] + others


def _alone(notice: Notice) -> Telling:
    return Telling(notice, notice.user_id, (notice.id,))


def _together(firings: Sequence[Notification]) -> Telling:
    digest = compose(firings)
    return Telling(digest, digest.user_id, tuple(firing.id for firing in firings), digest.id)
