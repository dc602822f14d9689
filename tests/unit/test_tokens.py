"""Access tokens: ours are believed, and nothing else is."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.alerts_api.accounts.tokens import (
    AUDIENCE,
    ISSUER,
    LEEWAY,
    LIFETIME,
    AccessTokens,
    InvalidTokenError,
    key_id,
)
from shared.errors import ConfigurationError

KEY = Ed25519PrivateKey.generate()
USER = UUID("6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11")

Claims = dict[str, Any]


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(KEY)


def claims(**changes: object) -> Claims:
    """The claims of a good token with some changed; None leaves one out."""
    now = datetime.now(UTC)
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(USER), "iat": now, "exp": now + LIFETIME, "jti": "1"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def headers(**changes: object) -> Claims:
    return {"typ": "at+jwt", "kid": key_id(KEY.public_key())} | changes


def sign(payload: Claims, header: Claims, key: Ed25519PrivateKey = KEY) -> str:
    return jwt.encode(payload, key, algorithm="EdDSA", headers=header)


def without(claim: str) -> str:
    return sign(claims(**{claim: None}), headers())


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def hs256_with_the_public_key() -> str:
    """Signed by hand: PyJWT refuses to make it."""
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = part(json.dumps(headers(alg="HS256")).encode())
    body = part(json.dumps(claims(iat=1, exp=2**40), default=str).encode())
    return f"{header}.{body}.{part(hmac.digest(pem, f'{header}.{body}'.encode(), hashlib.sha256))}"


def test_a_token_tells_whose_it_is(tokens: AccessTokens) -> None:
    assert tokens.verify(tokens.issue(USER, datetime.now(UTC))) == USER


def test_the_tokens_that_these_tests_sign_are_good_but_for_what_they_change(tokens: AccessTokens) -> None:
    assert tokens.verify(sign(claims(), headers())) == USER


def test_a_token_says_what_rfc_9068_asks_for(tokens: AccessTokens) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    token = tokens.issue(USER, now)
    assert jwt.get_unverified_header(token) == headers(alg="EdDSA")
    payload = jwt.decode(token, options={"verify_signature": False})
    jti = payload.pop("jti")
    assert payload == {
        "iss": "farelark",
        "aud": "farelark-alerts-api",
        "sub": str(USER),
        "iat": now.timestamp(),
        "exp": now.timestamp() + 900,
    }
    assert jti != jwt.decode(tokens.issue(USER, now), options={"verify_signature": False})["jti"]


def test_clocks_may_differ_by_the_leeway(tokens: AccessTokens) -> None:
    now = datetime.now(UTC)
    nearly = LEEWAY - timedelta(seconds=5)
    assert tokens.verify(tokens.issue(USER, now - LIFETIME - nearly)) == USER
    assert tokens.verify(tokens.issue(USER, now + nearly)) == USER


PAST = timedelta(minutes=1)
FORGERIES: dict[str, Callable[[], str]] = {
    "nothing": str,
    "no token": lambda: "abc",
    "no JSON": lambda: "a.b.c",
    "brackets nested deep": lambda: f"{part(b'[' * 50_000)}.e30.x",
    "a header that is a list": lambda: f"{part(b'[]')}.e30.x",
    "not ASCII": lambda: "ü.ü.ü",
    "unsigned": lambda: jwt.encode(claims(), "", algorithm="none", headers=headers()),
    "HS256 with the public key": hs256_with_the_public_key,
    "ES256": lambda: jwt.encode(claims(), generate_ec_key(SECP256R1()), algorithm="ES256", headers=headers()),
    "another key": lambda: sign(claims(), headers(), Ed25519PrivateKey.generate()),
    "another key that it names": lambda: sign(
        claims(), headers(jku="https://example.org"), Ed25519PrivateKey.generate()
    ),
    "an unknown kid": lambda: sign(claims(), headers(kid="other")),
    "no kid": lambda: sign(claims(), {"typ": "at+jwt"}),
    "another typ": lambda: sign(claims(), headers(typ="JWT")),
    "a refresh token's typ": lambda: sign(claims(), headers(typ="rt+jwt")),
    "no typ": lambda: sign(claims(), headers(typ=None)),
    "another issuer": lambda: sign(claims(iss="someone"), headers()),
    "another audience": lambda: sign(claims(aud="someone"), headers()),
    "a list of audiences": lambda: sign(claims(aud=[AUDIENCE, "someone"]), headers()),
    "expired": lambda: sign(claims(exp=datetime.now(UTC) - PAST), headers()),
    "issued in the future": lambda: sign(claims(iat=datetime.now(UTC) + PAST), headers()),
    "not valid yet": lambda: sign(claims(nbf=datetime.now(UTC) + PAST), headers()),
    "a subject that is no user": lambda: sign(claims(sub="admin"), headers()),
    "a subject that is a number": lambda: sign(claims(sub=1), headers()),
    **{f"no {name}": partial(without, name) for name in claims()},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_it_does_not_believe(tokens: AccessTokens, forgery: str) -> None:
    with pytest.raises(InvalidTokenError):
        tokens.verify(FORGERIES[forgery]())


def test_a_changed_payload_breaks_the_signature(tokens: AccessTokens) -> None:
    header, _, signature = sign(claims(), headers()).split(".")
    _, body, _ = sign(claims(sub=str(uuid4())), headers()).split(".")
    with pytest.raises(InvalidTokenError):
        tokens.verify(f"{header}.{body}.{signature}")


def test_the_key_comes_from_its_pem(tokens: AccessTokens) -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert AccessTokens.from_pem(pem).verify(tokens.issue(USER, datetime.now(UTC))) == USER


@pytest.mark.parametrize(
    "pem",
    [b"", b"no key", generate_ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())],
    ids=["empty", "no key", "another kind of key"],
)
def test_no_other_key_will_do(pem: bytes) -> None:
    with pytest.raises(ConfigurationError, match="token key"):
        AccessTokens.from_pem(pem)
