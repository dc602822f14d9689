"""Fares that were pushed as JSON documents. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.ingest_gateway.intake.taken import Fault
from shared.messages.documents import DocumentReader
from shared.messages.fares import FARES, FareDocument

FOREIGN: Final = "source_foreign"


class PushedFare(FareDocument, kw_only=True, frozen=True):
    """A fare whose source need not be named: it is that of its producer's key."""

    source: str | None = None  # type: ignore[assignment]  # it is completed before anybody else sees it


_READER: Final = DocumentReader(PushedFare, FARES.fields)


class OwnFares:
    """The fares of a request that could be read and are its producer's, the position of each, and the others' faults.

    Args:
        source: of the producer's key.
    """

    def __init__(self, source: str) -> None:
        self.fares: list[dict[str, Any]] = []
        self.positions: list[int] = []
        self.faults: list[Fault] = []
        self._source = source

    def read(self, documents: Sequence[msgspec.Raw], first: int) -> None:
        """Read some more documents, the first of which is at this position."""
        read, faults = _READER.read(documents)
        self.faults += [(first + position, reason) for position, reason in faults]
        for position, fare in zip(_others(len(documents), faults), read, strict=True):
            self._add(first + position, fare)

    def _add(self, position: int, fare: dict[str, Any]) -> None:
        if fare["source"] is None:
            fare["source"] = self._source
        if fare["source"] == self._source:
            self.fares.append(fare)
            self.positions.append(position)
        else:
            self.faults.append((position, FOREIGN))


def _others(count: int, faults: Sequence[Fault]) -> Sequence[int]:
    """The positions that have no fault."""
    if not faults:
        return range(count)
    faulty = {position for position, _ in faults}
    return [position for position in range(count) if position not in faulty]
