"""What the notifier reads from its environment."""

from pathlib import Path

from pydantic import Field, HttpUrl

from shared.settings import AccountsSettings, BoardSettings, BrokerSettings, ServiceSettings, ShardSettings


class NotifierSettings(ServiceSettings, BrokerSettings, AccountsSettings, ShardSettings, BoardSettings):
    """Where notices come from and are recorded, where alerts and fares are found, and which way leads to devices."""

    firebase_credentials: Path | None = Field(None, description="a service account's key: send through FCM")
    push_endpoint: HttpUrl | None = Field(None, description="a stand-in for FCM; tests and benchmarks only")
    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once")
    push_log: Path | None = Field(None, description="without Firebase: file that gets a JSON line per push")
