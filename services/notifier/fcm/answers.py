"""What an answer of FCM means for the push and for the device's address, be it a token or a fid. Pure."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

import msgspec

from services.notifier.gateway import Outcome, Verdict
from shared.retry_after import seconds_to_wait

# FCM has no idempotency key: without an answer the push may have gone out. Repeated, it replaces its twin.
UNKNOWN_OUTCOME: Final = Outcome(Verdict.TRANSIENT, "outcome_unknown")

UNAUTHENTICATED: Final = Outcome(Verdict.REFUSED, "unauthenticated")
QUOTA_EXCEEDED: Final = "quota_exceeded"
SERVER_ERROR: Final = "server_error"
AWAY: Final = {UNKNOWN_OUTCOME.reason, SERVER_ERROR}  # FCM as a whole is in trouble

# FCM asks for a minute where it does not say how long, and so soon a person may have given it a platform's key.
QUOTA_WAIT_S: Final = 60.0
PLATFORM_WAIT_S: Final = 60.0
# Nothing is tried for longer than an hour.
_LONGEST_WAIT_S: Final = 3_600.0

# Apple, or a browser's maker, does not take the key that Firebase has from us.
THIRD_PARTY_AUTH: Final = Outcome(Verdict.UNTRIED, "third_party_auth", PLATFORM_WAIT_S)

# The codes in FCM's own error detail, which say more than the HTTP status.
_BY_DETAIL: Final = {
    "UNREGISTERED": Outcome(Verdict.RETIRE, "unregistered"),
    "SENDER_ID_MISMATCH": Outcome(Verdict.RETIRE, "sender_id_mismatch"),
    "THIRD_PARTY_AUTH_ERROR": THIRD_PARTY_AUTH,
    "APNS_AUTH_ERROR": THIRD_PARTY_AUTH,  # its older name
}
_BY_STATUS: Final[dict[int, Outcome]] = {
    HTTPStatus.UNAUTHORIZED: UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: Outcome(Verdict.REFUSED, "permission_denied"),
    HTTPStatus.NOT_FOUND: Outcome(Verdict.FAILED, "not_found"),
    HTTPStatus.REQUEST_TIMEOUT: UNKNOWN_OUTCOME,
}
_INVALID: Final = Outcome(Verdict.FAILED, "invalid_argument")
_INVALID_ADDRESS: Final = Outcome(Verdict.RETIRE, "invalid_address")

_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_ADDRESS_FIELDS: Final = {"message.token", "message.fid"}


class _Accepted(msgspec.Struct):
    name: str


class _Violation(msgspec.Struct):
    field: str = ""


class _Detail(msgspec.Struct, rename="camel"):
    type: str = msgspec.field(name="@type", default="")
    error_code: str = ""
    field_violations: list[_Violation] = []


class _Error(msgspec.Struct):
    details: list[_Detail] = []


class _Refusal(msgspec.Struct):
    error: _Error


_ACCEPTED: Final = msgspec.json.Decoder(_Accepted)
_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


def outcome_of(status: int, retry_after: str | None, body: bytes, now: datetime) -> Outcome:
    """Return what became of the push that FCM answered so.

    Args:
        status: of HTTP.
        retry_after: the header of that name.
        body: JSON of Google's error model, or whatever a server in between has put there.
        now: in UTC, for a `Retry-After` that is a date.
    """
    if status == HTTPStatus.OK:
        return Outcome(Verdict.SENT) if _is_accepted(body) else UNKNOWN_OUTCOME
    # First of all: the word of a broken server retires no device, whatever detail it carries.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome(Verdict.TRANSIENT, SERVER_ERROR, _seconds(retry_after, now))
    return _refused(status, retry_after, _details(body), now)


def _refused(status: int, retry_after: str | None, details: Sequence[_Detail], now: datetime) -> Outcome:
    code = next((detail.error_code for detail in details if detail.type == _FCM_ERROR), "")
    if code in _BY_DETAIL:
        return _BY_DETAIL[code]
    if status == HTTPStatus.TOO_MANY_REQUESTS or code == "QUOTA_EXCEEDED":
        wait = _seconds(retry_after, now)
        return Outcome(Verdict.TRANSIENT, QUOTA_EXCEEDED, QUOTA_WAIT_S if wait is None else wait)
    if status == HTTPStatus.BAD_REQUEST and _blames_the_address(details):
        return _INVALID_ADDRESS
    return _BY_STATUS.get(status, _INVALID)


def _is_accepted(body: bytes) -> bool:
    try:
        return bool(_ACCEPTED.decode(body).name)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


def _details(body: bytes) -> list[_Detail]:
    """Return the details of an error; an answer of another shape has none."""
    try:
        return _REFUSAL.decode(body).error.details
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []


def _blames_the_address(details: Sequence[_Detail]) -> bool:
    return any(violation.field in _ADDRESS_FIELDS for detail in details for violation in detail.field_violations)


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """How long FCM asks us to wait, within reason; None if it does not say."""
    seconds = seconds_to_wait(retry_after, now)
    return None if seconds is None else min(seconds, _LONGEST_WAIT_S)
