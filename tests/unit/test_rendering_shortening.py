"""Texts cut to a screen and to a payload."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifier.rendering.shortening import BYTES_A_CHARACTER, ELLIPSIS, shortened

UNBROKEN = {
    "a letter with an accent of its own": "e\u0301",
    "a letter with many marks": "a\u0323\u0302\u0301",
    "a heart in colour": "\u2764\ufe0f",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a skin tone": "\U0001f44b\U0001f3fd",
    "a flag": "\U0001f1e9\U0001f1ea",
    "a keycap": "1\ufe0f\u20e3",
}

text = st.text(st.characters(exclude_categories=["Cs"]))


@example("\U0001f6eb" * 4, 5)
@given(text, st.integers(1, 60))
def test_what_is_shortened_is_the_beginning_of_the_text_and_fits(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    assert len(short.encode()) <= most * BYTES_A_CHARACTER
    assert short == text or (short.endswith(ELLIPSIS) and text.startswith(short.removesuffix(ELLIPSIS)))


@given(text)
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert shortened(text, max(1, len(text.encode()))) == text


def test_as_much_is_kept_as_fits() -> None:
    assert shortened("Llanfairpwll", 12) == "Llanfairpwll"
    assert shortened("Llanfairpwll", 11) == "Llanfairpw…"


def test_no_blank_stands_before_the_ellipsis() -> None:
    assert shortened("New York and Newark", 9) == "New York…"


def test_characters_of_four_bytes_are_cut_sooner() -> None:
    assert shortened("\U0001f6eb" * 40, 40) == "\U0001f6eb" * 29 + ELLIPSIS


@pytest.mark.parametrize("most", range(1, 40))
@pytest.mark.parametrize("character", UNBROKEN.values(), ids=UNBROKEN.keys())
def test_what_a_reader_sees_as_one_character_is_kept_or_dropped_as_a_whole(character: str, most: int) -> None:
    kept = shortened(character * 40, most).removesuffix(ELLIPSIS)
    assert kept == character * (len(kept) // len(character))
    assert len(character * 2) > most - 1 or kept, "it is not all dropped where there is room"
