"""What a price worker reads from the environment."""

from datetime import timedelta
from typing import Final

from pydantic import Field

from shared.settings import BoardSettings, BrokerSettings, RatesSettings, ServiceSettings

DEFAULT_FARE_LIFETIME: Final = timedelta(days=14)


class Settings(ServiceSettings, BrokerSettings, BoardSettings, RatesSettings):
    """Settings of one price worker."""

    fare_lifetime_days: int = Field(
        DEFAULT_FARE_LIFETIME.days, ge=1, le=365, description="a fare that no source confirms for so long is gone"
    )
    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once")

    @property
    def fare_lifetime(self) -> timedelta:
        """How long a fare counts as available without being seen again."""
        return timedelta(days=self.fare_lifetime_days)
