"""What the alerts API reads from its environment."""

from pydantic import Field

from services.alerts_api.accounts.settings import TokenSettings
from services.alerts_api.fares.settings import FareSettings
from services.alerts_api.http.settings import EdgeSettings
from shared.settings import AccountsSettings, BoardSettings, BrokerSettings, ServiceSettings, ShardSettings


class Settings(
    TokenSettings,
    FareSettings,
    EdgeSettings,
    AccountsSettings,
    ShardSettings,
    BoardSettings,
    BrokerSettings,
    ServiceSettings,
):
    """The alerts API's settings."""

    accounts_connections: int = Field(10, ge=1, description="most connections to accounts")
    shard_connections: int = Field(5, ge=1, description="most connections to each shard")
    prepared_statements: bool = Field(
        default=False, description="keep them on connections: faster, and only where no PgBouncer stands between"
    )
    alerts_per_user: int = Field(100, ge=1, description="most alerts of one traveller")
