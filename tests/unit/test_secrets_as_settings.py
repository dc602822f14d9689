"""Settings that come as files, as Compose and Kubernetes mount them."""

from pathlib import Path

import pytest

from services.alerts_api.accounts.settings import TokenSettings
from services.notifier.settings import NotifierSettings
from shared.errors import ConfigurationError
from shared.settings import BrokerSettings, load
from shared.topology import Lane

URL = "amqp://notifier:a-password@rabbitmq:5672/"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that a notifier needs, and an environment with nothing of it."""
    for name in ("rabbitmq_url", "redis_url", "accounts_url", "shard_urls"):
        monkeypatch.delenv(name.upper(), raising=False)
        (tmp_path / name).write_text(f"{URL}\n")
    monkeypatch.delenv("LANES", raising=False)
    return tmp_path


def test_a_setting_may_be_a_file_of_its_name(folder: Path) -> None:
    (folder / "lanes").write_text("digest,urgent\n")
    settings = load(NotifierSettings, secrets=folder)
    assert (settings.rabbitmq_url, settings.lanes) == (URL, (Lane.DIGEST, Lane.URGENT))


def test_the_environment_wins_over_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", "amqp://elsewhere")
    assert load(BrokerSettings, secrets=folder).rabbitmq_url == "amqp://elsewhere"


def test_what_is_missing_is_named_with_both_ways_to_give_it(folder: Path) -> None:
    (folder / "rabbitmq_url").unlink()
    with pytest.raises(ConfigurationError, match=f"in the environment, or .* in {folder}: RABBITMQ_URL: "):
        load(NotifierSettings, secrets=folder)


def test_a_wrong_value_is_not_told(folder: Path) -> None:
    (folder / "lanes").write_text("a-password")
    with pytest.raises(ConfigurationError, match="LANES: ") as refusal:
        load(NotifierSettings, secrets=folder)
    assert "a-password" not in str(refusal.value)


def test_without_the_folder_the_environment_alone_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", URL)
    assert load(BrokerSettings, secrets=folder / "nowhere").rabbitmq_url == URL


def test_a_folder_of_keys_among_the_secrets_is_no_value_and_no_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "jwt_keys").mkdir()
    monkeypatch.setenv("JWT_KEYS", str(folder / "jwt_keys"))
    assert load(TokenSettings, secrets=folder).jwt_keys == folder / "jwt_keys"


def test_a_file_of_somebody_else_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "rabbitmq_url"

    def refuse(path: Path, **_: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)  # root, who may run this, is refused nothing
    with pytest.raises(ConfigurationError, match=f"rabbitmq_url.*Permission denied: '{file}'"):
        load(BrokerSettings, secrets=folder)
