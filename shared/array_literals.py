"""Columns as array literals, which PostgreSQL reads faster than asyncpg packs the elements one by one. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

_JSON: Final = msgspec.json.Encoder()


def numbers(column: npt.NDArray[np.int64]) -> str:
    """Integers: `{1,2,3}`.

    JSON's array differs from it in the brackets alone, and nothing writes numbers faster.
    """
    return f"{{{_JSON.encode(column.tolist())[1:-1].decode()}}}"


def codes(texts: Sequence[str]) -> str:
    """Texts without quotes in them, at least one."""
    return '{"' + '","'.join(texts) + '"}'
