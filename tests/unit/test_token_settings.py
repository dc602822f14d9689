"""Which issuers the API may be told to believe."""

import pytest

from services.alerts_api.accounts.settings import Oidc, TokenSettings
from shared.errors import ConfigurationError
from shared.settings import load

FIREBASE = {
    "OIDC_ISSUER": "https://securetoken.google.com/app",
    "OIDC_AUDIENCE": "app",
    "OIDC_JWKS_URL": "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
}


def loaded(monkeypatch: pytest.MonkeyPatch, **environment: str) -> TokenSettings:
    for name in FIREBASE:
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"JWT_KEYS": "keys"} | environment).items():
        monkeypatch.setenv(name, value)
    return load(TokenSettings)


def test_without_another_issuer_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch).oidc is None
    assert loaded(monkeypatch, **dict.fromkeys(FIREBASE, "")).oidc is None


def test_another_issuer_is_three_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, **FIREBASE).oidc == Oidc(*FIREBASE.values())


@pytest.mark.parametrize("missing", FIREBASE)
def test_some_of_the_three_are_too_few(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    with pytest.raises(ConfigurationError, match="all three or none"):
        loaded(monkeypatch, **FIREBASE | {missing: ""})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_plain_http_will_do_on_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    url = f"http://{host}/jwks.json"
    oidc = loaded(monkeypatch, **FIREBASE | {"OIDC_JWKS_URL": url}).oidc
    assert oidc
    assert oidc.jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks.json",
        "http://127.0.0.1.issuer.example/jwks.json",
        "http://127.0.0.1@issuer.example/jwks.json",
        "ftp://127.0.0.1/jwks.json",
        "file:///etc/passwd",
        "https://",
        "http://[::1/jwks.json",
        "jwks.json",
    ],
)
def test_keys_come_from_no_place_where_they_could_be_replaced(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(ConfigurationError, match="OIDC_JWKS_URL"):
        loaded(monkeypatch, **FIREBASE | {"OIDC_JWKS_URL": url})
