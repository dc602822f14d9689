"""The keys of producers: what they look like, and what may be seen of them."""

from hashlib import sha256

import pytest

from fleet.producer_keys import UnknownKeyIdError
from shared.producer_keys import ProducerKey

SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
TEXT = f"flk_abcdefghij27_{SECRET}"


def test_a_key_is_read_as_it_was_made() -> None:
    made = [ProducerKey.make() for _ in range(200)]
    assert [ProducerKey.read(key.text) for key in made] == made
    assert len({key.id for key in made}) == len({key.secret for key in made}) == 200


def test_a_key_is_an_id_and_a_secret_of_which_only_a_hash_is_stored() -> None:
    key = ProducerKey.read(TEXT)
    assert key == ProducerKey("abcdefghij27", SECRET)
    assert key.hash == sha256(SECRET.encode()).digest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flk_",
        TEXT + "\n",
        " " + TEXT,
        TEXT[:-1],
        TEXT + "a",
        TEXT.upper(),
        TEXT.replace("flk", "flx"),
        TEXT.replace("abc", "ab1"),
        TEXT.replace("012", "01-"),
        TEXT.replace("012", "01ü"),
        TEXT.replace("_", "-"),
    ],
)
def test_nothing_else_is_a_key(text: str) -> None:
    assert ProducerKey.read(text) is None


def test_what_is_printed_of_a_key_hides_its_secret() -> None:
    key = ProducerKey.make()
    assert key.id in repr(key)
    assert key.secret not in f"{key} {key!r}"


def test_a_whole_key_given_for_its_id_is_not_repeated() -> None:
    assert "abcdefghij27" in str(UnknownKeyIdError("abcdefghij27"))
    assert SECRET not in str(UnknownKeyIdError(TEXT))
