"""What `dlq` reads from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class ReplaySettings(BaseSettings):
    """Of a replay."""

    failpoints: Path | None = Field(None, description="folder of armed failpoints; tests only")
