"""What the alerts API reads from its environment."""

from pathlib import Path

from pydantic import Field

from shared.settings import AccountsSettings, BoardSettings, BrokerSettings, ServiceSettings, ShardSettings


class Settings(AccountsSettings, ShardSettings, BoardSettings, BrokerSettings, ServiceSettings):
    """The alerts API's settings."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    jwt_key_file: Path = Field(description="PEM of the Ed25519 private key that signs access tokens")
    accounts_connections: int = Field(10, ge=1, description="most connections to accounts")
    shard_connections: int = Field(5, ge=1, description="most connections to each shard")
