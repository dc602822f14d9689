"""When the fare boards answer, and when the price history does."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class FareSettings(BaseSettings):
    """How fares are searched for."""

    fares_live: bool = Field(default=True, description="search the fare boards; if not, the price history answers")
    fares_minimum: int = Field(1, ge=0, description="with fewer fares on the boards the price history answers")
    fares_fresh_seconds: int = Field(6 * 3600, ge=1, description="a fare seen within so long is called fresh")

    @property
    def fares_fresh_for(self) -> timedelta:
        """How long a fare is fresh once it was seen."""
        return timedelta(seconds=self.fares_fresh_seconds)
