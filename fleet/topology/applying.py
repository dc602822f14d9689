"""Makes a broker's topology what it should be: of a running fleet, or of the one that the environment names."""

from pathlib import Path
from urllib.parse import urlsplit

from fleet import addresses
from fleet.backends import virtual_host_of
from fleet.topology.settings import ManagementSettings
from shared.errors import ConfigurationError, FarelarkError, UnavailableError
from shared.management import Applied, open_management
from shared.settings import load


class NotAppliedError(FarelarkError):
    """The broker does not have all of the topology."""

    def __init__(self, url: str, error: UnavailableError) -> None:
        parts = urlsplit(url)
        super().__init__(
            f"not applied at {parts.hostname}:{parts.port}: {error}. "
            "What was made stays; once that is mended, repeat this command"
        )


async def apply(folder: Path) -> Applied:
    """Apply the topology to the broker of the fleet in this data folder, or else to the one in the environment.

    Raises:
        ConfigurationError: neither is there.
        NotAppliedError: the broker is away or refuses.
    """
    url, virtual_host = _broker_of(folder)
    try:
        async with open_management(url, virtual_host) as management:
            return await management.apply_topology()
    except UnavailableError as error:
        raise NotAppliedError(url, error) from error


def _broker_of(folder: Path) -> tuple[str, str]:
    """The management API and the virtual host."""
    try:
        fleet = addresses.read(folder)
    except ConfigurationError:
        settings = load(ManagementSettings)
        if not settings.rabbitmq_management_url:
            raise ConfigurationError(
                f"no fleet runs in {folder}: name its folder with --data, or a broker of your own with "
                "RABBITMQ_MANAGEMENT_URL=http://user:password@host:15672"
            ) from None
        return settings.rabbitmq_management_url, virtual_host_of(settings.rabbitmq_url)
    return fleet.amqp_management, virtual_host_of(fleet.amqp)
