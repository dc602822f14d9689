"""Texts cut to what a screen shows and a payload holds, and never within what a reader sees as one character."""

from itertools import takewhile
from unicodedata import category

ELLIPSIS = "…"
# Nearly all scripts take at most so many bytes of UTF-8 a character; emoji, which take more, are cut sooner.
BYTES_A_CHARACTER = 3

_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


def shortened(text: str, most: int) -> str:
    """Return the text, or its beginning and an ellipsis, of at most so many characters and three times the bytes."""
    if fits(text, most):
        return text
    end = min(most, len(text)) - 1
    while end and (_is_within_a_character(text, end) or not fits(text[:end] + ELLIPSIS, most)):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def fits(text: str, most: int) -> bool:
    """Tell whether it has at most so many characters and three times the bytes."""
    return len(text) <= most and len(text.encode()) <= most * BYTES_A_CHARACTER


def _is_within_a_character(text: str, end: int) -> bool:
    """Tell whether a cut here would take an accent off its letter, or an emoji or a flag apart."""
    before, after = text[end - 1], text[end]
    return (
        category(after).startswith("M")
        or _JOINER in (before, after)
        or ord(after) in _SKIN_TONES
        or (ord(after) in _FLAG_LETTERS and _has_half_a_flag_at_its_end(text[:end]))
    )


def _has_half_a_flag_at_its_end(text: str) -> bool:
    letters = takewhile(lambda character: ord(character) in _FLAG_LETTERS, reversed(text))
    return sum(1 for _ in letters) % 2 == 1
