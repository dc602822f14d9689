"""What the API's edges read from the environment."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, IPvAnyNetwork, StringConstraints
from pydantic_settings import BaseSettings, NoDecode

from shared.settings import comma_separated


def _parts(value: object) -> object:
    return comma_separated(value) if isinstance(value, str) else value


_SeparatedByCommas = BeforeValidator(_parts)
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")]


class LimitSettings(BaseSettings):
    """How much is let through in a minute."""

    user_reads_per_minute: int = Field(300, ge=1, description="of one traveller")
    user_writes_per_minute: int = Field(60, ge=1, description="of one traveller")
    address_requests_per_minute: int = Field(600, ge=1, description="without a good token, from one address")
    address_tries_per_minute: int = Field(10, ge=1, description="of passwords and refresh tokens, from one address")
    account_tries_per_minute: int = Field(10, ge=1, description="of passwords for one account, from anywhere")


class EdgeSettings(LimitSettings):
    """Where the API listens, whom it believes, and what it shows."""

    environment: Literal["production", "development"] = Field(
        "production", description="in development there is a page to browse the API with"
    )
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    trusted_proxies: Annotated[list[IPvAnyNetwork], NoDecode, _SeparatedByCommas] = Field(
        [], description="networks of the balancers whose X-Forwarded-For and -Proto are believed"
    )
    cors_origins: Annotated[list[Origin], NoDecode, _SeparatedByCommas] = Field(
        [], description="origins of web pages that may call the API, as https://app.example.com"
    )
