"""Sessions of the alerts API as an app and the database see them: logging in, refreshing, and what is kept."""

from typing import Any

from httpx import Response

from tests.integration.running_api import PASSWORD, RunningApi, Traveller


def login(api: RunningApi, traveller: Traveller, password: str = PASSWORD) -> Response:
    return api.client.post("/api/auth/login", json={"email": traveller.email, "password": password})


def session(api: RunningApi, traveller: Traveller) -> str:
    """The refresh token of a new session."""
    return str(login(api, traveller).json()["refresh_token"])


def refresh(api: RunningApi, token: str, key: str | None = None) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return api.client.post("/api/auth/refresh", json={"refresh_token": token}, headers=headers)


def successor(api: RunningApi, token: str, key: str | None = None) -> str:
    answer = refresh(api, token, key)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


def sessions_of(api: RunningApi, traveller: Traveller) -> list[dict[str, Any]]:
    statement = f"SELECT * FROM sessions WHERE user_id = '{traveller.id}' ORDER BY created_at"  # noqa: S608 - our own id
    return api.rows(api.settings.accounts_url, statement)
