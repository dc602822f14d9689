"""What a dead letter says of itself, and what its reason means. Pure.

A transient reason may have passed by the time that somebody looks, so such a letter is published again by itself, a few
times. For all others a person has to do something first.
"""

from dataclasses import dataclass
from typing import Final

# Headers. `redrives` stays with a message that is published again, so that it can be told how often it was.
REASON: Final = "reason"
DIED_AT: Final = "died_at"
TRIES: Final = "tries"
REDRIVES: Final = "redrives"

# What RabbitMQ itself says of a message that it has delivered too often: each time a worker died, or lost its link.
DELIVERY_LIMIT: Final = "delivery_limit"

_UNEXPECTED: Final = "unexpected_"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why messages die.

    Attributes:
        meaning: a sentence for the person who looks.
        transient: whether it may have passed by itself.
    """

    meaning: str
    transient: bool = False


_UNKNOWN: Final = Reason("No service of this version gives this reason.")
_UNFORESEEN: Final = Reason("A handler raised an error that nobody foresaw; its worker's log has it as handler_failed.")

REASONS: Final = {
    # bodies
    "empty_body": Reason("The body is empty."),
    "body_too_large": Reason("The body is larger than any that a service sends."),
    "wrong_content_type": Reason("The content type is none that this queue's worker reads."),
    "not_utf8": Reason("The body is not UTF-8."),
    "json_malformed": Reason("The body is not the JSON that it says it is."),
    "wrong_schema": Reason("The fields are not those of this queue's messages."),
    "unknown_version": Reason("The schema's version is none that the worker reads: is it older than the sender?"),
    "wrong_length": Reason("The array is empty or too long."),
    "no_rows": Reason("The batch has no rows."),
    "too_many_rows": Reason("The batch has too many rows."),
    "several_record_batches": Reason("The stream has more than one record batch."),
    "trailing_bytes": Reason("Something follows the end of the stream."),
    "arrow_malformed": Reason("The body is not the Arrow stream that it says it is."),
    "old_arrow_format": Reason("The stream is of a format from before Arrow 1.0."),
    "compressed_arrow": Reason("The stream's buffers are compressed."),
    # workers
    "board_unreadable": Reason("A fare board is of a format that the worker does not read yet.", transient=True),
    DELIVERY_LIMIT: Reason("Its worker died, or lost its link, each of the many times that it was delivered."),
    # pushes
    "outcome_unknown": Reason("For an hour FCM gave no answer.", transient=True),
    "server_error": Reason("For an hour FCM answered with errors of its own.", transient=True),
    "quota_exceeded": Reason("For an hour FCM took no more pushes.", transient=True),
    "invalid_argument": Reason("FCM finds fault with the message."),
    "invalid_message": Reason("No message for FCM can be made of the notice."),
    "not_found": Reason("FCM knows no such project or address."),
}


def explain(reason: str) -> Reason:
    """What a reason means, also one that nobody gives."""
    return REASONS.get(reason, _UNFORESEEN if reason.startswith(_UNEXPECTED) else _UNKNOWN)


def unexpected(error: Exception) -> str:
    """The reason of an error that nobody foresaw, such as `unexpected_KeyError`."""
    return f"{_UNEXPECTED}{type(error).__name__}"


def is_known(reason: str) -> bool:
    """Whether any service gives it."""
    return explain(reason) is not _UNKNOWN
