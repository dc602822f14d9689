"""What travellers show to get in, and what they are given for it."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

# `(?!\n)` because `$` alone would let a last line break through.
Email = Annotated[
    str, Meta(pattern=r"^[!-?A-~]+@[!-?A-~]+(?!\n)$", max_length=254, description="in ASCII; case makes no difference")
]
Password = Annotated[str, Meta(min_length=8, max_length=256)]
RefreshToken = Annotated[str, Meta(pattern=r"^[!-~]+(?!\n)$", max_length=4096)]


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What a traveller registers and logs in with."""

    email: Email
    password: Password


class RefreshRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The refresh token of a session."""

    refresh_token: RefreshToken


class PasswordChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The password as it is, and as it shall be."""

    current_password: Password
    new_password: Password


class DeletionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The password once more, from whoever has one."""

    password: Password | None = None


class Grant(Struct, frozen=True):
    """An access token, to be sent as `Authorization: Bearer`, and the refresh token to get the next one with.

    Each is valid for so many seconds; a refresh token is good once.
    """

    user_id: UUID
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name, no secret
