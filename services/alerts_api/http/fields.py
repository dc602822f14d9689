"""Saying which field of a request is wrong."""

import re
from typing import Self

import msgspec

_PATH = re.compile(r"(?P<detail>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_NAMED = re.compile(r"Object (?P<fault>contains unknown field|missing required field) `(?P<name>.*)`", re.DOTALL)
_FAULTS = {"contains unknown field": "is unknown", "missing required field": "is missing"}


class InvalidFieldError(ValueError):
    """A field's value makes no sense.

    Args:
        field: its path, such as `rule.price.currency`; empty for the whole body.
        detail: what is wrong with it.
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.field = field
        self.detail = detail

    @classmethod
    def from_msgspec(cls, error: msgspec.ValidationError) -> Self:
        """Read the field from msgspec's message, such as "Expected `int`, got `str` - at `$.rule.price.amount`"."""
        match = _PATH.fullmatch(str(error))
        assert match, "every part of the pattern may be empty"
        detail, path = match["detail"], match["path"] or ""
        if named := _NAMED.fullmatch(detail):
            return cls(f"{path}.{named['name']}".lstrip("."), _FAULTS[named["fault"]])
        return cls(path, detail)
