"""Settings that several services share, each read from the environment by its name in capitals."""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError

DEFAULT_RATES_FILE = Path(__file__).parent / "rates" / "reference_rates.csv"

DEFAULT_FARE_LIFETIME: Final = timedelta(days=14)

S = TypeVar("S", bound=BaseSettings)


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    ops_host: str = Field("0.0.0.0", description="where health and metrics are served")  # noqa: S104  # probed from outside the pod
    ops_port: int = Field(9100, ge=0, le=65535, description="port of health and metrics")
    failpoints: Path | None = Field(None, description="folder of armed failpoints; tests only")


class BrokerSettings(BaseSettings):
    """Where RabbitMQ is."""

    rabbitmq_url: str


class BoardSettings(BaseSettings):
    """Where the fare boards are, and which fares on them count."""

    redis_url: str = Field(
        description="redis://:password@host:6379/0, or a cluster's redis+cluster://:password@host:7000,host:7001/"
    )
    fare_lifetime_days: int = Field(
        DEFAULT_FARE_LIFETIME.days, ge=1, le=365, description="a fare that no source confirms for so long is gone"
    )

    @property
    def fare_lifetime(self) -> timedelta:
        """How long a fare counts as available without being seen again."""
        return timedelta(days=self.fare_lifetime_days)


class RatesSettings(BaseSettings):
    """Which exchange rates hold."""

    rates_file: Path = DEFAULT_RATES_FILE
    reference_currency: str = "EUR"


class AccountsSettings(BaseSettings):
    """Where users, devices and notifications are."""

    accounts_url: str


class ShardSettings(BaseSettings):
    """Where alerts are: one PostgreSQL address per shard, separated by commas."""

    shard_urls: str

    @property
    def shards(self) -> list[str]:
        """The shards' addresses in order."""
        return [url.strip() for url in self.shard_urls.split(",") if url.strip()]


def load(settings: type[S]) -> S:
    """Read settings from the environment.

    Raises:
        ConfigurationError: names every variable that is missing or wrong, without its value.
    """
    try:
        return settings()
    except ValidationError as error:
        faults = [f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise ConfigurationError("set these in the environment: " + "; ".join(faults)) from None
