"""Every row of FCM's table of answers, through the real client, against a stand-in that speaks its protocol."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.gateway import Outcome, Verdict
from shared.errors import ConfigurationError
from tests.counted import counted
from tests.hand_moved_clock import Clock
from tests.integration.fcm_stand_in import Answer, FcmStandIn
from tests.integration.pushes import Pace, push
from tests.real_data import real_file
from tests.sample_notices import FIRING, NOW

ERROR_BODIES = "payloads/fcm/error_bodies.json"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

SENT = Outcome(Verdict.SENT)
HELD = Outcome(Verdict.UNTRIED, "third_party_auth", 60)
INVALID = Outcome(Verdict.FAILED, "invalid_argument")
DEAD = Outcome(Verdict.RETIRE, "invalid_address")
UNKNOWN = Outcome(Verdict.TRANSIENT, "outcome_unknown")
DENIED = Outcome(Verdict.REFUSED, "permission_denied")


def error(status: int, code: str = "", *, on: str = "", **headers: str) -> Answer:
    """An error in Google's model, with FCM's own code or the field that it is about."""
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if on:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": on, "description": "not valid"}]})
    body = {"error": {"code": status, "status": "INVALID_ARGUMENT", "message": "test error", "details": details}}
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def quota(seconds: float = 60) -> Outcome:
    return Outcome(Verdict.TRANSIENT, "quota_exceeded", seconds)


def away(seconds: float | None = None) -> Outcome:
    return Outcome(Verdict.TRANSIENT, "server_error", seconds)


@dataclass(frozen=True)
class Row:
    """An answer, what it means for the push, its token and the time of a repeat, and what it counts as."""

    name: str
    answer: Answer
    outcome: Outcome
    code: str
    slows_down: bool = False
    requests: int = 1


TABLE = [
    Row("accepted", Answer(200, {"name": "projects/p/messages/1"}), SENT, "200"),
    Row("400_token", error(400, "INVALID_ARGUMENT", on="message.token"), DEAD, "400"),
    Row("400_fid", error(400, "INVALID_ARGUMENT", on="message.fid"), DEAD, "400"),
    Row("400_other_field", error(400, "INVALID_ARGUMENT", on="message.android.ttl"), INVALID, "400"),
    Row("400_no_detail", error(400), INVALID, "400"),
    Row("400_html", Answer(400, "<html>Bad Request</html>"), INVALID, "400"),
    Row("404_unregistered", error(404, "UNREGISTERED"), Outcome(Verdict.RETIRE, "unregistered"), "404"),
    Row("404_no_detail", error(404), Outcome(Verdict.FAILED, "not_found"), "404"),
    Row("403_sender", error(403, "SENDER_ID_MISMATCH"), Outcome(Verdict.RETIRE, "sender_id_mismatch"), "403"),
    Row("403_no_detail", error(403), DENIED, "403"),
    Row("401_no_detail", error(401), Outcome(Verdict.REFUSED, "unauthenticated"), "401", requests=2),
    Row("401_third_party", error(401, "THIRD_PARTY_AUTH_ERROR"), HELD, "401"),
    Row("401_apns", error(401, "APNS_AUTH_ERROR"), HELD, "401"),
    Row("429_quota", error(429, "QUOTA_EXCEEDED"), quota(), "429", slows_down=True),
    Row("429_resource_exhausted", error(429), quota(), "429", slows_down=True),
    Row("429_retry_after", error(429, retry_after="7"), quota(7), "429", slows_down=True),
    Row("500", error(500, "INTERNAL"), away(), "500"),
    Row("500_retry_after", error(500, retry_after="17"), away(17), "500"),
    Row("503", error(503, "UNAVAILABLE"), away(), "503"),
    Row("503_retry_after", error(503, retry_after="17"), away(17), "503"),
    Row("503_date", error(503, retry_after="Tue, 01 Dec 2026 12:01:30 GMT"), away(90), "503"),
    Row("502_html", Answer(502, "<html>Bad Gateway</html>"), away(), "502"),
    Row("cut", Answer(0, cut=True), UNKNOWN, "lost", requests=2),
    Row("200_html", Answer(200, "<html>captive portal</html>"), UNKNOWN, "200"),
    Row("200_nameless", Answer(200, {}), UNKNOWN, "200"),
]


def answered(stand_in: FcmStandIn, address: str) -> list[int]:
    """The statuses of the answers to the messages for a device; 0 where none came."""
    return [message["answered"] for message in stand_in.messages() if message.get("token") == address]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_an_answer_decides_about_the_push_its_token_and_the_time_of_a_repeat(
    stand_in: FcmStandIn, gateway: FirebaseGateway, pace: Pace, address: str, row: Row
) -> None:
    before = counted("farelark_fcm_answers_total", code=row.code), counted("farelark_fcm_seconds_count")
    stand_in.answer(address, row.answer)
    assert await gateway.send([push(address)]) == [row.outcome]
    assert len(answered(stand_in, address)) == row.requests
    assert (pace.permits, pace.slowed_down) == (1, int(row.slows_down))
    after = counted("farelark_fcm_answers_total", code=row.code), counted("farelark_fcm_seconds_count")
    answers = 1 if row.code == "lost" else row.requests
    assert (after[0] - before[0], after[1] - before[1]) == (answers, answers)


async def test_every_recorded_error_body_is_judged_and_only_dead_tokens_are_retired(
    stand_in: FcmStandIn, gateway: FirebaseGateway, clock: Clock
) -> None:
    cases = json.loads(real_file(ERROR_BODIES).read_text())
    assert cases
    for case in cases:
        address = f"device-{uuid4()}"
        stand_in.answer(address, Answer(case["http"], case["body"]))
        assert await gateway.send([push(address)]) == [recorded(case["http"], case["body"])], case
        clock.now += 60  # whatever was held or open lets one through again


def recorded(status: int, body: dict[str, Any]) -> Outcome:
    by_code = {
        "UNREGISTERED": Outcome(Verdict.RETIRE, "unregistered"),
        "SENDER_ID_MISMATCH": Outcome(Verdict.RETIRE, "sender_id_mismatch"),
        "THIRD_PARTY_AUTH_ERROR": HELD,
        "APNS_AUTH_ERROR": HELD,
        "QUOTA_EXCEEDED": quota(),
    }
    by_status = {400: INVALID, 403: DENIED, 404: Outcome(Verdict.FAILED, "not_found")}
    if status >= 500:
        return away()
    code = body["error"].get("details", [{}])[0].get("errorCode", "")
    return by_code.get(code) or by_status[status]


async def test_a_push_arrives_as_firebase_admin_writes_it(
    stand_in: FcmStandIn, gateway: FirebaseGateway, address: str
) -> None:
    assert await gateway.send([push(address)]) == [SENT]
    (message,) = (one for one in stand_in.messages() if one.get("token") == address)
    assert message["notification"]["title"] == "New York → London from $399.00"
    assert message["android"]["notification"]["tag"] == str(FIRING.alert_id)
    assert message["android"]["ttl"] == f"{24 * 3600}s"


async def test_a_device_known_by_its_installation_id_is_addressed_and_retired_by_that(
    stand_in: FcmStandIn, gateway: FirebaseGateway, address: str
) -> None:
    stand_in.answer(address, error(404, "UNREGISTERED"))
    assert await gateway.send([push(address, addressed_by="fid")]) == [Outcome(Verdict.RETIRE, "unregistered")]
    (message,) = (one for one in stand_in.messages() if one.get("fid") == address)
    assert "token" not in message


async def test_outcomes_come_in_the_order_of_the_pushes(
    stand_in: FcmStandIn, gateway: FirebaseGateway, address: str
) -> None:
    stand_in.answer(address, error(404, "UNREGISTERED"))
    others = [push(f"{address}-{number}") for number in range(1_200)]
    outcomes = await gateway.send([*others[:700], push(address), *others[700:]])
    assert [outcome.verdict for outcome in outcomes] == [*[Verdict.SENT] * 700, Verdict.RETIRE, *[Verdict.SENT] * 500]


async def test_a_push_that_firebase_admin_finds_fault_with_fails_and_takes_no_other_with_it(
    gateway: FirebaseGateway, address: str
) -> None:
    assert await gateway.send([push(""), push(address)]) == [Outcome(Verdict.FAILED, "invalid_message"), SENT]


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "authorized_user"}'], ids=repr)
def test_a_file_that_is_no_key_is_a_configuration_error_that_does_not_show_it(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="FIREBASE_CREDENTIALS"):
        FirebaseGateway(path, lambda: NOW, Pace(), "farelark://", 1)
