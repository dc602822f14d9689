"""The keys of another issuer: asked for when they are needed, and no more often."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from services.alerts_api.accounts import issuer_keys
from services.alerts_api.accounts.issuer_keys import IssuerAwayError, IssuerKeys, read_keys
from services.alerts_api.accounts.verification import InvalidTokenError, Rules, verified_claims

URL = "https://issuer.example/jwks.json"

Members = dict[str, Any]

RSA: Members = RSAAlgorithm.to_jwk(generate_rsa_key(65537, 2048).public_key(), as_dict=True)
EC: Members = ECAlgorithm.to_jwk(generate_ec_key(SECP256R1()).public_key(), as_dict=True)
ED25519: Members = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True)


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def saying(body: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(body))


class Issuer:
    """An issuer behind a URL, and a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.body = key_set(RSA | {"kid": "one"})
        self.respond: Callable[[], httpx.Response] = lambda: saying(self.body)
        self.reached = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.keys = IssuerKeys(URL, httpx.AsyncClient(transport=httpx.MockTransport(self._handle)), lambda: self.now)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        self.reached.set()
        await self.answering.wait()
        return self.respond()

    async def found(self, key_id: str) -> bool:
        return await self.keys.find(key_id) is not None


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    yield issuer
    await issuer.keys.close()


async def test_a_key_is_found_by_its_id_and_asked_for_once(issuer: Issuer) -> None:
    assert await issuer.found("one")
    assert await issuer.found("one")
    assert issuer.asked == [URL]


async def test_an_unknown_key_is_asked_for_every_ten_seconds_at_most(issuer: Issuer) -> None:
    assert not await issuer.found("two")
    issuer.body = key_set(RSA | {"kid": "two"})
    issuer.now = 9.9
    assert not await issuer.found("two")
    assert len(issuer.asked) == 1
    issuer.now = 10.0
    assert await issuer.found("two")
    assert len(issuer.asked) == 2


async def test_many_who_want_to_know_at_once_ask_once(issuer: Issuer) -> None:
    assert await asyncio.gather(*(issuer.found("one") for _ in range(20))) == [True] * 20
    assert len(issuer.asked) == 1


async def test_one_who_goes_away_does_not_take_the_answer_from_the_others(issuer: Issuer) -> None:
    issuer.answering.clear()
    leaving, staying = (asyncio.create_task(issuer.found("one")) for _ in range(2))
    await issuer.reached.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    issuer.answering.set()
    assert leaving.cancelled()
    assert await staying


async def test_every_hour_the_keys_are_read_again_and_nobody_waits_for_it(issuer: Issuer) -> None:
    assert await issuer.found("one")
    issuer.body = key_set(RSA | {"kid": "two"})
    issuer.answering.clear()
    issuer.now = 3599.0
    assert await issuer.found("one")
    assert len(issuer.asked) == 1
    issuer.now = 3600.0
    assert await issuer.found("one")  # although the issuer says nothing yet
    issuer.answering.set()
    assert await issuer.found("two")
    assert not await issuer.found("one")
    assert len(issuer.asked) == 2


def failing(error: Exception) -> Callable[[], httpx.Response]:
    def respond() -> httpx.Response:
        raise error

    return respond


FAILURES: dict[str, Callable[[], httpx.Response]] = {
    "no connection": failing(httpx.ConnectError("refused")),
    "500": lambda: httpx.Response(500, stream=httpx.ByteStream(key_set(RSA | {"kid": "two"}))),
    "a redirection": lambda: httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    "no JSON": lambda: saying(b"<html>"),
    "brackets nested deep": lambda: saying(b"[" * 60_000),
    "no UTF-8": lambda: saying(b"\xff"),
    "another JSON": lambda: saying(json.dumps([RSA | {"kid": "two"}]).encode()),
    "no key": lambda: saying(key_set()),
    "no key that verifies": lambda: saying(key_set(ED25519 | {"kid": "two"})),
    "65 KB": lambda: saying(key_set(RSA | {"kid": "two"}, "x" * 65_536)),
    "65 KB in pieces": lambda: httpx.Response(200, content=pieces()),
}


async def pieces() -> AsyncIterator[bytes]:
    yield b'{"keys": [], "more": "'
    while True:
        yield b"x" * 1024


@pytest.mark.parametrize("failure", FAILURES)
async def test_what_was_known_is_kept_when_the_issuer_fails(issuer: Issuer, failure: str) -> None:
    assert await issuer.found("one")
    issuer.respond = FAILURES[failure]
    issuer.now = 3600.0
    with pytest.raises(IssuerAwayError):
        await issuer.found("two")
    assert await issuer.found("one")
    assert issuer.asked == [URL, URL]


async def test_an_issuer_that_is_back_is_asked_again(issuer: Issuer) -> None:
    issuer.respond = FAILURES["no connection"]
    for issuer.now in (0.0, 9.0):
        with pytest.raises(IssuerAwayError):
            await issuer.found("one")
    issuer.respond = lambda: saying(issuer.body)
    issuer.now = 10.0
    assert await issuer.found("one")
    assert len(issuer.asked) == 2


async def test_an_issuer_that_does_not_answer_is_given_up(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "_TIMEOUT_S", 0.01)
    issuer.answering.clear()
    with pytest.raises(IssuerAwayError):
        await issuer.found("one")


async def test_closing_does_not_wait_for_an_answer(issuer: Issuer) -> None:
    issuer.answering.clear()
    asking = asyncio.create_task(issuer.found("one"))
    await issuer.reached.wait()
    await issuer.keys.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_keys_for_rs256_and_es256_are_read() -> None:
    keys = read_keys(key_set(RSA | {"kid": "rsa"}, EC | {"kid": "ec", "use": "sig", "alg": "ES256"}))
    assert {key_id: key.algorithm_name for key_id, key in keys.items()} == {"rsa": "RS256", "ec": "ES256"}


USELESS: dict[str, object] = {
    "no object": 5,
    "no id": RSA,
    "an empty id": RSA | {"kid": ""},
    "an id that is a number": RSA | {"kid": 5},
    "for encryption": RSA | {"kid": "x", "use": "enc"},
    "of another algorithm": RSA | {"kid": "x", "alg": "RS512"},
    "of an algorithm that is none": RSA | {"kid": "x", "alg": []},
    "a secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
    "of another curve": ED25519 | {"kid": "x"},
    "without its numbers": {"kty": "RSA", "kid": "x"},
    "with numbers that are none": RSA | {"kid": "x", "n": 5},
}


@pytest.mark.parametrize("useless", USELESS)
def test_a_key_that_is_of_no_use_is_left_out(useless: str) -> None:
    assert set(read_keys(key_set(USELESS[useless], RSA | {"kid": "good"}))) == {"good"}


def test_a_short_rsa_key_verifies_nothing() -> None:
    weak = generate_rsa_key(65537, 1024)  # noqa: S505  # that is the point
    key = read_keys(key_set(RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True) | {"kid": "weak"}))["weak"]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode({"iss": "issuer", "aud": "audience"}, weak, algorithm="RS256")
    with pytest.raises(InvalidTokenError, match="InvalidKeyError"):
        verified_claims(token, key, Rules("issuer", "audience", ["RS256"], (None, "JWT"), []))
