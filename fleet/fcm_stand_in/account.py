"""The service account that senders show, the tokens that they get for it, and the check of both.

A token carries its expiry and the account's signature, so one that was given before a restart holds after it.
"""

import json
import time
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT: Final = "farelark-stand-in"
TOKEN_PATH: Final = "/token"  # noqa: S105  # a path
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ALGORITHM: Final = "RS256"
# Google's libraries address their assertions to this one, whatever token endpoint they send them to.
_GOOGLE: Final = "https://oauth2.googleapis.com/token"
_FOR_MESSAGES: Final = "messages:send"
_SCOPES: Final = {
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
}


class GrantError(Exception):
    """An assertion that gets no token, and why."""


class Account:
    """A service account.

    Args:
        document: its key file, as Google's console gives it.
    """

    def __init__(self, document: dict[str, str]) -> None:
        self._document = document
        self._public = serialization.load_pem_private_key(document["private_key"].encode(), password=None).public_key()
        self._expiries: dict[str, int] = {}  # of the tokens whose signature was checked

    @classmethod
    def at(cls, path: Path, url: str) -> "Account":
        """Read the account's key file; make one first where it is missing, for a server at this URL."""
        if not path.exists():
            path.write_text(json.dumps(_new_document(url)))
        return cls(json.loads(path.read_text()))

    def grant(self, assertion: str, lifetime: float) -> str:
        """Give an access token for a signed assertion, valid for so many seconds.

        Raises:
            GrantError: it is not this account's, has expired, or asks for something else than to send messages.
        """
        claims = self._claims(assertion, _GOOGLE, self._document["token_uri"])
        if claims.get("iss") != self._document["client_email"]:
            raise GrantError("the issuer is not this account")
        if not _SCOPES & set(str(claims.get("scope")).split()):
            raise GrantError("the scope is not that of messages")
        token = {"aud": _FOR_MESSAGES, "exp": int(time.time() + lifetime), "jti": uuid4().hex}
        return jwt.encode(token, self._document["private_key"], _ALGORITHM)

    def admits(self, token: str) -> bool:
        """Whether this is an access token of ours that has not expired."""
        if token not in self._expiries:
            try:
                self._expiries[token] = int(self._claims(token, _FOR_MESSAGES)["exp"])
            except GrantError:
                return False
        return time.time() < self._expiries[token]

    def _claims(self, signed: str, *audiences: str) -> dict[str, Any]:
        try:
            return jwt.decode(signed, self._public, [_ALGORITHM], {"require": ["exp"]}, audience=audiences)  # type: ignore[arg-type]  # an RSA key
        except jwt.InvalidTokenError as error:
            raise GrantError(str(error)) from error


def _new_document(url: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": f"notifier@{PROJECT}.example",
        "token_uri": url + TOKEN_PATH,
    }
