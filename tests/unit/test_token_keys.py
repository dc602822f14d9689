"""Which key signs, which verify and which are spent; and how the keys' files are named."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.token_keys import LEEWAY, TOKEN_LIFETIME, KeyFile, State, states

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY_ID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def key(minutes: int, letter: str = "a") -> KeyFile:
    return KeyFile(NOON + timedelta(minutes=minutes), letter * 43)


def test_a_file_says_from_when_its_key_signs() -> None:
    file = KeyFile(NOON, KEY_ID)
    assert file.name == f"20261122T120000Z-{KEY_ID}.pem"
    assert KeyFile.named(file.name) == file


@pytest.mark.parametrize(
    "name",
    [
        "",
        "README",
        f"{KEY_ID}.pem",
        f"20261122T120000Z-{KEY_ID}.pem\n",
        f"20261122T120000Z-{KEY_ID}.pem.4711",
        f"20261122T120000Z-{KEY_ID}xpem",
        f"20261122T120000Z-{KEY_ID}x.pem",
        f"20261122T120000Z-{'ü' * 43}.pem",
        f"20261122T120000-{KEY_ID}.pem",
        f"20261132T120000Z-{KEY_ID}.pem",
        f"20261122T250000Z-{KEY_ID}.pem",
    ],
)
def test_no_other_name_is_one_of_a_key(name: str) -> None:
    assert KeyFile.named(name) is None


def test_the_newest_key_whose_time_has_come_signs() -> None:
    old, new, coming = key(-60), key(-5), key(10)
    assert states([coming, new, old], NOON) == {
        old: State.VERIFYING,
        new: State.SIGNING,
        coming: State.COMING,
    }
    assert list(states([coming, new, old], NOON)) == [old, new, coming]


def test_a_key_signs_from_its_second_on() -> None:
    old, new = key(-60), key(0)
    assert states([old, new], NOON - SECOND)[old] is State.SIGNING
    assert states([old, new], NOON)[new] is State.SIGNING


def test_a_superseded_key_is_spent_when_the_last_token_that_it_signed_is_past_the_leeway() -> None:
    old, new = key(-60), key(0)
    end = NOON + TOKEN_LIFETIME + LEEWAY
    assert states([old, new], end - SECOND)[old] is State.VERIFYING
    assert states([old, new], end)[old] is State.SPENT


def test_it_is_the_next_key_that_supersedes_one_whatever_follows() -> None:
    old, next_one, newest = key(-60), key(-16), key(-1)
    assert states([old, next_one, newest], NOON) == {
        old: State.SPENT,
        next_one: State.VERIFYING,
        newest: State.SIGNING,
    }


def test_where_no_key_s_time_has_come_the_first_one_signs_all_the_same() -> None:
    first, second = key(1), key(2)
    assert states([second, first], NOON) == {first: State.SIGNING, second: State.COMING}


def test_servers_agree_on_two_keys_of_one_second() -> None:
    one, other = key(0, "a"), key(0, "b")
    assert states([one, other], NOON) == states([other, one], NOON) == {one: State.VERIFYING, other: State.SIGNING}


def test_no_key_is_for_nothing() -> None:
    assert states([], NOON) == {}
