"""What the notifier reads from its environment."""

from datetime import timedelta

import pytest

from services.notifier.deciding.policy import Rules
from services.notifier.settings import NotifierSettings
from shared.errors import ConfigurationError
from shared.settings import load
from shared.topology import Lane

NEEDED = {"RABBITMQ_URL": "amqp://x", "REDIS_URL": "redis://x", "ACCOUNTS_URL": "postgresql://x", "SHARD_URLS": "x"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    for name in ("LANES", "CONCURRENCY", "COOLDOWN_SECONDS", "CAPS"):
        monkeypatch.delenv(name, raising=False)


def test_it_works_on_all_lanes_unless_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(NotifierSettings).lanes == tuple(Lane)
    monkeypatch.setenv("LANES", "digest,urgent")
    assert load(NotifierSettings).lanes == (Lane.DIGEST, Lane.URGENT)


@pytest.mark.parametrize("lanes", ["", "slow", "urgent,", "urgent;digest"])
def test_a_lane_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, lanes: str) -> None:
    monkeypatch.setenv("LANES", lanes)
    with pytest.raises(ConfigurationError, match="LANES"):
        load(NotifierSettings)


@pytest.mark.parametrize(("concurrency", "shares"), [("4", [2, 4, 1]), ("1", [1, 1, 1]), ("16", [8, 16, 4])])
def test_one_number_says_how_many_batches_of_each_lane_are_in_work(
    monkeypatch: pytest.MonkeyPatch, concurrency: str, shares: list[int]
) -> None:
    monkeypatch.setenv("CONCURRENCY", concurrency)
    settings = load(NotifierSettings)
    assert [settings.concurrency_of(lane) for lane in (Lane.URGENT, Lane.STANDARD, Lane.DIGEST)] == shares


def test_the_rules_for_all_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(NotifierSettings).rules == Rules(timedelta(minutes=15), caps=True)
    monkeypatch.setenv("COOLDOWN_SECONDS", "0")
    monkeypatch.setenv("CAPS", "false")
    assert load(NotifierSettings).rules == Rules(timedelta(0), caps=False)
