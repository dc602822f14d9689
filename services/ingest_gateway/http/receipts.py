"""What a producer is told about the fares of a request. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from services.ingest_gateway.intake.taken import Fault, Taken

MOST_SET_ASIDE: Final = 1_000


class SetAside(Struct, frozen=True):
    """A fare that was not taken."""

    position: Annotated[int, Meta(ge=0, description="among the fares of the request, from 0; blank lines do not count")]
    reason: Annotated[str, Meta(description="the field and what is wrong with it", examples=["price_missing"])]


class Receipt(Struct, frozen=True):
    """What became of the fares of a request."""

    accepted: Annotated[int, Meta(ge=0, description="fares that are safe now")]
    set_aside: Annotated[
        list[SetAside], Meta(max_length=MOST_SET_ASIDE, description="the first of the others, by position")
    ]
    set_aside_total: Annotated[int, Meta(ge=0, description="how many others there are")]
    stored: Annotated[
        Literal["queue", "spool"],
        Meta(description="`spool`: RabbitMQ is away, and some of them reach the queues once it is back"),
    ]


@dataclass(slots=True)
class Outcome:
    """What is known so far about the fares of a request."""

    fares: int
    faults: list[Fault] = field(default_factory=list)
    spooled: bool = False

    def note(self, taken: Taken, positions: Sequence[int]) -> None:
        """Note what became of fares that stood at these positions."""
        self.faults += [(positions[position], reason) for position, reason in taken.faults]
        self.spooled |= taken.spooled

    def receipt(self) -> Receipt:
        """The receipt, once all is known."""
        first = sorted(self.faults)[:MOST_SET_ASIDE]
        return Receipt(
            accepted=self.fares - len(self.faults),
            set_aside=[SetAside(position, reason) for position, reason in first],
            set_aside_total=len(self.faults),
            stored="spool" if self.spooled else "queue",
        )
