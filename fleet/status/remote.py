"""The status of a fleet elsewhere, as its operations process gives it."""

from http import HTTPStatus

import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from fleet.status.snapshot import Snapshot, decode
from shared.errors import ConfigurationError, UnavailableError, UnreadableError

_TIMEOUT_S = 5.0


class TokenSettings(BaseSettings):
    """What the operations process asks for."""

    ops_token: SecretStr


class RemoteWatcher:
    """Looks at a fleet by its `GET /queue/status`.

    Args:
        url: of the operations process.
        token: that it was given as OPS_TOKEN.
    """

    def __init__(self, url: str, token: SecretStr) -> None:
        self._url = url.rstrip("/") + "/queue/status"
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"}

    async def look(self) -> Snapshot:
        """Its newest look.

        Raises:
            UnavailableError: it does not answer, or has not looked yet.
            ConfigurationError: it refuses the token, or something else answers there.
        """
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
                answer = await client.get(self._url, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(self._url, type(error).__name__) from None
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise ConfigurationError(f"{self._url} refuses the token in OPS_TOKEN")
        if not answer.is_success:
            raise UnavailableError(self._url, f"it answered {answer.status_code}")
        try:
            return decode(answer.content)
        except UnreadableError:
            raise ConfigurationError(f"{self._url} is not a fleet's status, or of another version") from None
