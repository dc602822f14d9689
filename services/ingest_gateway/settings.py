"""What the gateway reads from its environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import AccountsSettings, BoardSettings, BrokerSettings, ServiceSettings


class Settings(ServiceSettings, BrokerSettings, BoardSettings, AccountsSettings):
    """The gateway's settings."""

    ingest_host: str = "127.0.0.1"
    ingest_port: int = Field(8001, ge=0, le=65535)
    batch_age_ms: int = Field(
        4, ge=0, le=1_000, description="how long fares wait for others with which they travel, in milliseconds"
    )
    spool_megabytes: int = Field(
        4_096, ge=1, description="the most that may lie in accounts while RabbitMQ takes nothing: 60 bytes a fare"
    )
    accounts_connections: int = Field(8, ge=2, description="most connections to accounts")
    prepared_statements: bool = Field(
        default=False, description="keep them on connections: faster, and only where no PgBouncer stands between"
    )
    sources_file: Path | None = Field(
        None, description="which sources are polled (TOML); none: only who sends is heard"
    )
    source_secrets: dict[str, SecretStr] = Field(
        {}, description="secrets by the names that the sources file has for them: a JSON object"
    )
