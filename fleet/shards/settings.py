"""What the shard commands read from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class MoveSettings(BaseSettings):
    """Of a move."""

    failpoints: Path | None = Field(None, description="folder of armed failpoints; tests only")
