"""Tokens that look good and are not: whatever a forger, or an app that mixes up its tokens, may send."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Claims = dict[str, Any]
Key = Ed25519PrivateKey | RSAPrivateKey

PAST = timedelta(minutes=1)  # over the leeway
LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True)
class Signer:
    """Signs as one issuer does; None among the changes leaves a claim or header out."""

    key: Key
    algorithm: str
    headers: Claims
    claims: Claims

    def token(self, **changes: object) -> str:
        return self.signed(self.payload(**changes), self.headers)

    def under(self, **headers: object) -> str:
        """Good claims under another header."""
        return self.signed(self.payload(), _changed(self.headers, headers))

    def payload(self, **changes: object) -> Claims:
        now = datetime.now(UTC)
        return _changed(self.claims | {"iat": now, "exp": now + LIFETIME}, changes)

    def signed(self, payload: Claims, headers: Claims, key: Key | None = None) -> str:
        """These claims under this header, signed with another key if one is given."""
        return jwt.encode(payload, key or self.key, algorithm=self.algorithm, headers=headers)

    def another_key(self) -> Key:
        if isinstance(self.key, RSAPrivateKey):
            return generate_rsa_key(65537, 2048)
        return Ed25519PrivateKey.generate()


def _changed(good: Claims, changes: Claims) -> Claims:
    return {name: value for name, value in (good | changes).items() if value is not None}


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(signer: Signer) -> str:
    return jwt.encode(signer.payload(), "", algorithm="none", headers=signer.headers)


def _hs256_with_the_public_key(signer: Signer) -> str:
    """Signed by hand: PyJWT refuses to make it."""
    pem = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = _part(json.dumps(signer.headers | {"alg": "HS256"}).encode())
    body = _part(json.dumps(signer.payload(iat=1, exp=2**40)).encode())
    return f"{header}.{body}.{_part(hmac.digest(pem, f'{header}.{body}'.encode(), hashlib.sha256))}"


def _es256(signer: Signer) -> str:
    return jwt.encode(signer.payload(), generate_ec_key(SECP256R1()), algorithm="ES256", headers=signer.headers)


def _another_payload(signer: Signer) -> str:
    header, _, signature = signer.token().split(".")
    _, body, _ = signer.token(sub="6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a12").split(".")
    return f"{header}.{body}.{signature}"


def _with_its_own_key(signer: Signer) -> str:
    key = signer.another_key()
    algorithm = jwt.get_algorithm_by_name(signer.algorithm)
    headers = signer.headers | {"jwk": json.loads(algorithm.to_jwk(key.public_key()))}
    return signer.signed(signer.payload(), headers, key)


def _without(claim: str, signer: Signer) -> str:
    return signer.token(**{claim: None})


Forgery = Callable[[Signer], str]

FORGERIES: dict[str, Forgery] = {
    "nothing": lambda _: "",
    "no token": lambda _: "abc",
    "no JSON": lambda _: "a.b.c",
    "brackets nested deep": lambda _: f"{_part(b'[' * 5_000)}.e30.x",
    "claims nested deep": lambda signer: f"{signer.token().split('.')[0]}.{_part(b'[' * 5_000)}.x",
    "a header that is a list": lambda _: f"{_part(b'[]')}.e30.x",
    "not ASCII": lambda _: "ü.ü.ü",
    "long": lambda signer: signer.token(padding="x" * 10_000),
    "unsigned": _unsigned,
    "HS256 with the public key": _hs256_with_the_public_key,
    "ES256": _es256,
    "another key": lambda signer: signer.signed(signer.payload(), signer.headers, signer.another_key()),
    "another key that it has with it": _with_its_own_key,
    "an unknown kid": lambda signer: signer.under(kid="other"),
    "no kid": lambda signer: signer.under(kid=None),
    "another typ": lambda signer: signer.under(typ="secevent+jwt"),
    "a refresh token's typ": lambda signer: signer.under(typ="rt+jwt"),
    "a typ that is a list": lambda signer: signer.under(typ=["at+jwt", "JWT"]),
    "another issuer": lambda signer: signer.token(iss="https://someone.example"),
    "another audience": lambda signer: signer.token(aud="someone"),
    "a list of audiences": lambda signer: signer.token(aud=[signer.claims["aud"], "someone"]),
    "expired": lambda signer: signer.token(exp=datetime.now(UTC) - PAST),
    "expires at no number": lambda signer: signer.token(exp="tomorrow"),
    "issued in the future": lambda signer: signer.token(iat=datetime.now(UTC) + PAST),
    "not valid yet": lambda signer: signer.token(nbf=datetime.now(UTC) + PAST),
    "a subject that is a number": lambda signer: signer.token(sub=1),
    "an empty subject": lambda signer: signer.token(sub=""),
    "claims that were not signed": _another_payload,
    **{f"no {name}": partial(_without, name) for name in ("iss", "aud", "sub", "iat", "exp")},
}

# What only one of the two issuers asks for.
FORGERIES_OF_OURS: dict[str, Forgery] = {
    "no jti": partial(_without, "jti"),
    "no typ": lambda signer: signer.under(typ=None),
    "an ID token's typ": lambda signer: signer.under(typ="JWT"),
    "a subject that is no user": lambda signer: signer.token(sub="admin"),
}
FORGERIES_OF_A_PROVIDER: dict[str, Forgery] = {
    "our own typ": lambda signer: signer.under(typ="at+jwt"),
    "a subject of 256 characters": lambda signer: signer.token(sub="x" * 256),
    "a subject with a NUL": lambda signer: signer.token(sub="a\x00b"),
    "a subject that is not ASCII": lambda signer: signer.token(sub="Jürgen"),
    "a subject with half a character": lambda signer: signer.token(sub="a\ud800"),
    "RS512": lambda signer: jwt.encode(signer.payload(), signer.key, algorithm="RS512", headers=signer.headers),
    "PS256": lambda signer: jwt.encode(signer.payload(), signer.key, algorithm="PS256", headers=signer.headers),
}
