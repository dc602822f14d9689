"""The command to evaluate alerts: sent by whoever changed one, or saw that a fare it watches has changed.

JSON, an array of up to `MAX_EVALUATIONS`. A repeat does no harm.
"""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.errors import UnreadableError
from shared.messages.notifications import FireSequence, Instant, ReferencePrice, Revision, Route

JSON: Final = "application/json"
MAX_EVALUATIONS: Final = 500
_MAX_BODY_BYTES: Final = 256 * 1024

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFER: Final = "[A-Z0-9]{0,8}@([0-9]{2}:[0-9]{2})?:(economy|premium_economy|business|first):[0-7]:[A-Z]{3}"

FareName = Annotated[str, Meta(pattern=rf"\A[A-Z]{{3}}-[A-Z]{{3}}(:{_DAY}){{1,2}}:{_OFFER}\Z")]
Key = Annotated[int, Meta(ge=0)]


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """A firing that its user was not told of: which one, and the armed price that it fired at.

    Its fare and price belong to which one it is: after a crash two firings of an alert may have the same number.
    """

    revision: Revision
    fire_seq: FireSequence
    fare: FareName
    reference_price: ReferencePrice
    armed_price: ReferencePrice


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A fare by its packed keys, and when it was seen: to be looked for on the boards, which may be behind."""

    board: Key
    fare: Key
    observed_at: Instant

    def __post_init__(self) -> None:
        """Refuse keys beyond 64 bits, a bound that msgspec cannot express."""
        if max(self.board, self.fare) >= 2**64:
            raise ValueError("packed keys have 64 bits")


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert to evaluate, by its id and the route that leads to its shard.

    Attributes:
        unseen: a firing to be undone first.
        after: evaluate once the boards show this sighting, or a later one.
    """

    alert_id: UUID
    route: Route
    unseen: Unseen | None = None
    after: Sighting | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Evaluation])


def encode(evaluations: list[Evaluation]) -> bytes:
    """The command as a JSON body."""
    return _ENCODER.encode(evaluations)


def decode(body: bytes, content_type: str | None) -> list[Evaluation]:
    """Read a command; unknown fields are skipped, newer senders may add them.

    Raises:
        UnreadableError: the content type, the size or the body is not that of a command.
    """
    if content_type != JSON:
        raise UnreadableError("wrong_content_type", f"{content_type!r}; {JSON} is read")
    if len(body) > _MAX_BODY_BYTES:
        raise UnreadableError("body_too_large", f"{len(body)} bytes, at most {_MAX_BODY_BYTES}")
    try:
        evaluations = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", str(error)) from error
    except msgspec.ValidationError as error:
        raise UnreadableError("wrong_schema", str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError("json_malformed", str(error)) from error
    if not 0 < len(evaluations) <= MAX_EVALUATIONS:
        raise UnreadableError("wrong_length", f"{len(evaluations)} evaluations, 1 to {MAX_EVALUATIONS} are read")
    return evaluations
