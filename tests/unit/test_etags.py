"""Entity tags."""

import pytest

from services.alerts_api.http.etags import StaleError, etag_of, is_known, matches, require

TAG, OTHER = etag_of("preferences", 1), etag_of("preferences", 2)


def test_a_tag_is_quoted_and_the_same_for_the_same_parts_alone() -> None:
    assert TAG.startswith('"')
    assert TAG.endswith('"')
    assert etag_of("preferences", 1) == TAG != OTHER
    assert etag_of("ab", "c") != etag_of("a", "bc")


@pytest.mark.parametrize("header", [TAG, f" {TAG} ", f"{OTHER}, {TAG}", f'"",{TAG},"x"', "*"])
def test_a_header_that_names_the_tag_lets_a_write_through(header: str) -> None:
    assert matches(header, TAG)
    require(header, TAG)


@pytest.mark.parametrize("header", [OTHER, "", TAG.strip('"'), f"W/{TAG}", f"{OTHER}, W/{TAG}", '"*"'])
def test_a_header_that_does_not_name_the_tag_stops_a_write(header: str) -> None:
    assert not matches(header, TAG)
    with pytest.raises(StaleError):
        require(header, TAG)


def test_without_a_header_a_write_goes_through() -> None:
    require(None, TAG)


def test_a_reader_knows_what_a_proxy_has_compressed() -> None:
    assert is_known(f"W/{TAG}", TAG)
    assert not is_known(f"W/{OTHER}", TAG)
    assert not is_known(None, TAG)
