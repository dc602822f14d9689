"""Whose tokens the running API believes: ours, those of one configured issuer, and nobody else's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from httpx import Response

from fleet.keys import list_keys, rotate
from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AUDIENCE, ISSUER
from services.alerts_api.settings import Settings
from shared.token_keys import LOOK_EVERY
from tests.forged_tokens import FORGERIES, FORGERIES_OF_A_PROVIDER, FORGERIES_OF_OURS, Signer
from tests.integration.issuer_stand_in import IssuerStandIn, issuer_stand_in
from tests.integration.running_api import PASSWORD, RunningApi, running_api, settings_for, settings_over, wish
from tests.private_servers import Servers

JWKS = "/.well-known/jwks.json"
AT_ONCE = timedelta(0)
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"


class Clock:
    """The API's clock, which a test may put ahead."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def issuer() -> Iterator[IssuerStandIn]:
    with issuer_stand_in() as issuer:
        issuer.new_key()
        yield issuer


@pytest.fixture(scope="module")
def settings(servers: Servers, issuer: IssuerStandIn, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_over(servers, tmp_path_factory.mktemp("api"), **issuer.settings)


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[RunningApi]:
    with running_api(settings) as api:
        yield api


@pytest.fixture(scope="module")
def ours(api: RunningApi) -> Signer:
    """Signs as the API does, for a traveller of its own."""
    key = TokenKeys(api.settings.jwt_keys, Clock()).signing
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": api.traveller().id, "jti": "1"}
    return Signer(key.private, "EdDSA", {"typ": "at+jwt", "kid": key.id}, claims)


@pytest.fixture(scope="module")
def theirs(issuer: IssuerStandIn) -> Signer:
    """Signs as the other issuer does, for a user of its own."""
    return issuer.signer(issuer.new_key(), "firebase-user")


def alerts(api: RunningApi, token: str) -> Response:
    return api.client.get("/api/alerts", headers=[(b"Authorization", f"Bearer {token}".encode())])


def refusal(api: RunningApi, token: str) -> tuple[int, str, object]:
    """What the answer is, but for the request's id."""
    answer = alerts(api, token)
    problem = answer.json()
    problem.pop("request_id", None)
    return answer.status_code, answer.headers.get("WWW-Authenticate", ""), problem


INVALID = (
    401,
    'Bearer error="invalid_token"',
    {"title": "Unauthorized", "status": 401, "detail": "the access token is not valid"},
)


def test_the_tokens_that_these_tests_sign_are_good_but_for_what_they_change(
    api: RunningApi, ours: Signer, theirs: Signer
) -> None:
    for signer in (ours, theirs):
        assert alerts(api, signer.token()).status_code == 200
        assert alerts(api, signer.under()).status_code == 200


@pytest.mark.parametrize("forgery", FORGERIES | FORGERIES_OF_OURS)
def test_whatever_is_wrong_with_a_token_of_ours_gets_the_same_answer(
    api: RunningApi, ours: Signer, forgery: str
) -> None:
    assert refusal(api, (FORGERIES | FORGERIES_OF_OURS)[forgery](ours)) == INVALID


@pytest.mark.parametrize("forgery", FORGERIES | FORGERIES_OF_A_PROVIDER)
def test_whatever_is_wrong_with_a_token_of_the_other_issuer_gets_the_same_answer(
    api: RunningApi, theirs: Signer, forgery: str
) -> None:
    assert refusal(api, (FORGERIES | FORGERIES_OF_A_PROVIDER)[forgery](theirs)) == INVALID


def test_a_refresh_token_is_no_access_token(api: RunningApi) -> None:
    credentials = {"email": f"{uuid4().hex}@example.org", "password": PASSWORD}
    grant = api.client.post("/api/auth/register", json=credentials).json()
    assert refusal(api, grant["refresh_token"]) == INVALID


def test_neither_issuer_signs_for_the_other(api: RunningApi, ours: Signer, theirs: Signer) -> None:
    assert refusal(api, ours.token(iss=theirs.claims["iss"])) == INVALID
    assert refusal(api, theirs.token(iss=ISSUER)) == INVALID
    assert refusal(api, theirs.signed(ours.payload(), ours.headers | {"kid": theirs.headers["kid"]})) == INVALID


@pytest.mark.parametrize("header", ["jku", "x5u"])
def test_a_url_in_a_token_is_never_asked(api: RunningApi, theirs: Signer, ours: Signer, header: str) -> None:
    with issuer_stand_in() as evil:
        key_id = evil.new_key()
        forger = evil.signer(key_id, "firebase-user")
        for signer in (ours, theirs):
            pointing = signer.headers | {header: evil.jwks_url}
            assert alerts(api, signer.signed(signer.payload(), pointing)).status_code == 200
            assert refusal(api, signer.signed(signer.payload(), pointing, signer.another_key())) == INVALID
        assert refusal(api, forger.signed(forger.payload(), forger.headers | {header: evil.jwks_url})) == INVALID
        assert evil.asked == 0


def test_a_bad_token_is_refused_before_anything_else_is_read(api: RunningApi, ours: Signer) -> None:
    headers = {"Authorization": f"Bearer {ours.token(aud='someone')}", "Content-Type": "text/plain"}
    answers = [
        api.client.post("/api/alerts", content=b"[" * 60_000, headers=headers),
        api.client.get("/api/alerts", params={"count": "1e9"}, headers=headers),
        api.client.get(f"/api/alerts/{uuid4()}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3


def test_without_a_configured_issuer_only_our_tokens_are_good(servers: Servers, tmp_path: Path, theirs: Signer) -> None:
    with running_api(settings_over(servers, tmp_path)) as api:
        assert refusal(api, theirs.token()) == INVALID
        assert api.traveller().get("/api/alerts").status_code == 200


# Keys of our own


def test_anyone_can_verify_our_tokens_with_the_published_keys(api: RunningApi) -> None:
    answer = api.client.get(JWKS)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    traveller = api.traveller()
    token = traveller.headers["Authorization"].removeprefix("Bearer ")
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, ["EdDSA"], audience=AUDIENCE, issuer=ISSUER)
    assert claims["sub"] == traveller.id


def test_no_private_part_of_a_key_is_published(api: RunningApi) -> None:
    keys = api.client.get(JWKS).json()["keys"]
    assert keys
    for key in keys:
        assert set(key) == {"kid", "kty", "crv", "x", "alg", "use"}


@contextmanager
def two_servers(settings: Settings, clock: Clock) -> Iterator[tuple[RunningApi, RunningApi]]:
    with running_api(settings, clock) as one, running_api(settings, clock) as other:
        yield one, other


def test_a_rotation_logs_nobody_out(servers: Servers, tmp_path: Path) -> None:
    settings, clock = settings_over(servers, tmp_path), Clock()
    (old,) = list_keys(settings.jwt_keys, clock())
    with two_servers(settings, clock) as (one, other):
        before = one.traveller()
        new = rotate(settings.jwt_keys, clock(), timedelta(seconds=1))
        clock.ahead += LOOK_EVERY
        after = one.traveller()
        kids = [jwt.get_unverified_header(t.headers["Authorization"].split()[1])["kid"] for t in (before, after)]
        assert kids == [old.key_id, new.key_id]
        for traveller in (before, after):
            for server in (one, other):
                assert server.client.get("/api/alerts", headers=traveller.headers).status_code == 200


def test_the_keys_to_come_are_published_and_the_spent_ones_are_not(tmp_path: Path) -> None:
    settings, clock = settings_for(NOWHERE, [NOWHERE], tmp_path), Clock()
    folder = settings.jwt_keys
    (spent,) = list_keys(folder, clock())
    superseded = rotate(folder, clock() - timedelta(minutes=20), AT_ONCE)
    signing = rotate(folder, clock() - timedelta(minutes=5), AT_ONCE)
    coming = rotate(folder, clock(), timedelta(minutes=10))
    (folder / spent.name).rename(folder / spent._replace(signs_from=superseded.signs_from - timedelta(days=1)).name)
    with running_api(settings, clock) as api:
        published = [key["kid"] for key in api.client.get(JWKS).json()["keys"]]
        assert published == [superseded.key_id, signing.key_id, coming.key_id]


def test_a_token_of_a_spent_key_opens_nothing(tmp_path: Path) -> None:
    settings, clock = settings_for(NOWHERE, [NOWHERE], tmp_path), Clock()
    key = TokenKeys(settings.jwt_keys, clock).signing
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid4()), "jti": "1"}
    signer = Signer(key.private, "EdDSA", {"typ": "at+jwt", "kid": key.id}, claims)
    with running_api(settings, clock) as api:
        assert alerts(api, signer.token()).status_code == 503  # believed; its database is away
        rotate(settings.jwt_keys, clock(), timedelta(seconds=1))
        clock.ahead += timedelta(minutes=16)
        assert refusal(api, signer.token()) == INVALID


# Travellers of another issuer


def test_a_subject_stands_for_one_traveller_with_alerts_like_any_other(
    settings: Settings, issuer: IssuerStandIn
) -> None:
    key_id = issuer.new_key()
    ann, bob = (issuer.signer(key_id, name) for name in ("ann", "bob"))
    with two_servers(settings, Clock()) as (one, other):
        made = one.client.post("/api/alerts", json=wish(), headers={"Authorization": f"Bearer {ann.token()}"})
        assert made.status_code == 201
        assert alerts(other, ann.token()).json()["total"] == 1
        assert alerts(other, bob.token()).json()["total"] == 0
        headers = {"Authorization": f"Bearer {bob.token()}"}
        assert other.client.get(f"/api/alerts/{made.json()['id']}", headers=headers).status_code == 404


def test_a_traveller_who_is_being_deleted_is_refused(api: RunningApi, issuer: IssuerStandIn) -> None:
    signer = issuer.signer(issuer.new_key(), "leaving")
    with running_api(api.settings) as server:
        assert alerts(server, signer.token()).status_code == 200
    leave = (
        "UPDATE users SET deleting_at = now() FROM identities "
        "WHERE user_id = id AND issuer LIKE 'https://securetoken.example/%' AND subject = 'leaving' RETURNING id"
    )
    assert len(api.rows(api.settings.accounts_url, leave)) == 1
    with running_api(api.settings) as server:
        assert refusal(server, signer.token()) == INVALID


def test_an_issuer_that_fails_is_503_only_for_keys_that_are_not_known(
    settings: Settings, issuer: IssuerStandIn
) -> None:
    known = issuer.signer(issuer.new_key(), "known")
    clock = Clock()
    with running_api(settings, clock) as api:
        issuer.status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            answer = alerts(api, known.token())
        finally:
            issuer.status = HTTPStatus.OK
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert answer.json()["detail"].startswith("the issuer of the access token cannot be reached")
        assert api.traveller().get("/api/alerts").status_code == 200


def test_unknown_keys_do_not_make_us_ask_the_issuer_each_time(settings: Settings, issuer: IssuerStandIn) -> None:
    signer = issuer.signer(issuer.new_key(), "asking")
    with running_api(settings) as api:
        before = issuer.asked
        assert alerts(api, signer.token()).status_code == 200
        for number in range(5):
            assert refusal(api, signer.under(kid=f"invented-{number}")) == INVALID
        assert issuer.asked == before + 1


def test_a_first_token_needs_the_accounts_database(issuer: IssuerStandIn, tmp_path: Path) -> None:
    signer = issuer.signer(issuer.new_key(), "first")
    with running_api(settings_for(NOWHERE, [NOWHERE], tmp_path, **issuer.settings)) as api:
        assert alerts(api, signer.token()).status_code == 503
