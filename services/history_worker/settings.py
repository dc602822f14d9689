"""What a history worker reads from the environment."""

from pydantic import Field

from shared.settings import BrokerSettings, ServiceSettings, ShardSettings


class Settings(ServiceSettings, BrokerSettings, ShardSettings):
    """Settings of one history worker."""

    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once: each waits for commits")
