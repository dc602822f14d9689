"""Merge patches, by the examples of RFC 7396 that are of objects."""

from typing import Any

import msgspec
import pytest

from services.alerts_api.http.fields import InvalidFieldError
from services.alerts_api.http.merge_patch import merged, patched


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: int = 1
    to: dict[str, Any] | None = None


@pytest.mark.parametrize(
    ("members", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_do_as_the_rfc_says(members: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = msgspec.json.encode(members)
    assert merged(members, patch) == expected
    assert msgspec.json.encode(members) == before


def test_null_takes_a_member_back_to_its_default() -> None:
    assert patched({"weight": 7}, {"weight": None, "to": {"city": "Basel"}}, Parcel) == Parcel(1, {"city": "Basel"})


def test_what_makes_no_sense_after_the_patch_is_named() -> None:
    with pytest.raises(InvalidFieldError, match="weight"):
        patched({}, {"weight": "heavy"}, Parcel)


def test_nesting_beyond_all_sense_is_the_client_s_mistake() -> None:
    patch: dict[str, Any] = {}
    for _ in range(100_000):
        patch = {"to": patch}
    with pytest.raises(InvalidFieldError, match="nested too deep"):
        patched({}, patch, Parcel)
