"""A message on its way out."""

import hashlib
from dataclasses import dataclass
from typing import Any

import aio_pika

from shared.tracing import carried_on


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. Its id is the body's hash, so that a repeat carries the same one.

    `expiration` is in seconds: after so long at the most it leaves its queue for where that queue's dead letters go.
    """

    routing_key: str
    body: bytes
    content_type: str
    exchange: str = ""
    message_id: str | None = None
    headers: dict[str, Any] | None = None
    expiration: float | None = None

    def to_amqp(self) -> aio_pika.Message:
        """The persistent AMQP message."""
        return aio_pika.Message(
            self.body,
            content_type=self.content_type,
            message_id=self.message_id or id_of(self.body),
            headers=carried_on(self.headers),
            expiration=self.expiration,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )


def id_of(body: bytes) -> str:
    """The id of a message that nobody gave one."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()
