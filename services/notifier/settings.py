"""What the notifier reads from its environment."""

from pathlib import Path

from pydantic import Field, HttpUrl

from shared.settings import AccountsSettings, BrokerSettings, ServiceSettings


class NotifierSettings(ServiceSettings, BrokerSettings, AccountsSettings):
    """Where notifications come from, where they are recorded and which way they go to the devices."""

    firebase_credentials: Path | None = Field(None, description="a service account's key: send through FCM")
    push_endpoint: HttpUrl | None = Field(None, description="a stand-in for FCM; tests and benchmarks only")
    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once")
    push_log: Path | None = Field(None, description="without Firebase: file that gets a JSON line per push")
