"""What the notifier reads from its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import NoDecode

from services.notifier.deciding.policy import Rules
from shared.settings import AccountsSettings, BoardSettings, BrokerSettings, ServiceSettings, ShardSettings
from shared.topology import Lane

# Urgent ones are few, and digests can wait.
_SHARE: Final = {Lane.URGENT: 2, Lane.STANDARD: 1, Lane.DIGEST: 4}


class NotifierSettings(ServiceSettings, BrokerSettings, AccountsSettings, ShardSettings, BoardSettings):
    """Where notices come from and are recorded, where alerts and fares are found, and which way leads to devices."""

    firebase_credentials: Path | None = Field(None, description="a service account's key: send through FCM")
    push_endpoint: HttpUrl | None = Field(None, description="a stand-in for FCM; tests and benchmarks only")
    lanes: Annotated[tuple[Lane, ...], NoDecode] = Field(
        tuple(Lane), min_length=1, description="which to work on, separated by commas"
    )
    concurrency: int = Field(
        4,
        ge=1,
        le=64,
        description="standard batches in work at once; half as many urgent ones, a quarter of digests",
    )
    cooldown_seconds: int = Field(900, ge=0, le=86_400, description="least time between two pushes of one alert")
    caps: bool = Field(default=True, description="whether travellers' caps hold; off only to replay months in minutes")
    prepared_statements: bool = Field(
        default=False, description="keep them on connections: faster, and only where no PgBouncer stands between"
    )
    push_log: Path | None = Field(None, description="without Firebase: file that gets a JSON line per push")
    app_link: str = Field("farelark://", description="beginning of the links that open the app")
    pushes_per_second: int = Field(9_000, ge=1, le=10_000, description="of the whole fleet; FCM takes 10,000 a project")
    push_ramp_seconds: int = Field(60, ge=0, le=3_600, description="from a tenth of that to the whole; 0: no ramp")
    push_connections: int = Field(500, ge=1, le=10_000, description="pushes in flight at once")

    @field_validator("lanes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    def concurrency_of(self, lane: Lane) -> int:
        """How many batches of a lane are in work at once, at least one."""
        return max(1, self.concurrency // _SHARE[lane])

    @property
    def rules(self) -> Rules:
        """What holds for every traveller."""
        return Rules(timedelta(seconds=self.cooldown_seconds), self.caps)
