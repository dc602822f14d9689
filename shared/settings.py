"""Settings that several services share.

Each is read from the environment by its name in capitals or, where it is not there, from a file of its name that a
container has among its secrets.
"""

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import ConfigurationError

DEFAULT_RATES_FILE = Path(__file__).parent / "rates" / "reference_rates.csv"

# Where Compose and Kubernetes mount a service's secrets; jwt_keys among them is a folder.
SECRETS: Final = Path("/run/secrets/farelark")

DEFAULT_FARE_LIFETIME: Final = timedelta(days=14)

S = TypeVar("S", bound=BaseSettings)


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    ops_host: str = Field("0.0.0.0", description="where health and metrics are served")  # noqa: S104  # probed from outside the pod
    ops_port: int = Field(9100, ge=0, le=65535, description="port of health and metrics")
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="OTLP/HTTP collector of traces, as http://collector:4318; none: no traces"
    )
    traces_sampled: float = Field(0.01, ge=0, le=1, description="share of the messages with which a trace begins")
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
        return comma_separated(self.shard_urls)


def comma_separated(setting: str) -> list[str]:
    """The parts of a setting that are separated by commas; empty ones count for nothing."""
    return [part.strip() for part in setting.split(",") if part.strip()]


def load(settings: type[S], *, secrets: Path = SECRETS) -> S:
    """Read settings from the environment and from the files in a folder, if it is there; the environment wins.

    Raises:
        ConfigurationError: names every setting that is missing or wrong, without its value, or what cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="attempted to load secret file .* found a directory")
            return settings(_secrets_dir=secrets if secrets.is_dir() else None)
    except ValidationError as error:
        faults = [f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors(include_input=False)]
        ways = f"in the environment, or each in a file of its name in small letters in {secrets}"
        raise ConfigurationError(f"set these {ways}: {'; '.join(faults)}") from None
    except SettingsError as error:
        raise ConfigurationError(f"{error}: {error.__cause__}") from None
