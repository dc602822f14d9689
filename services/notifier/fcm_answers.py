"""What an answer of FCM means for the push and for the device's address, be it a token or a fid."""

from http import HTTPStatus
from typing import Any

from firebase_admin import messaging
from firebase_admin.exceptions import FirebaseError

from services.notifier.gateway import Outcome, Verdict

# FCM has no idempotency key: without an answer the push may have gone out. Repeated, it replaces its twin.
UNKNOWN_OUTCOME = Outcome(Verdict.TRANSIENT, "outcome_unknown")

# The codes in FCM's own error detail, which say more than the HTTP status.
_BY_DETAIL = {
    messaging.UnregisteredError: Outcome(Verdict.RETIRE, "unregistered"),
    messaging.SenderIdMismatchError: Outcome(Verdict.RETIRE, "sender_id_mismatch"),
    messaging.ThirdPartyAuthError: Outcome(Verdict.TRANSIENT, "third_party_auth"),
    messaging.QuotaExceededError: Outcome(Verdict.TRANSIENT, "quota_exceeded"),
}
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: Outcome(Verdict.REFUSED, "unauthenticated"),
    HTTPStatus.FORBIDDEN: Outcome(Verdict.REFUSED, "permission_denied"),
    HTTPStatus.NOT_FOUND: Outcome(Verdict.FAILED, "not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: Outcome(Verdict.TRANSIENT, "quota_exceeded"),
}
_INVALID = Outcome(Verdict.FAILED, "invalid_argument")
_INVALID_ADDRESS = Outcome(Verdict.RETIRE, "invalid_address")

_ADDRESS_FIELDS = {"message.token", "message.fid"}


def outcome_of(response: messaging.SendResponse) -> Outcome:
    """Return what became of the push that FCM answered so."""
    if response.success:
        return Outcome(Verdict.SENT)
    error = response.exception
    if error is None or error.http_response is None:
        return UNKNOWN_OUTCOME
    status = error.http_response.status_code
    # First of all: the word of a broken server retires no device, whatever detail it carries.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome(Verdict.TRANSIENT, "server_error")
    if type(error) in _BY_DETAIL:
        return _BY_DETAIL[type(error)]
    if status == HTTPStatus.BAD_REQUEST and _blames_the_address(error):
        return _INVALID_ADDRESS
    return _BY_STATUS.get(status, _INVALID)


def _blames_the_address(error: FirebaseError) -> bool:
    """Tell whether a field violation of the answer is on the token or the fid."""
    try:
        details = error.http_response.json()["error"].get("details", [])
        return any(_is_on_address(violation) for detail in details for violation in detail.get("fieldViolations", []))
    except (ValueError, LookupError, TypeError, AttributeError):
        return False  # an answer of another shape blames nothing that we know


def _is_on_address(violation: dict[str, Any]) -> bool:
    return violation.get("field") in _ADDRESS_FIELDS
