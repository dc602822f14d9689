"""The stand-in for FCM, asked over HTTP as a sender asks Google: what it refuses, what it can be told to do."""

import json
import ssl
from collections.abc import Iterator, Mapping
from time import time
from typing import Any

import httpx
import jwt
import pytest

from fleet.fcm_stand_in.account import JWT_BEARER, PROJECT
from tests.integration.fcm_stand_in import Answer, FcmStandIn, fcm_stand_in
from tests.real_data import real_file

SEND = f"/v1/projects/{PROJECT}/messages:send"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
UNAVAILABLE = Answer(503, {"error": {"status": "UNAVAILABLE"}}, {"Retry-After": "7"})


class Sender:
    """Somebody with the account's key."""

    def __init__(self, stand_in: FcmStandIn, client: httpx.Client) -> None:
        self.client = client
        self.account = json.loads(stand_in.account.read_text())
        self.token = ""

    def assertion(self, **changes: object) -> str:
        claims = {
            "iss": self.account["client_email"],
            "aud": self.account["token_uri"],
            "scope": SCOPE,
            "exp": int(time()) + 600,
        }
        return jwt.encode(claims | changes, self.account["private_key"], "RS256")

    def exchange(self, assertion: str, grant_type: str = JWT_BEARER) -> httpx.Response:
        return self.client.post("/token", data={"grant_type": grant_type, "assertion": assertion})

    def send(self, body: object, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return self.client.post(SEND, json=body, headers=headers)

    def send_to(self, address: str) -> httpx.Response:
        return self.send({"message": {"token": address}})


@pytest.fixture
def sender(stand_in: FcmStandIn) -> Iterator[Sender]:
    with httpx.Client(base_url=stand_in.url) as client:
        one = Sender(stand_in, client)
        one.token = one.exchange(one.assertion()).json()["access_token"]
        yield one


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["status"]


def test_a_message_is_accepted_under_a_name_and_recorded_as_it_came(stand_in: FcmStandIn, sender: Sender) -> None:
    message = {"fid": "an-installation", "notification": {"title": "→"}, "apns": {"headers": {"a": "b"}}}
    before = time()
    response = sender.send({"message": message})
    assert response.status_code == 200
    assert response.json()["name"].startswith(f"projects/{PROJECT}/messages/")
    *_, recorded = stand_in.messages()
    assert before <= recorded.pop("at") <= time()
    assert message | {"answered": 200} == recorded


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"message": {}},
        {"message": {"token": "a", "fid": "b"}},
        {"message": {"token": "a"}, "validate_only": True},
        {"message": {"token": "a", "text": "unknown"}},
        {"message": {"token": "a", "data": {"number": 1}}},
        {"message": {"token": "a", "data": {"long": "x" * 4_096}}},
    ],
)
def test_what_is_no_message_to_one_device_is_an_invalid_argument(sender: Sender, body: object) -> None:
    assert error_of(sender.send(body)) == (400, "INVALID_ARGUMENT")


def test_the_payload_counts_without_the_address_and_without_escapes(sender: Sender) -> None:
    text = "✈" * 1_300  # 3,900 bytes in UTF-8, twice as many as escapes in ASCII
    body = {"message": {"token": "x" * 200, "notification": {"title": text}}}
    response = sender.client.post(
        SEND, content=json.dumps(body, ensure_ascii=True), headers={"Authorization": f"Bearer {sender.token}"}
    )
    assert response.status_code == 200


def test_without_an_access_token_that_it_gave_nobody_sends(sender: Sender) -> None:
    for token in ("invented", sender.assertion()):
        assert error_of(sender.send({"message": {"token": "a"}}, token)) == (401, "UNAUTHENTICATED")
    assert sender.client.post(SEND, json={"message": {"token": "a"}}).status_code == 401


def test_access_tokens_expire(stand_in: FcmStandIn, sender: Sender) -> None:
    stand_in.set_token_endpoint(lifetime=-1)
    token = sender.exchange(sender.assertion()).json()["access_token"]
    assert error_of(sender.send({"message": {"token": "a"}}, token)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody@else.example"},
        {"aud": "https://accounts.google.com"},
        {"scope": "https://www.googleapis.com/auth/drive"},
        {"exp": 1_700_000_000},
    ],
)
def test_an_assertion_must_be_of_the_account_for_this_server_and_this_hour(
    sender: Sender, changes: Mapping[str, object]
) -> None:
    response = sender.exchange(sender.assertion(**changes))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_an_assertion_with_a_strange_signature_gets_no_token(sender: Sender) -> None:
    header, claims, signature = sender.assertion().split(".")
    forged = ".".join([header, claims, signature[::-1]])
    assert sender.exchange(forged).json()["error"] == "invalid_grant"
    assert sender.exchange(sender.assertion(), "password").json()["error"] == "unsupported_grant_type"


def test_a_device_gets_its_answers_in_their_order_and_is_then_accepted(stand_in: FcmStandIn, sender: Sender) -> None:
    stand_in.answer("flaky", UNAVAILABLE, times=2)
    stand_in.answer("flaky", Answer(502, "<html>Bad Gateway</html>"), times=1)
    responses = [sender.send_to("flaky") for _ in range(4)]
    assert [response.status_code for response in responses] == [503, 503, 502, 200]
    assert responses[0].headers["retry-after"] == "7"
    assert responses[0].json() == UNAVAILABLE.body
    assert (responses[2].headers["content-type"], responses[2].text) == (
        "text/html; charset=UTF-8",
        "<html>Bad Gateway</html>",
    )
    assert [message["answered"] for message in stand_in.messages()[-4:]] == [503, 503, 502, 200]


def test_all_get_one_answer_but_those_with_an_answer_of_their_own(stand_in: FcmStandIn, sender: Sender) -> None:
    stand_in.answer("gone", Answer(404, {}))
    stand_in.answer_all(UNAVAILABLE)
    assert [sender.send_to(address).status_code for address in ("gone", "other", "gone")] == [404, 503, 404]
    stand_in.answer_all(None)
    assert sender.send_to("other").status_code == 200


def test_every_recorded_error_of_fcm_can_be_answered(stand_in: FcmStandIn, sender: Sender) -> None:
    cases: list[dict[str, Any]] = json.loads(real_file("payloads/fcm/error_bodies.json").read_text())
    for number, case in enumerate(cases):
        stand_in.answer(f"case-{number}", Answer(case["http"], case["body"]))
    answers = [sender.send_to(f"case-{number}") for number in range(len(cases))]
    assert [{"http": answer.status_code, "body": answer.json()} for answer in answers] == cases


def test_a_connection_can_be_cut_and_others_go_on(stand_in: FcmStandIn, sender: Sender) -> None:
    stand_in.answer("cut", Answer(0, cut=True), times=1)
    with httpx.Client(base_url=stand_in.url) as other:
        assert other.get("/nothing").status_code == 404
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
            sender.send_to("cut")
        assert other.get("/nothing").status_code == 404
    assert stand_in.messages()[-1]["answered"] == 0
    assert sender.send_to("cut").status_code == 200


def test_it_answers_as_late_as_it_is_told_to(stand_in: FcmStandIn, sender: Sender) -> None:
    stand_in.set_latency(3_600)
    with pytest.raises(httpx.ReadTimeout):
        sender.client.post(
            SEND,
            json={"message": {"token": "late"}},
            headers={"Authorization": f"Bearer {sender.token}"},
            timeout=0.2,
        )
    assert stand_in.messages()[-1]["token"] == "late"


def test_the_token_endpoint_fails_and_hangs_as_it_is_told_to(stand_in: FcmStandIn, sender: Sender) -> None:
    exchanges = stand_in.exchanges()
    stand_in.set_token_endpoint(status=500)
    assert sender.exchange(sender.assertion()).status_code == 500
    stand_in.set_token_endpoint(latency=3_600)
    with pytest.raises(httpx.ReadTimeout):
        sender.client.post("/token", data={}, timeout=0.2)
    assert stand_in.exchanges() == exchanges + 2


def test_after_a_crash_it_is_where_it_was_with_its_record_and_its_tokens(stand_in: FcmStandIn, sender: Sender) -> None:
    sender.send_to("before")
    stand_in.stop()
    with pytest.raises(httpx.ConnectError):
        sender.send_to("meanwhile")
    stand_in.start()
    assert sender.send_to("after").status_code == 200
    assert [message["token"] for message in stand_in.messages()[-2:]] == ["before", "after"]


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
def test_over_tls_the_client_chooses_the_protocol(http2: bool, version: str) -> None:
    with fcm_stand_in(tls=True) as stand_in:
        trust = ssl.create_default_context(cafile=str(stand_in.certificate))
        with httpx.Client(base_url=stand_in.url, verify=trust, http2=http2) as client:
            one = Sender(stand_in, client)
            one.token = one.exchange(one.assertion()).json()["access_token"]
            response = one.send_to("secure")
    assert (response.status_code, response.http_version) == (200, version)
