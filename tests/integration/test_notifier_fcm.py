"""FCM through firebase-admin, against a stand-in that speaks its protocol."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifier.fcm import FirebaseGateway
from services.notifier.gateway import Device, Outcome, Push, Verdict
from services.notifier.rendering import Text, render
from shared.errors import ConfigurationError, UnavailableError
from shared.messages.notifications import Expiry, Fare, Notice, Notification
from tests.integration.fcm_stand_in import Answer, FcmStandIn, fcm_stand_in
from tests.real_data import real_file

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ERROR_BODIES = "payloads/fcm/error_bodies.json"
RETIRED_BY_DETAIL = {"UNREGISTERED": "unregistered", "SENDER_ID_MISMATCH": "sender_id_mismatch"}
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
TRANSIENT_BY_DETAIL = {
    "APNS_AUTH_ERROR": "third_party_auth",
    "THIRD_PARTY_AUTH_ERROR": "third_party_auth",
    "QUOTA_EXCEEDED": "quota_exceeded",
}


@pytest.fixture
def stand_in() -> Iterator[FcmStandIn]:
    with fcm_stand_in() as running:
        yield running


@pytest.fixture
async def gateway(stand_in: FcmStandIn, tmp_path: Path) -> AsyncIterator[FirebaseGateway]:
    credentials = stand_in.write_credentials(tmp_path / "account.json")
    opened = FirebaseGateway(credentials, lambda: NOW, stand_in.url)
    yield opened
    await opened.close()


def push(to: str = "device-token", departure: date = date(2026, 12, 24), text: Text | None = None) -> Push:
    notification = Notification(
        id=UUID(int=1),
        alert_id=UUID(int=2),
        user_id=UUID(int=3),
        fire_seq=1,
        fired_at=NOW,
        route="NYC-LON",
        fare=Fare(
            origin="JFK",
            destination="LHR",
            departure_date=departure,
            cabin="economy",
            stops=0,
            currency="USD",
            price=39900,
            observed_at=NOW,
            source="test",
        ),
        reference_price=36000,
        armed_price=37000,
    )
    return push_of(notification, to, text)


def push_of(notice: Notice, to: str = "device-token", text: Text | None = None) -> Push:
    device = Device(UUID(int=4), UUID(int=3), "en", to, "token")
    return Push(notice, device, text or render(notice, device.locale))


def error(status: int, detail: dict[str, Any] | None = None) -> Answer:
    body: dict[str, Any] = {"status": "INVALID_ARGUMENT", "message": "test error"}
    return Answer(status, {"error": body | ({"details": [detail]} if detail else {})})


def bad_field(field: str) -> dict[str, Any]:
    violation = {"field": field, "description": "not valid"}
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}


async def test_a_push_arrives_as_a_message_that_replaces_its_twin(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    assert await gateway.send([push()]) == [Outcome(Verdict.SENT)]
    (message,) = stand_in.messages
    alert = str(UUID(int=2))
    assert message["token"] == "device-token"
    assert message["notification"]["title"] == "New York → London from $399.00"
    assert message["data"] == {"notification_id": str(UUID(int=1)), "alert_id": alert}
    assert message["android"]["notification"]["tag"] == alert
    assert message["apns"]["headers"]["apns-collapse-id"] == alert
    assert message["webpush"]["notification"]["tag"] == alert


async def test_a_device_known_by_its_installation_id_is_addressed_by_that_alone(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    by_token = push()
    by_fid = replace(by_token, device=replace(by_token.device, address="an-installation-id", addressed_by="fid"))
    stand_in.answers["an-installation-id"] = error(404, {"@type": FCM_ERROR, "errorCode": "UNREGISTERED"})
    assert await gateway.send([by_fid]) == [Outcome(Verdict.RETIRE, "unregistered")]
    (message,) = stand_in.messages
    assert message["fid"] == "an-installation-id"
    assert "token" not in message


@pytest.mark.parametrize(
    ("departure", "seconds"),
    [(date(2026, 12, 24), 24 * 3600), (date(2026, 12, 1), 12 * 3600 - 1), (date(2026, 11, 30), 0)],
)
async def test_a_push_lives_a_day_and_never_longer_than_its_flight(
    stand_in: FcmStandIn, gateway: FirebaseGateway, departure: date, seconds: int
) -> None:
    await gateway.send([push(departure=departure)])
    (message,) = stand_in.messages
    assert message["android"]["ttl"] == f"{seconds}s"
    assert message["webpush"]["headers"]["TTL"] == str(seconds)
    assert message["apns"]["headers"]["apns-expiration"] == str(int(NOW.timestamp()) + seconds)


async def test_the_end_of_an_alert_replaces_what_it_told_before_and_outlasts_a_holiday(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    expiry = Expiry(
        id=UUID(int=1),
        alert_id=UUID(int=2),
        user_id=UUID(int=3),
        revision=0,
        expired_at=NOW,
        route="NYC-LON",
        departure_from=date(2026, 11, 1),
        departure_to=date(2026, 11, 30),
    )
    assert await gateway.send([push_of(expiry)]) == [Outcome(Verdict.SENT)]
    (message,) = stand_in.messages
    assert message["notification"]["title"] == "Your alert New York → London has ended"
    assert message["android"]["notification"]["tag"] == str(UUID(int=2))
    assert message["android"]["ttl"] == f"{14 * 24 * 3600}s"


async def test_the_longest_text_fits_into_a_message(stand_in: FcmStandIn, gateway: FirebaseGateway) -> None:
    await gateway.send([push(text=Text("✈" * 80, "✈" * 240))])
    payload = {name: stand_in.messages[0][name] for name in ("notification", "data", "android", "apns", "webpush")}
    assert len(json.dumps(payload, ensure_ascii=False).encode()) <= 4096


async def test_more_pushes_than_one_call_takes_are_answered_in_their_order(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    stand_in.answers["dead"] = error(404, {"@type": FCM_ERROR, "errorCode": "UNREGISTERED"})
    outcomes = await gateway.send([push(f"token-{i}") for i in range(500)] + [push("dead"), push("last")])
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 500 + [Verdict.RETIRE, Verdict.SENT]
    assert stand_in.exchanges == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(400), Outcome(Verdict.FAILED, "invalid_argument")),
        (error(400, bad_field("message.android.ttl")), Outcome(Verdict.FAILED, "invalid_argument")),
        (error(400, bad_field("message.token")), Outcome(Verdict.RETIRE, "invalid_address")),
        (error(400, bad_field("message.fid")), Outcome(Verdict.RETIRE, "invalid_address")),
        (error(403), Outcome(Verdict.REFUSED, "permission_denied")),
        (error(404), Outcome(Verdict.FAILED, "not_found")),
        (error(429), Outcome(Verdict.TRANSIENT, "quota_exceeded")),
        (Answer(502, "<html>Bad Gateway</html>"), Outcome(Verdict.TRANSIENT, "server_error")),
        (Answer(400, "<html>Bad Request</html>"), Outcome(Verdict.FAILED, "invalid_argument")),
        (Answer(200, "<html>not JSON</html>"), Outcome(Verdict.TRANSIENT, "outcome_unknown")),
        (Answer(200, {}), Outcome(Verdict.TRANSIENT, "outcome_unknown")),
        (Answer(400, {"error": "a string"}), Outcome(Verdict.TRANSIENT, "outcome_unknown")),
    ],
)
async def test_an_answer_decides_about_push_and_token(
    stand_in: FcmStandIn, gateway: FirebaseGateway, answer: Answer, outcome: Outcome
) -> None:
    stand_in.answers["device-token"] = answer
    assert [outcome] == await gateway.send([push()])


async def test_an_unauthenticated_sender_is_refused_after_a_fresh_token_did_not_help(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    stand_in.answers["device-token"] = error(401)
    assert [Outcome(Verdict.REFUSED, "unauthenticated")] == await gateway.send([push()])
    assert stand_in.exchanges > 1


async def test_every_recorded_error_body_is_judged_and_only_dead_tokens_are_retired(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    recorded = json.loads(real_file(ERROR_BODIES).read_text())
    stand_in.answers = {f"token-{i}": Answer(case["http"], case["body"]) for i, case in enumerate(recorded)}
    outcomes = await gateway.send([push(token) for token in stand_in.answers])
    assert [expected(case["http"], case["body"]) for case in recorded] == outcomes


def expected(status: int, body: dict[str, Any]) -> Outcome:
    details = body["error"].get("details", [{}])
    code = details[0].get("errorCode", "")
    if status >= 500:
        return Outcome(Verdict.TRANSIENT, "server_error")
    if code in RETIRED_BY_DETAIL:
        return Outcome(Verdict.RETIRE, RETIRED_BY_DETAIL[code])
    if code in TRANSIENT_BY_DETAIL:
        return Outcome(Verdict.TRANSIENT, TRANSIENT_BY_DETAIL[code])
    return {
        400: Outcome(Verdict.FAILED, "invalid_argument"),
        403: Outcome(Verdict.REFUSED, "permission_denied"),
        404: Outcome(Verdict.FAILED, "not_found"),
    }[status]


async def test_without_an_access_token_nothing_is_sent_and_the_work_waits(
    stand_in: FcmStandIn, gateway: FirebaseGateway
) -> None:
    stand_in.token_status = 400
    with pytest.raises(UnavailableError, match="fcm_access_token"):
        await gateway.send([push()])
    assert stand_in.messages == []


async def test_a_server_that_is_not_there_leaves_the_push_to_be_repeated(stand_in: FcmStandIn, tmp_path: Path) -> None:
    credentials = stand_in.write_credentials(tmp_path / "account.json")
    gateway = FirebaseGateway(credentials, lambda: NOW, "http://127.0.0.1:1")
    try:
        assert [Outcome(Verdict.TRANSIENT, "outcome_unknown")] == await gateway.send([push()])
    finally:
        await gateway.close()


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "authorized_user"}'])
def test_a_file_that_is_no_key_is_a_configuration_error_that_does_not_show_it(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="FIREBASE_CREDENTIALS"):
        FirebaseGateway(path, lambda: NOW)
