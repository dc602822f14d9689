"""Is this body a message that FCM would take? Pure."""

from typing import Any, Final

import msgspec

MAX_PAYLOAD_BYTES: Final = 4_096
_ADDRESSES: Final = ("token", "fid")


class MessageError(Exception):
    """What is wrong with which field."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field, self.description = field, description


class Message(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """FCM's message; of the platforms' parts any object passes."""

    token: str | None = None
    fid: str | None = None
    notification: dict[str, str] | None = None
    data: dict[str, str] | None = None
    android: dict[str, Any] | None = None
    apns: dict[str, Any] | None = None
    webpush: dict[str, Any] | None = None
    fcm_options: dict[str, Any] | None = None

    @property
    def address(self) -> str:
        """Where it goes."""
        return self.token or self.fid or ""


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    message: Message


_DECODER: Final[msgspec.json.Decoder[_Request]] = msgspec.json.Decoder(_Request)


def read(body: bytes) -> Message:
    """Read a request's body.

    Raises:
        MessageError: it holds something else than one message to one device, or too much.
    """
    try:
        message = _DECODER.decode(body).message
    except msgspec.MsgspecError as error:
        raise MessageError("message", str(error)) from error
    if bool(message.token) == bool(message.fid):
        raise MessageError("message.token", f"one of {' and '.join(_ADDRESSES)} must be set")
    # As it came it is at most longer: with spaces, escapes and the address.
    if len(body) > MAX_PAYLOAD_BYTES and (size := _payload_bytes(message)) > MAX_PAYLOAD_BYTES:
        raise MessageError("message", f"the payload has {size} bytes, {MAX_PAYLOAD_BYTES} are allowed")
    return message


def _payload_bytes(message: Message) -> int:
    return len(msgspec.json.encode(msgspec.structs.replace(message, token=None, fid=None)))
