"""Whose tokens the API believes."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Oidc(NamedTuple):
    """Another issuer, such as Firebase Authentication."""

    issuer: str
    audience: str
    jwks_url: str


class TokenSettings(BaseSettings):
    """Where the keys of our own tokens are, and those of another issuer's, if there is one."""

    jwt_keys: Path = Field(description="folder of the Ed25519 private keys that sign access tokens")
    oidc_issuer: str = Field("", description="`iss` of another issuer's tokens")
    oidc_audience: str = Field("", description="`aud` of its tokens for us, such as a Firebase project id")
    oidc_jwks_url: str = Field("", description="where its public keys are", validate_default=True)

    @field_validator("oidc_jwks_url")
    @classmethod
    def _all_three_or_none(cls, url: str, info: ValidationInfo) -> str:
        """Also that nobody between us and the issuer can put keys of their own in the place of its."""
        given = (info.data.get("oidc_issuer"), info.data.get("oidc_audience"), url)
        if any(given) and not all(given):
            raise ValueError("set OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL, all three or none")
        if url and not _is_safe(url):
            raise ValueError("begin it with https://, plain http is for a loopback address")
        return url

    @property
    def oidc(self) -> Oidc | None:
        """The other issuer, if there is one."""
        return Oidc(self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url) if self.oidc_issuer else None


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
