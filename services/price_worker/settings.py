"""What a price worker reads from the environment."""

from pydantic import Field

from shared.settings import BoardSettings, BrokerSettings, RatesSettings, ServiceSettings


class Settings(ServiceSettings, BrokerSettings, BoardSettings, RatesSettings):
    """Settings of one price worker."""

    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once")
