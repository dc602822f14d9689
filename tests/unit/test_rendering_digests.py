"""The words of a digest."""

import msgspec
import pytest

from services.notifier.digest import Digest, Item
from services.notifier.rendering import rendering
from services.notifier.rendering.rendering import MAX_BODY_CHARACTERS, SEPARATOR, render
from tests.sample_notices import FARE, FIRING, NOTIFICATION, USER

NEW_YORK_LONDON, BARCELONA_BUDAPEST, SINGAPORE_TOKYO = ("JFK", "LHR"), ("BCN", "BUD"), ("SIN", "NRT")


def item(airports: tuple[str, str] = NEW_YORK_LONDON, other_dates: int = 0) -> Item:
    origin, destination = airports
    fare = msgspec.structs.replace(FARE, origin=origin, destination=destination)
    return Item(msgspec.structs.replace(FIRING, fare=fare), other_dates)


def digest(*items: Item) -> Digest:
    return Digest(NOTIFICATION, USER, items)


@pytest.mark.parametrize(
    ("locale", "title", "body"),
    [
        (
            "en-US",
            "3 of your alerts fell in price",
            (
                "New York → London from $399.00 (+6 other dates) · Barcelona → Budapest from $399.00 (+1 other date)"
                " · Singapore → Tokyo from $399.00"
            ),
        ),
        (
            "de",
            "Bei 3 deiner Preisalarme ist der Preis gefallen",
            (
                "New York → London ab 399,00\xa0$ (+6 weitere Termine) · Barcelona → Budapest ab 399,00\xa0$"
                " (+1 weiterer Termin) · Singapore → Tokyo ab 399,00\xa0$"
            ),
        ),
        (
            "es",
            "3 de tus alertas han bajado de precio",
            (
                "New York → London desde 399,00\xa0US$ (+6 fechas más) · Barcelona → Budapest desde 399,00\xa0US$"
                " (+1 fecha más) · Singapore → Tokyo desde 399,00\xa0US$"
            ),
        ),
        (
            "fr",
            "Le prix a baissé pour 3 de tes alertes",
            (
                "New York → London dès 399,00\xa0$US (+6 autres dates) · Barcelona → Budapest dès 399,00\xa0$US"
                " (+1 autre date) · Singapore → Tokyo dès 399,00\xa0$US"
            ),
        ),
    ],
)
def test_a_digest_counts_its_alerts_and_lists_the_best_fare_of_each(locale: str, title: str, body: str) -> None:
    text = render(digest(item(other_dates=6), item(BARCELONA_BUDAPEST, 1), item(SINGAPORE_TOKYO)), locale)
    assert title == text.title
    assert body == text.body


def test_a_digest_of_one_alert_reads_like_its_firing_with_the_other_dates() -> None:
    text = render(digest(item(other_dates=6)), "en-GB")
    assert text.title == "New York → London from US$399.00"
    assert text.body == "Was US$450.00, now US$399.00 (-11%) on Thu 24 Dec, non-stop, +6 other dates."


def test_a_digest_of_one_alert_on_one_date_reads_as_its_firing() -> None:
    alone = item()
    assert render(alone.best, "en") == render(digest(alone), "en")


@pytest.mark.parametrize(
    ("locale", "listed", "rest"),
    [
        ("en", 4, "and 296 more"),
        ("de", 3, "und 297 weitere"),
        ("es", 4, "y 296 más"),
        ("fr", 3, "et 297 autres"),
    ],
)
def test_alerts_for_which_there_is_no_room_are_counted(locale: str, listed: int, rest: str) -> None:
    *lines, last = render(digest(*[item(other_dates=1_000)] * 300), locale).body.split(SEPARATOR)
    assert len(lines) == listed
    assert last == rest


@pytest.mark.parametrize("count", range(2, 12))
def test_a_digest_lists_whole_lines_and_as_many_as_fit(count: int) -> None:
    line = "New York → London from $399.00"
    *lines, last = render(digest(*[item()] * count), "en").body.split(SEPARATOR)
    assert set(lines) == {line}
    left = count - len(lines)
    assert last == (line if left == 1 else f"and {left} more")
    one_more = [*lines, line, line if left == 2 else f"and {left - 1} more"]
    assert left == 1 or len(SEPARATOR.join(one_more)) > MAX_BODY_CHARACTERS


def test_long_names_leave_room_for_further_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "city_name", lambda _: "Llanfair" * 40)
    body = render(digest(*[item(other_dates=6)] * 9), "en").body
    assert body.startswith("LlanfairLlanfairLlanfai… → LlanfairLlanfairLlanfai… from $399.00 (+6 other dates) · ")
    assert body.endswith(" · and 7 more")


def test_the_first_alert_of_a_digest_is_told_even_where_it_must_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_BODY_CHARACTERS", 20)
    assert render(digest(item(), item()), "en").body == "New York → London f…"
