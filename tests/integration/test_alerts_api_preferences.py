"""Who one is, and how one wants to be told, over a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.running_api import RunningApi, running_api, settings_over
from tests.private_servers import Servers

PATH = "/api/me/preferences"
DEFAULTS = {
    "quiet_hours": None,
    "pass_when_exceptional": False,
    "time_zone": None,
    "digest_at": None,
    "most_per_hour": 6,
    "most_per_day": 20,
    "currency": "EUR",
    "locale": None,
}
CHOSEN = {
    "quiet_hours": {"from": "22:30", "to": "07:00"},
    "pass_when_exceptional": True,
    "time_zone": "America/St_Johns",
    "digest_at": "18:00",
    "most_per_hour": 60,
    "most_per_day": 500,
    "currency": "JPY",
    "locale": "pt_BR",
}


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


def test_a_traveller_sees_their_own_account(api: RunningApi) -> None:
    traveller = api.traveller()
    answer = traveller.get("/api/me")
    assert answer.status_code == 200
    created = f"SELECT created_at FROM users WHERE id = '{traveller.id}'"  # noqa: S608 - our own id
    (row,) = api.rows(api.settings.accounts_url, created)
    at = row["created_at"].isoformat().replace("+00:00", "Z")
    assert answer.json() == {"id": traveller.id, "email": traveller.email, "created_at": at}


def test_whoever_comes_from_elsewhere_has_no_address_here(api: RunningApi) -> None:
    traveller = api.traveller()
    nameless = f"UPDATE users SET email = NULL, password_hash = NULL WHERE id = '{traveller.id}' RETURNING id"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, nameless)
    assert traveller.get("/api/me").json()["email"] is None


def test_an_account_that_is_being_deleted_is_not_there_any_more(api: RunningApi) -> None:
    traveller = api.traveller()
    leaving = f"UPDATE users SET deleting_at = now() WHERE id = '{traveller.id}' RETURNING id"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, leaving)
    answers = [traveller.get("/api/me"), traveller.put(PATH, CHOSEN), traveller.patch(PATH, {})]
    assert [answer.status_code for answer in answers] == [401] * 3
    kept = f"SELECT user_id FROM preferences WHERE user_id = '{traveller.id}'"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, kept) == []


def test_before_anything_is_chosen_preferences_are_the_defaults(api: RunningApi) -> None:
    assert api.traveller().get(PATH).json() == DEFAULTS


def test_the_defaults_are_those_of_the_table(api: RunningApi) -> None:
    """The notifier reads rows, or goes by the table."""
    traveller = api.traveller()
    insert = f"INSERT INTO preferences (user_id) VALUES ('{traveller.id}') RETURNING user_id"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, insert)
    assert traveller.get(PATH).json() == DEFAULTS


def test_what_was_chosen_is_kept(api: RunningApi) -> None:
    traveller = api.traveller()
    assert traveller.put(PATH, CHOSEN).json() == CHOSEN
    assert traveller.get(PATH).json() == CHOSEN


def test_what_a_put_leaves_out_goes_back_to_its_default(api: RunningApi) -> None:
    traveller = api.traveller()
    traveller.put(PATH, CHOSEN)
    assert traveller.put(PATH, {"currency": "CHF"}).json() == DEFAULTS | {"currency": "CHF"}
    assert traveller.get(PATH).json() == DEFAULTS | {"currency": "CHF"}


def test_a_patch_changes_what_it_names_and_nothing_else(api: RunningApi) -> None:
    traveller = api.traveller()
    traveller.put(PATH, CHOSEN)
    patch = {"quiet_hours": {"to": "08:15"}, "digest_at": None, "most_per_day": None}
    changes = {"quiet_hours": {"from": "22:30", "to": "08:15"}, "digest_at": None, "most_per_day": 20}
    assert traveller.patch(PATH, patch).json() == CHOSEN | changes
    assert traveller.patch(PATH, {"quiet_hours": None}).json()["quiet_hours"] is None
    assert traveller.get(PATH).json() == CHOSEN | changes | {"quiet_hours": None}


def test_a_traveller_s_preferences_are_no_other_s(api: RunningApi) -> None:
    first, second = api.traveller(), api.traveller()
    first.put(PATH, CHOSEN)
    assert second.get(PATH).json() == DEFAULTS


def test_only_what_the_app_has_seen_is_written_over(api: RunningApi) -> None:
    traveller = api.traveller()
    seen = traveller.get(PATH).headers["ETag"]
    written = traveller.client.put(PATH, json=CHOSEN, headers=traveller.headers | {"If-Match": seen})
    assert written.status_code == 200
    now = written.headers["ETag"]
    assert now == traveller.get(PATH).headers["ETag"] != seen
    for write in (traveller.client.put, traveller.client.patch):
        answer = write(PATH, json={"currency": "USD"}, headers=traveller.headers | {"If-Match": seen})
        assert (answer.status_code, answer.headers["Content-Type"]) == (412, "application/problem+json")
    assert traveller.get(PATH).json() == CHOSEN
    for tags in (f'"other", {now}', "*"):
        answer = traveller.client.patch(PATH, json={}, headers=traveller.headers | {"If-Match": tags})
        assert answer.status_code == 200


def test_of_writes_at_once_on_what_was_seen_one_goes_through(api: RunningApi) -> None:
    traveller = api.traveller()
    headers = traveller.headers | {"If-Match": traveller.get(PATH).headers["ETag"]}

    def write(most: int) -> int:
        return traveller.client.patch(PATH, json={"most_per_day": most}, headers=headers).status_code

    with ThreadPoolExecutor(8) as at_once:
        assert sorted(at_once.map(write, range(100, 108))) == [200] + [412] * 7


def test_patches_at_once_all_count(api: RunningApi) -> None:
    traveller = api.traveller()
    patches = [{name: value} for name, value in CHOSEN.items()]
    with ThreadPoolExecutor(8) as at_once:
        assert {answer.status_code for answer in at_once.map(lambda one: traveller.patch(PATH, one), patches)} == {200}
    assert traveller.get(PATH).json() == CHOSEN


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours.to"),
        ({"quiet_hours": {"to": "22:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "quiet_hours.to"),
        ({"quiet_hours": {"from": "24:00", "to": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00\n", "to": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00", "to": "7:00"}}, "quiet_hours.to"),
        ({"quiet_hours": {"from": "22:00", "to": "07:00", "on": "mon"}}, "quiet_hours.on"),
        ({"digest_at": "08:60"}, "digest_at"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"currency": "EU"}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"currency": "ABC"}, "currency"),
        ({"currency": "XAU"}, "currency"),
        ({"locale": "\N{PARTY POPPER}"}, "locale"),
        ({"most_per_hour": 0}, "most_per_hour"),
        ({"most_per_hour": 61}, "most_per_hour"),
        ({"most_per_hour": "5"}, "most_per_hour"),
        ({"most_per_hour": 5.0}, "most_per_hour"),
        ({"most_per_day": 501}, "most_per_day"),
        ({"pass_when_exceptional": 1}, "pass_when_exceptional"),
        ({"user_id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "user_id"),
    ],
)
def test_preferences_that_make_no_sense_name_the_field(api: RunningApi, changes: dict[str, object], field: str) -> None:
    traveller = api.traveller()
    for write in (traveller.put, traveller.patch):
        answer = write(PATH, changes)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert traveller.get(PATH).json() == DEFAULTS


def test_a_patch_that_is_nested_beyond_all_sense_is_refused(api: RunningApi) -> None:
    traveller = api.traveller()
    for depth in (100, 800, 950, 4_000):
        body = '{"quiet_hours":' * depth + "1" + "}" * depth
        headers = traveller.headers | {"Content-Type": "application/merge-patch+json"}
        assert traveller.client.patch(PATH, content=body, headers=headers).status_code == 400
