"""Columns of short texts as integers that keep their order and can be read back.

A code is at least 0; what cannot be coded is one of the negative markers below.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import iso4217
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.airports import is_airport
from shared.messages.integers import integers

MISSING: Final = -1
MALFORMED: Final = -2
UNKNOWN: Final = -3

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CARRIER_ALPHABET: Final = " 0123456789" + LETTERS  # a blank fills two-character carriers
CABINS: Final = ("economy", "premium_economy", "business", "first")
UNKNOWN_FLIGHT: Final = 0
_CURRENCIES: Final = frozenset(currency.code for currency in iso4217.Currency if currency.exponent is not None)
_MAX_DIGITS: Final = 4
MAX_SOURCE: Final = 64


def code_column(column: pa.Array, code_of: Callable[[str], int]) -> npt.NDArray[np.int64]:
    """Code a text column, its distinct values once each; nulls become `MISSING`.

    Args:
        column: texts, dictionary-encoded or not, of any length n.
        code_of: the code of one text.

    Returns:
        An array of n codes.
    """
    encoded = _in_use(column) if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    codes = [MISSING if text is None else code_of(text) for text in distinct]
    table = np.array([*codes, MISSING], dtype=np.int64)
    indices = encoded.indices
    numbers = integers(indices, len(distinct)) if indices.null_count else indices.to_numpy()
    return table.take(numbers)


def _in_use(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """With no more texts than rows: a dictionary from outside may hold millions that no row names."""
    if len(column.dictionary) <= len(column):
        return column
    used = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))


@lru_cache(maxsize=16_384)
def airport_code(text: str) -> int:
    """Three capital letters in base 26, if they are a known airport."""
    code = _in_base(text, LETTERS) if len(text) == 3 else MALFORMED  # noqa: PLR2004  # IATA's length
    return code if code < 0 or is_airport(text) else UNKNOWN


@lru_cache(maxsize=16_384)
def carrier_code(text: str) -> int:
    """Two or three capitals or digits, filled with a blank, in base 37."""
    return _in_base(text.ljust(3), CARRIER_ALPHABET) if len(text) in {2, 3} and " " not in text else MALFORMED


@lru_cache(maxsize=65_536)
def flight_code(text: str) -> int:
    """One to four digits and perhaps a letter: 1 + 27 x number + letter; 0 is `UNKNOWN_FLIGHT`."""
    digits = text.rstrip(LETTERS)
    suffix = text[len(digits) :]
    if len(suffix) > 1 or not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        return MALFORMED
    return 1 + 27 * int(digits) + (LETTERS.index(suffix) + 1 if suffix else 0)


def cabin_code(text: str) -> int:
    """The position among `CABINS`."""
    return CABINS.index(text) if text in CABINS else UNKNOWN


@lru_cache(maxsize=4_096)
def currency_code(text: str) -> int:
    """Three capital letters in base 26, if they are an ISO 4217 currency with minor units."""
    code = _in_base(text, LETTERS) if len(text) == 3 else MALFORMED  # noqa: PLR2004  # ISO 4217's length
    return code if code < 0 or text in _CURRENCIES else UNKNOWN


def source_code(text: str) -> int:
    """Whether a source is named within bounds; its name is carried, not coded."""
    if not text:
        return MISSING
    return 0 if len(text) <= MAX_SOURCE else MALFORMED


def letters_of(code: int) -> str:
    """The three letters of an airport or currency code."""
    return LETTERS[code // 676] + LETTERS[code // 26 % 26] + LETTERS[code % 26]


@lru_cache(maxsize=4_096)
def carrier_of(code: int) -> str | None:
    """The carrier of a code, None if it is unknown."""
    radix = len(CARRIER_ALPHABET)
    text = "".join(CARRIER_ALPHABET[code // radix**place % radix] for place in (2, 1, 0))
    return text.rstrip() or None


def flight_of(code: int) -> str | None:
    """The flight number of a code, None if it is unknown."""
    if code == UNKNOWN_FLIGHT:
        return None
    number, suffix = divmod(code - 1, 27)
    return f"{number}{LETTERS[suffix - 1] if suffix else ''}"


def _in_base(text: str, alphabet: str) -> int:
    code = 0
    for character in text:
        digit = alphabet.find(character)
        if digit < 0:
            return MALFORMED
        code = code * len(alphabet) + digit
    return code
