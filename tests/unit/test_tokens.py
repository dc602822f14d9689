"""Access tokens: ours are believed, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from fleet.keys import rotate
from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AUDIENCE, ISSUER, AccessTokens
from services.alerts_api.accounts.verification import InvalidTokenError
from shared.token_keys import LEEWAY, TOKEN_LIFETIME
from tests.forged_tokens import FORGERIES, FORGERIES_OF_OURS, Signer

USER = UUID("6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11")

ALL_FORGERIES = FORGERIES | FORGERIES_OF_OURS


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> TokenKeys:
    folder = tmp_path_factory.mktemp("keys")
    rotate(folder, now(), timedelta(0))
    return TokenKeys(folder, now)


@pytest.fixture(scope="module")
def tokens(keys: TokenKeys) -> AccessTokens:
    return AccessTokens(keys)


@pytest.fixture(scope="module")
def signer(keys: TokenKeys) -> Signer:
    key = keys.signing
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(USER), "jti": "1"}
    return Signer(key.private, "EdDSA", {"typ": "at+jwt", "kid": key.id}, claims)


def test_a_token_tells_whose_it_is(tokens: AccessTokens) -> None:
    assert tokens.verify(tokens.issue(USER, now())) == USER


def test_the_tokens_that_these_tests_sign_are_good_but_for_what_they_change(
    tokens: AccessTokens, signer: Signer
) -> None:
    assert tokens.verify(signer.token()) == tokens.verify(signer.under()) == USER


def test_a_token_says_what_rfc_9068_asks_for(tokens: AccessTokens, signer: Signer) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    token = tokens.issue(USER, noon)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": signer.headers["kid"]}
    payload = jwt.decode(token, options={"verify_signature": False})
    jti = payload.pop("jti")
    assert payload == {
        "iss": "farelark",
        "aud": "farelark-alerts-api",
        "sub": str(USER),
        "iat": noon.timestamp(),
        "exp": noon.timestamp() + 900,
    }
    assert jti != jwt.decode(tokens.issue(USER, noon), options={"verify_signature": False})["jti"]


def test_clocks_may_differ_by_the_leeway(tokens: AccessTokens) -> None:
    nearly = LEEWAY - timedelta(seconds=5)
    assert tokens.verify(tokens.issue(USER, now() - TOKEN_LIFETIME - nearly)) == USER
    assert tokens.verify(tokens.issue(USER, now() + nearly)) == USER


@pytest.mark.parametrize("forgery", ALL_FORGERIES)
def test_it_does_not_believe(tokens: AccessTokens, signer: Signer, forgery: str) -> None:
    token = ALL_FORGERIES[forgery](signer)
    with pytest.raises(InvalidTokenError) as refusal:
        tokens.verify(token)
    assert not token or token not in str(refusal.value)


def test_a_key_that_the_token_names_elsewhere_is_not_looked_at(tokens: AccessTokens, signer: Signer) -> None:
    elsewhere = signer.headers | {"jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/certificate"}
    assert tokens.verify(signer.signed(signer.payload(), elsewhere)) == USER
    with pytest.raises(InvalidTokenError):
        tokens.verify(signer.signed(signer.payload(), elsewhere, signer.another_key()))


def test_a_token_is_signed_by_the_key_of_the_hour_and_believed_while_its_key_verifies(tmp_path: Path) -> None:
    rotate(tmp_path, now() - timedelta(days=1), timedelta(0))
    old = AccessTokens(TokenKeys(tmp_path, now))
    token = old.issue(USER, now())
    rotate(tmp_path, now(), timedelta(minutes=-15))
    assert AccessTokens(TokenKeys(tmp_path, now)).verify(token) == USER
    rotate(tmp_path, now(), timedelta(minutes=-16))
    with pytest.raises(InvalidTokenError):
        AccessTokens(TokenKeys(tmp_path, now)).verify(token)


def test_a_token_that_was_good_is_refused_once_it_has_run_out(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.issue(USER, now())
    assert tokens.verify(token) == USER
    end = (now() + TOKEN_LIFETIME + LEEWAY).timestamp()
    monkeypatch.setattr("services.alerts_api.accounts.tokens.time", lambda: end - 1)
    assert tokens.verify(token) == USER
    monkeypatch.setattr("services.alerts_api.accounts.tokens.time", lambda: end + 1)
    with pytest.raises(InvalidTokenError):
        tokens.verify(token)
