"""Takes batches of notices of one lane from their queue to the travellers' devices.

Vetted, recorded and decided on, sent, marked, and only then acknowledged: a crash anywhere repeats the batch, which
finds by the notifications' states what is still to be done. A crash between sending and marking repeats pushes; the
repeats replace their twins on the devices. Of a message that is done in part only the rest comes again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from services.notifier.deciding.recording import Recorded, Recorder
from services.notifier.telling.sending import Sender
from services.notifier.telling.settling import settle
from services.notifier.vetting.vetting import Vetting
from shared.consumer import count_set_aside
from shared.cycles import Stage, Tally
from shared.dead_letters import unexpected
from shared.deliveries import DeadLetter, Delivery, Retry, Settlement, Unfinished
from shared.errors import TransientError, UnavailableError, UnreadableError
from shared.failpoints import Failpoints
from shared.messages.notifications import Decoded, Notice, Notification, decode
from shared.price_ages import prices_in_work
from shared.topology import LANES, Lane, WorkQueue

NOTICES_AT_ONCE: Final = 500  # in one transaction; a single traveller may have more

# The notices of some travellers, by traveller.
Travellers: TypeAlias = Sequence[Sequence[Notice]]
# Which message a notice came in.
Carriers: TypeAlias = Mapping[UUID, Delivery]

log = structlog.get_logger()


class NotificationHandler:
    """The consumer of a lane.

    Args:
        lane: which one.
        vetting: finds what must not be sent any more.
        recorder: decides on the others.
        sender: sends what is to be sent.
        failpoints: where tests let the notifier die.
        tally: of what is done of each cycle.
    """

    def __init__(
        self,
        lane: Lane,
        vetting: Vetting,
        recorder: Recorder,
        sender: Sender,
        failpoints: Failpoints,
        tally: Tally | None = None,
    ) -> None:
        self._lane = lane
        self._vetting = vetting
        self._recorder = recorder
        self._sender = sender
        self._failpoints = failpoints
        self._tally = tally or Tally()

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Tell the travellers, and say for each delivery how it is to be settled.

        Raises:
            UnavailableError: a server other than a single shard is away; the batch is to be repeated.
        """
        readings = [_read(delivery) for delivery in deliveries]
        # Copies of one notice in a batch are one: the last stands for all.
        messages = [
            (delivery, read) for delivery, read in zip(deliveries, readings, strict=True) if isinstance(read, Decoded)
        ]
        notices = {notice.id: notice for _, message in messages for notice in message.notices}
        carried_by = {notice.id: delivery for delivery, message in messages for notice in message.notices}
        unfinished: dict[UUID, Unfinished] = {}
        for part in _parts(_by_traveller(notices.values())):
            unfinished |= await self._tell_or_isolate(part, carried_by)
        for delivery, message in messages:
            count_set_aside(LANES[self._lane], message.set_aside, delivery)
            done = sum(notice.id not in unfinished for notice in message.notices)
            self._tally.add(delivery.context.cycle, Stage.TOLD, done)
        return [reading if isinstance(reading, DeadLetter) else settle(reading, unfinished) for reading in readings]

    async def _tell_or_isolate(self, travellers: Travellers, carried_by: Carriers) -> dict[UUID, Unfinished]:
        """Tell of these, by halves if together they fail: one that cannot be told takes none down with it."""
        try:
            return await self._tell(travellers, carried_by)
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it comes again, and is counted
            halves = self._halves(travellers)
            if not halves:
                return _failed(travellers, error)
        return {id_: fate for half in halves for id_, fate in (await self._tell_or_isolate(half, carried_by)).items()}

    async def _tell(self, travellers: Travellers, carried_by: Carriers) -> dict[UUID, Unfinished]:
        """Tell of these; gives what is not done, by id."""
        notices = {notice.id: notice for notice in chain.from_iterable(travellers)}
        withheld = await self._vetting.withhold(notices.values())
        recorded = await self._recorder.record(self._lane, notices, withheld)
        self._failpoints.hit("notifier.recorded")
        _note_ages(LANES[self._lane], recorded, carried_by)
        return {**recorded.unfinished, **await self._sender.send(self._lane, recorded)}

    def _halves(self, travellers: Travellers) -> list[Travellers]:
        """Split by traveller, then by notice; a digest is not split, and neither is what is one notice."""
        if len(travellers) > 1:
            middle = len(travellers) // 2
            return [travellers[:middle], travellers[middle:]]
        (notices,) = travellers
        if len(notices) == 1 or self._lane is Lane.DIGEST:
            return []
        middle = len(notices) // 2
        return [[notices[:middle]], [notices[middle:]]]


def _read(delivery: Delivery) -> Decoded | DeadLetter:
    try:
        return decode(delivery.body, delivery.content_type)
    except UnreadableError as error:
        log.warning("unreadable", error=str(error))
        return DeadLetter(error.reason)


def _note_ages(queue: WorkQueue, recorded: Recorded, carried_by: Carriers) -> None:
    """Note how old the news is that is to go out; what has waited for its hour would only blur that."""
    for notice in recorded.to_send:
        if isinstance(notice, Notification) and notice.id not in recorded.held:
            prices_in_work(queue).entered(carried_by[notice.id], notice.fare.observed_at.timestamp())


def _by_traveller(notices: Iterable[Notice]) -> list[list[Notice]]:
    """Put together what is decided together, in the order of delivery."""
    theirs: dict[UUID, list[Notice]] = {}
    for notice in notices:
        theirs.setdefault(notice.user_id, []).append(notice)
    return list(theirs.values())


def _parts(travellers: Travellers) -> Iterator[Travellers]:
    """Cut into transactions."""
    part: list[Sequence[Notice]] = []
    size = 0
    for notices in travellers:
        if part and size + len(notices) > NOTICES_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(notices)
        size += len(notices)
    if part:
        yield part


def _failed(travellers: Travellers, error: Exception) -> dict[UUID, Unfinished]:
    ids = [notice.id for notice in chain.from_iterable(travellers)]
    if isinstance(error, TransientError):
        log.warning("failed_for_now", notifications=[str(id_) for id_ in ids], error=str(error))
        return dict.fromkeys(ids, Retry(error.reason))
    log.error("notice_failed", notifications=[str(id_) for id_ in ids], exc_info=error)
    return dict.fromkeys(ids, Retry(unexpected(error)))
