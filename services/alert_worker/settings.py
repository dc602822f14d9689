"""What an alert worker reads from the environment."""

from pydantic import Field

from shared.settings import BoardSettings, BrokerSettings, ServiceSettings, ShardSettings


class Settings(ServiceSettings, BrokerSettings, BoardSettings, ShardSettings):
    """Settings of one alert worker."""

    concurrency: int = Field(
        4, ge=1, le=16, description="batches in work at once: each waits for confirms and commits most of its time"
    )
