"""What a price worker reads from the environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.price_worker.precedence import Precedence
from shared.fare_boards.layout import MAX_RANK
from shared.settings import BoardSettings, BrokerSettings, RatesSettings, ServiceSettings


class Settings(ServiceSettings, BrokerSettings, BoardSettings, RatesSettings):
    """Settings of one price worker."""

    concurrency: int = Field(2, ge=1, le=16, description="batches in work at once, of each queue")
    source_ranks: dict[str, Annotated[int, Field(ge=0, le=MAX_RANK)]] = Field(
        default_factory=dict, description='whom to believe more, as {"duffel": 2, "ryanair": 1}; others have rank 0'
    )
    source_window_minutes: int = Field(
        60, ge=0, le=24 * 60, description="how long a price holds against one of a source a rank below"
    )

    @property
    def precedence(self) -> Precedence:
        """Among sources."""
        window = timedelta(minutes=self.source_window_minutes)
        return Precedence(self.source_ranks, int(window.total_seconds() * 1000))
