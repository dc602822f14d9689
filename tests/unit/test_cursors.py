"""Cursors, which only the list and the traveller that they were given to can use."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from services.alerts_api.http.cursors import cursor_at, position_at
from services.alerts_api.http.fields import InvalidFieldError


class Place(msgspec.Struct, frozen=True, array_like=True):
    at: datetime
    id: UUID


class Elsewhere(msgspec.Struct, frozen=True, array_like=True):
    at: datetime
    id: UUID


TRAVELLER, OTHER = UUID(int=1), UUID(int=2)
PLACE = Place(datetime(2026, 12, 1, 12, 0, 0, 123456, tzinfo=UTC), UUID(int=3))
CURSOR = cursor_at(TRAVELLER, PLACE)


def test_a_cursor_leads_back_to_its_position() -> None:
    assert position_at(TRAVELLER, CURSOR, Place) == PLACE


def test_a_cursor_fits_into_a_query_as_it_is() -> None:
    assert CURSOR.replace("-", "").replace("_", "").isalnum()


def test_another_traveller_and_another_list_have_no_use_for_it() -> None:
    with pytest.raises(InvalidFieldError, match="cursor"):
        position_at(OTHER, CURSOR, Place)
    with pytest.raises(InvalidFieldError, match="cursor"):
        position_at(TRAVELLER, CURSOR, Elsewhere)


@pytest.mark.parametrize("at", range(len(CURSOR)))
def test_no_character_of_it_can_be_changed(at: int) -> None:
    changed = "A" if CURSOR[at] != "A" else "B"
    with pytest.raises(InvalidFieldError, match="cursor"):
        position_at(TRAVELLER, CURSOR[:at] + changed + CURSOR[at + 1 :], Place)


@pytest.mark.parametrize(
    "cursor", ["", "x", "ä", "\x00", CURSOR[:-1], CURSOR + "A", CURSOR + "=", CURSOR + "\n", " " + CURSOR, CURSOR[4:]]
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidFieldError, match="cursor"):
        position_at(TRAVELLER, cursor, Place)
