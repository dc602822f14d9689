"""The key that signs access tokens."""

from pathlib import Path

from fleet.keys import generate_key
from services.alerts_api.accounts.tokens import AccessTokens


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    generate_key(path)
    first = path.read_bytes()
    generate_key(path)
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path] == list(tmp_path.iterdir())
    AccessTokens.from_pem(first)
