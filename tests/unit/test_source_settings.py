"""What may stand in a sources file, and how it says what is wrong in it."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.ingest_gateway.sources.settings import ApiSettings, FolderSettings, read_sources
from shared.errors import ConfigurationError
from shared.fare_lanes import Lane

MANUAL = Path(__file__).parents[2] / "docs" / "sources.md"
SECRETS = {"duffel": "hush-hush"}
DUFFEL = """
[[source]]
name = "duffel"
kind = "duffel"
lane = "live"
every = "30m"
base_url = "https://api.duffel.com"
requests_per_second = 2
routes = ["NYC-LON", "BCN-BUD"]
days_ahead = [7, 14]
nights = [3]
currency = "GBP"
secret = "duffel"
"""
FOLDER = """
[[source]]
name = "drops"
kind = "files"
folder = "{folder}"
files = "*.csv"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.toml"


@pytest.fixture
def source(file: Path) -> ApiSettings:
    """The only one of a file."""
    file.write_text(DUFFEL)
    (source,) = read_sources(file, SECRETS)
    assert isinstance(source, ApiSettings)
    return source


def test_a_source_is_read_with_its_secret(source: ApiSettings) -> None:
    assert (source.name, source.lane, source.every) == ("duffel", Lane.LIVE, timedelta(minutes=30))
    assert source.secret
    assert source.secret.get_secret_value() == "hush-hush"
    assert "hush" not in repr(source)


def test_its_searches_are_every_route_on_every_day_one_way_and_with_every_stay(source: ApiSettings) -> None:
    searches = [str(search) for search in source.searches.on(date(2026, 12, 24))]
    assert searches == [
        "NYC-LON 2026-12-31",
        "NYC-LON 2026-12-31..2027-01-03",
        "NYC-LON 2027-01-07",
        "NYC-LON 2027-01-07..2027-01-10",
        "BCN-BUD 2026-12-31",
        "BCN-BUD 2026-12-31..2027-01-03",
        "BCN-BUD 2027-01-07",
        "BCN-BUD 2027-01-07..2027-01-10",
    ]
    assert source.searches.currency == "GBP"


def test_a_folder_needs_little(file: Path, tmp_path: Path) -> None:
    file.write_text(DUFFEL + FOLDER.format(folder=tmp_path))
    source = read_sources(file, SECRETS)[1]
    assert isinstance(source, FolderSettings)
    assert (source.folder, source.files, source.lane) == (tmp_path, "*.csv", Lane.SWEEP)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('every = "30m"', 'every = "30"', r"every: .*a number with its unit, as 90s, 30m, 6h or 1d"),
        ('every = "30m"', "every = 30", r"every: .*a number with its unit"),
        ('every = "30m"', "", r"every: Field required"),
        ('"NYC-LON"', '"NYCLON"', r"routes\.0: .*two IATA codes"),
        ('"NYC-LON"', '"NYC-NYC"', r"routes\.0: .*two IATA codes"),
        ('["NYC-LON", "BCN-BUD"]', "[]", r"routes: .*at least 1 item"),
        ("days_ahead = [7, 14]", "days_ahead = [-1]", r"days_ahead\.0"),
        ("nights = [3]", "nights = []\none_way = false", r"without one_way there must be nights"),
        ("requests_per_second = 2", "requests_per_second = 0", r"requests_per_second: .*greater than 0"),
        ('"https://api.duffel.com"', '"api.duffel.com"', r"base_url: "),
        (
            'secret = "duffel"',
            'secret = "amadeus"',
            r"secret: .*SOURCE_SECRETS has no entry .*; it has duffel",
        ),
        ('secret = "duffel"', "", r"duffel asks for credentials"),
        ('kind = "duffel"', 'kind = "gds"', r"'gds'"),
        ('name = "duffel"', 'name = "Duffel!"', r"name: "),
        ('name = "duffel"', 'name = "duffel\\n"', r"name: "),
        ('lane = "live"', 'lane = "fast"', r"lane: .*'live' or 'sweep'"),
        ('currency = "GBP"', 'curency = "GBP"', r"curency: Extra inputs"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: Path, before: str, after: str, said: str) -> None:
    assert before in DUFFEL
    file.write_text(DUFFEL.replace(before, after))
    with pytest.raises(ConfigurationError, match=said) as raised:
        read_sources(file, SECRETS)
    assert str(file) in str(raised.value)
    assert "hush" not in str(raised.value)


def test_ryanair_asks_nobody_who_they_are(file: Path) -> None:
    file.write_text(DUFFEL.replace('kind = "duffel"', 'kind = "ryanair"').replace('secret = "duffel"', ""))
    assert len(read_sources(file, {})) == 1


def test_the_example_of_the_manual_is_right(file: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    file.write_text(example.replace("/var/lib/farelark/fares", str(tmp_path)))
    api, folder = read_sources(file, SECRETS)
    assert isinstance(api, ApiSettings)
    assert isinstance(folder, FolderSettings)
    assert (api.lane, api.one_way, api.currency) == (Lane.SWEEP, True, "EUR")  # the defaults that it tells
    assert (folder.every, folder.files) == (timedelta(seconds=5), "*")


def test_two_sources_may_not_have_one_name(file: Path) -> None:
    file.write_text(DUFFEL * 2)
    with pytest.raises(ConfigurationError, match="two sources named duffel"):
        read_sources(file, SECRETS)


def test_a_folder_must_be_there(file: Path) -> None:
    file.write_text(FOLDER.format(folder=file.parent / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"source 1 \(drops\).*there is no folder"):
        read_sources(file, SECRETS)


@pytest.mark.parametrize("content", ["", "source = 3", "[source]\nname = 'a'", "[[source", "[[source]]"])
def test_a_file_that_is_no_list_of_sources_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"sources\.toml"):
        read_sources(file, SECRETS)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: .*sources\.toml"):
        read_sources(file, SECRETS)
