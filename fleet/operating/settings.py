"""What the operations process reads from the environment, beside the fleet's addresses."""

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings


class OperatingSettings(ServiceSettings):
    """How it watches, and who may ask it."""

    ops_token: SecretStr = Field(min_length=16, description="whoever asks for the status must have it")
    look_every_seconds: float = Field(5.0, ge=0.5, description="between two looks at the fleet")
    redrive_every_seconds: float = Field(
        300.0, ge=0, description="between two rounds in which dead letters are sent again; 0: never"
    )
