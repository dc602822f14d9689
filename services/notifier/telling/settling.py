"""From what became of the notices in a message to how the message is settled. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from shared.deliveries import Done, Settlement, Several, Unfinished, Wait
from shared.messages.notifications import JSON, Decoded, Notice, encode


def settle(message: Decoded, unfinished: Mapping[UUID, Unfinished]) -> Settlement:
    """Settle a message: what is unfinished of it comes again or is dead, and nothing else.

    What has one fate for one reason stays together; of different waits it waits the longest.

    Args:
        message: its notices.
        unfinished: the notices that are not done, by id, each with its end.
    """
    fates: dict[tuple[type[Unfinished], str], list[Notice]] = {}
    for notice in message.notices:
        if fate := unfinished.get(notice.id):
            fates.setdefault((type(fate), fate.reason), []).append(notice)
    parts = [_part(message, notices, [unfinished[notice.id] for notice in notices]) for notices in fates.values()]
    match parts:
        case []:
            return Done()
        case [part]:
            return part
        case _:
            return Several(tuple(parts))


def _part(message: Decoded, notices: Sequence[Notice], fates: Sequence[Unfinished]) -> Unfinished:
    """Return the fate of some notices with a body of theirs; with none if they are all, as their sender wrote them."""
    fate = max(fates, key=lambda one: one.seconds if isinstance(one, Wait) else 0)
    if len(notices) == len(message.notices) and not message.set_aside:
        return fate
    return replace(fate, body=encode(notices), content_type=JSON)
