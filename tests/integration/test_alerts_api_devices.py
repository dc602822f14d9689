"""Entering, listing and forgetting devices, over a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerts_api.devices.store import MAX_DEVICES
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.private_servers import Servers

DEVICE = {"platform": "ios", "locale": "de-CH", "time_zone": "Europe/Zurich", "app_version": "2.1"}
ADDRESSES = pytest.mark.parametrize("kind", ["token", "fid"])


class Ticking:
    """A clock by which a second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) - timedelta(minutes=10)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), Ticking()) as api:
        yield api


def address() -> str:
    return f"address-{uuid4()}"


def entered(traveller: Traveller, **device: str) -> dict[str, Any]:
    answer = traveller.post("/api/devices", DEVICE | device)
    assert answer.status_code in {200, 201}, answer.text
    body: dict[str, Any] = answer.json()
    return body


def listed(traveller: Traveller) -> list[dict[str, Any]]:
    answer = traveller.get("/api/devices")
    assert answer.status_code == 200
    resources: list[dict[str, Any]] = answer.json()["resources"]
    return resources


@ADDRESSES
def test_a_device_is_entered_once_and_then_seen_again(api: RunningApi, kind: str) -> None:
    traveller, known = api.traveller(), {kind: address()}
    first = traveller.post("/api/devices", DEVICE | known)
    again = traveller.post("/api/devices", {"platform": "android"} | known)
    assert (first.status_code, again.status_code) == (201, 200)
    device = first.json()
    assert UUID(device["id"])
    assert {name: device[name] for name in DEVICE} == DEVICE
    assert device["addressed_by"] == kind
    assert again.json()["last_seen_at"] > device["last_seen_at"]
    changed = {"platform": "android", "locale": "en", "time_zone": "UTC", "app_version": None}
    assert again.json() == device | changed | {"last_seen_at": again.json()["last_seen_at"]}
    assert listed(traveller) == [again.json()]


@ADDRESSES
def test_a_device_under_another_account_leaves_the_first(api: RunningApi, kind: str) -> None:
    first, second, known = api.traveller(), api.traveller(), {kind: address()}
    assert first.post("/api/devices", DEVICE | known).status_code == 201
    assert second.post("/api/devices", DEVICE | known).status_code == 200
    assert listed(first) == []
    assert len(listed(second)) == 1


@ADDRESSES
def test_a_retired_device_is_not_listed_until_it_comes_back(api: RunningApi, kind: str) -> None:
    traveller, known = api.traveller(), {kind: address()}
    device = entered(traveller, **known)
    retire = f"UPDATE devices SET retired_at = now(), retired_reason = 'x' WHERE id = '{device['id']}' RETURNING id"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, retire)
    assert listed(traveller) == []
    assert entered(traveller, **known)["id"] == device["id"]
    assert [one["id"] for one in listed(traveller)] == [device["id"]]
    reason = f"SELECT retired_reason FROM devices WHERE id = '{device['id']}'"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, reason) == [{"retired_reason": None}]


def test_of_too_many_devices_the_least_recently_seen_goes(api: RunningApi) -> None:
    traveller = api.traveller()
    oldest = address()
    ids = [entered(traveller, fid=oldest)["id"]] + [entered(traveller, fid=address())["id"] for _ in range(19)]
    assert entered(traveller, fid=oldest)["id"] == ids[0]
    newest = entered(traveller, token=address())["id"]
    assert [device["id"] for device in listed(traveller)] == [newest, ids[0], *ids[:1:-1]]


def test_devices_entered_at_once_are_not_too_many(api: RunningApi) -> None:
    traveller = api.traveller()
    with ThreadPoolExecutor(8) as at_once:
        statuses = list(at_once.map(lambda _: entered(traveller, token=address()), range(MAX_DEVICES + 10)))
    assert len(statuses) == MAX_DEVICES + 10
    count = f"SELECT count(*) FROM devices WHERE user_id = '{traveller.id}'"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, count) == [{"count": MAX_DEVICES}]


def test_no_reply_shows_what_addresses_a_device(api: RunningApi) -> None:
    traveller = api.traveller()
    answers = [traveller.post("/api/devices", DEVICE | {kind: f"secret-{kind}"}) for kind in ("token", "fid")]
    answers += [traveller.get("/api/devices"), traveller.post("/api/devices", {"token": "secret-token"})]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 400]
    assert not any("secret-" in answer.text for answer in answers)


def test_a_forgotten_device_is_gone(api: RunningApi) -> None:
    traveller = api.traveller()
    gone, stays = entered(traveller, token=address()), entered(traveller, fid=address())
    assert traveller.delete(f"/api/devices/{gone['id']}").status_code == 204
    assert traveller.delete(f"/api/devices/{gone['id']}").status_code == 404
    assert [device["id"] for device in listed(traveller)] == [stays["id"]]


def test_another_s_device_cannot_be_forgotten(api: RunningApi) -> None:
    owner, other = api.traveller(), api.traveller()
    device = entered(owner, token=address())
    answer = other.delete(f"/api/devices/{device['id']}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "you have no such device")
    assert listed(owner) == [device]
    assert listed(other) == []


def test_whose_account_is_being_deleted_enters_no_device(api: RunningApi) -> None:
    traveller = api.traveller()
    leaving = f"UPDATE users SET deleting_at = now() WHERE id = '{traveller.id}' RETURNING id"  # noqa: S608 - our own id
    assert api.rows(api.settings.accounts_url, leaving)
    answer = traveller.post("/api/devices", DEVICE | {"token": address()})
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token": None}, "token"),
        ({"fid": "both"}, "fid"),
        ({"token": ""}, "token"),
        ({"token": "a\x00b"}, "token"),
        ({"token": "a" * 4097}, "token"),
        ({"token": "abc\n"}, "token"),
        ({"token": None, "fid": ""}, "fid"),
        ({"token": None, "fid": "abc\n"}, "fid"),
        ({"token": None, "fid": "a:b"}, "fid"),
        ({"token": None, "fid": "a" * 65}, "fid"),
        ({"platform": "symbian"}, "platform"),
        ({"locale": "de\n"}, "locale"),
        ({"locale": "x" * 10_000}, "locale"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"app_version": "\N{PARTY POPPER}" * 10_000}, "app_version"),
        ({"retired_at": None}, "retired_at"),
        ({"user_id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "user_id"),
    ],
)
def test_a_device_that_makes_no_sense_names_the_field(api: RunningApi, changes: dict[str, object], field: str) -> None:
    answer = api.traveller().post("/api/devices", DEVICE | {"token": "abc"} | changes)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
