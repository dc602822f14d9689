"""A stand-in for an OpenID provider such as Firebase Authentication: it signs tokens and serves its public keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from tests.forged_tokens import Signer
from tests.serving_thread import serving_thread

AUDIENCE = "farelark-app"
ISSUER = f"https://securetoken.example/{AUDIENCE}"


class IssuerStandIn:
    """What it serves, and how often it was asked; an unset status makes it fail."""

    def __init__(self, port: int) -> None:
        self.jwks_url = f"http://127.0.0.1:{port}/jwks.json"
        self.status = HTTPStatus.OK
        self.asked = 0
        self._keys: dict[str, RSAPrivateKey] = {}

    @property
    def settings(self) -> dict[str, str]:
        """What the API must know to believe its tokens."""
        return {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": self.jwks_url}

    def new_key(self) -> str:
        """Make a key and publish it."""
        key_id = uuid4().hex
        self._keys[key_id] = generate_private_key(65537, 2048)
        return key_id

    def signer(self, key_id: str, subject: str) -> Signer:
        """Whoever signs this user in."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "auth_time": 1_790_000_000, "user_id": subject}
        return Signer(self._keys[key_id], "RS256", {"typ": "JWT", "kid": key_id}, claims)

    def document(self) -> bytes:
        """The JWKS."""
        self.asked += 1
        keys = [
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in self._keys.items()
        ]
        return json.dumps({"keys": keys}).encode()


@contextmanager
def issuer_stand_in() -> Iterator[IssuerStandIn]:
    """Run a stand-in, without any key, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = stand_in.document()
            self.send_response(stand_in.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving_thread(Handler) as port:
        stand_in = IssuerStandIn(port)
        yield stand_in
