"""What FCM's answers mean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.fcm.answers import outcome_of
from services.notifier.gateway import Outcome, Verdict
from tests.real_data import real_file

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
DEAD = {"UNREGISTERED": "unregistered", "SENDER_ID_MISMATCH": "sender_id_mismatch"}
PLATFORM_HELD = Outcome(Verdict.UNTRIED, "third_party_auth", 60)
TOO_FAST = Outcome(Verdict.TRANSIENT, "quota_exceeded", 60)


def judge(status: int, body: object = None, retry_after: str | None = None) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome_of(status, retry_after, raw, NOW)


def error(code: str = "", *fields: str) -> dict[str, Any]:
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if fields:
        violations = [{"field": field, "description": "not valid"} for field in fields]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    return {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "test error", "details": details}}


def test_a_message_that_has_a_name_was_accepted() -> None:
    assert judge(200, {"name": "projects/p/messages/1"}) == Outcome(Verdict.SENT)


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, [], b"", b"<html>captive portal</html>", b'{"name": "\xff"}'], ids=repr
)
def test_a_200_without_a_name_is_no_word_of_fcms(body: object) -> None:
    assert judge(200, body) == Outcome(Verdict.TRANSIENT, "outcome_unknown")


@pytest.mark.parametrize("field", ["message.token", "message.fid"])
def test_an_invalid_address_is_retired_whatever_else_is_wrong(field: str) -> None:
    assert judge(400, error("INVALID_ARGUMENT", "message.android.ttl", field)) == Outcome(
        Verdict.RETIRE, "invalid_address"
    )


@pytest.mark.parametrize(
    "body",
    [
        error("INVALID_ARGUMENT", "message.android.ttl"),
        error(),
        {"error": "a string"},
        [],
        b"<html>",
        b"",
        b"[" * 10**5,
    ],
    ids=["field", "no_detail", "string", "list", "html", "empty", "nested"],
)
def test_any_other_400_is_our_own_fault_and_keeps_the_address(body: object) -> None:
    assert judge(400, body) == Outcome(Verdict.FAILED, "invalid_argument")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("UNREGISTERED", Outcome(Verdict.RETIRE, "unregistered")),
        ("SENDER_ID_MISMATCH", Outcome(Verdict.RETIRE, "sender_id_mismatch")),
        ("THIRD_PARTY_AUTH_ERROR", PLATFORM_HELD),
        ("APNS_AUTH_ERROR", PLATFORM_HELD),
        ("QUOTA_EXCEEDED", TOO_FAST),
    ],
)
def test_fcms_own_word_counts_more_than_the_status(status: int, code: str, outcome: Outcome) -> None:
    assert judge(status, error(code)) == outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome(Verdict.REFUSED, "unauthenticated")),
        (403, Outcome(Verdict.REFUSED, "permission_denied")),
        (404, Outcome(Verdict.FAILED, "not_found")),
        (408, Outcome(Verdict.TRANSIENT, "outcome_unknown")),
        (413, Outcome(Verdict.FAILED, "invalid_argument")),
        (429, TOO_FAST),
    ],
)
@pytest.mark.parametrize("code", ["", "SOME_UNKNOWN_CODE"])
def test_without_its_word_the_status_counts(status: int, outcome: Outcome, code: str) -> None:
    assert judge(status, error(code)) == outcome


def test_the_word_of_another_service_of_googles_is_not_fcms() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "errorCode": "UNREGISTERED"}
    assert judge(404, {"error": {"details": [detail]}}) == Outcome(Verdict.FAILED, "not_found")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [error("UNREGISTERED"), b"<html>Bad Gateway</html>"], ids=["detail", "html"])
def test_a_broken_server_retires_no_device_whatever_it_says(status: int, body: object) -> None:
    assert judge(status, body) == Outcome(Verdict.TRANSIENT, "server_error")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        ("Tue, 01 Dec 2026 12:01:30 GMT", 90),
        ("Tue, 01 Dec 2026 12:01:30 -0000", 90),
        ("Tue, 01 Dec 2026 11:00:00 GMT", 0),
        ("99999999", 3600),
        ("9" * 5_000, 3600),
        ("Tue, 01 Dec 2099 12:00:00 GMT", 3600),
    ],
    ids=["now", "seconds", "date", "date_without_zone", "past", "long", "huge", "far"],
)
def test_a_server_says_when_it_wants_to_be_asked_again_and_never_later_than_in_an_hour(
    retry_after: str, seconds: float
) -> None:
    assert judge(503, error(), retry_after) == Outcome(Verdict.TRANSIENT, "server_error", seconds)
    assert judge(429, error(), retry_after) == Outcome(Verdict.TRANSIENT, "quota_exceeded", seconds)


@pytest.mark.parametrize("retry_after", [None, "", "-5", "1.5", "1e9", "soon", "\u0663", "Tue, 41 Dec 2026 99:00 GMT"])
def test_a_retry_after_that_says_nothing_leaves_503_to_backoff_and_429_to_a_minute(retry_after: str | None) -> None:
    assert judge(503, error(), retry_after) == Outcome(Verdict.TRANSIENT, "server_error", None)
    assert judge(429, error(), retry_after) == TOO_FAST


@given(status=st.integers(100, 999), retry_after=st.none() | st.text(), body=st.binary())
def test_any_answer_has_a_meaning(status: int, retry_after: str | None, body: bytes) -> None:
    outcome = outcome_of(status, retry_after, body, NOW)
    assert outcome.verdict not in (Verdict.RETIRE, Verdict.SENT), "noise says nothing about a device"
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= 3600


def test_every_recorded_error_body_is_judged_and_only_dead_addresses_are_retired() -> None:
    for case in json.loads(real_file("payloads/fcm/error_bodies.json").read_text()):
        outcome = judge(case["http"], case["body"])
        code = case["body"]["error"].get("details", [{}])[0].get("errorCode", "")
        retired = case["http"] < 500 and code in DEAD
        assert (outcome == Outcome(Verdict.RETIRE, DEAD.get(code, ""))) == retired, case
