"""What the stand-in can be told below `/control`, and what it tells there."""

from http import HTTPStatus

import msgspec

from fleet.fcm_stand_in.answers import Answer


class Order(msgspec.Struct, frozen=True):
    """An answer for one address, or for all where it is None."""

    address: str | None
    answer: Answer | None
    times: int | None = None


class TokenEndpoint(msgspec.Struct, frozen=True):
    """How the token endpoint works: the status that it answers, how long that takes, how long its tokens hold."""

    status: int = HTTPStatus.OK
    latency: float = 0.0
    lifetime: float = 3_600.0


class Counters(msgspec.Struct):
    """What has arrived since the start."""

    messages: int = 0
    exchanges: int = 0
