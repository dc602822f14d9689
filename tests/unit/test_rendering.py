"""The words of a push."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest

from services.notifier.rendering import rendering
from services.notifier.rendering.rendering import MAX_TITLE_CHARACTERS, Text, render
from shared.messages.notifications import BIGGEST_INT64, Expiry, Fare, Notification

EN_DASH, FULL_WIDTH_TILDE, APOSTROPHE = 0x2013, 0xFF5E, 0x2019

FARE = Fare(
    origin="BCN",
    destination="BUD",
    departure_date=date(2026, 12, 11),
    carrier="W6",
    flight_number="2376",
    departure_time="09:15",
    cabin="economy",
    stops=0,
    currency="EUR",
    price=8999,
    observed_at=datetime(2026, 10, 1, 6, tzinfo=UTC),
    source="test",
)


def notification(previous_price: int | None = 10999, **fare: object) -> Notification:
    return Notification(
        id=UUID(int=1),
        alert_id=UUID(int=2),
        user_id=UUID(int=3),
        fire_seq=1,
        fired_at=datetime(2026, 10, 1, 6, tzinfo=UTC),
        route="BCN-BUD",
        fare=msgspec.structs.replace(FARE, **fare),
        previous_price=previous_price,
        reference_price=8999,
        armed_price=9000,
    )


@pytest.mark.parametrize(
    ("locale", "title", "body"),
    [
        (
            "en-GB",
            "Barcelona → Budapest from €89.99",
            "Was €109.99, now €89.99 (-18%) on Fri 11 Dec, W6 2376, 09:15, non-stop.",
        ),
        (
            "de_DE",
            "Barcelona → Budapest ab 89,99\xa0€",
            "Vorher 109,99\xa0€, jetzt 89,99\xa0€ (-18\xa0%) am Fr., 11. Dez., W6 2376, 09:15, nonstop.",
        ),
        (
            "es-MX",
            "Barcelona → Budapest desde EUR89.99",
            "Antes EUR109.99, ahora EUR89.99 (-18%) el vie 11 de dic, W6 2376, 9:15\u202fa.m., sin escalas.",
        ),
        (
            "fr",
            "Barcelona → Budapest dès 89,99\xa0€",
            "Avant 109,99\xa0€, maintenant 89,99\xa0€ (-18\xa0%) le ven. 11 déc., W6 2376, 09:15, sans escale.",
        ),
        (
            "ja",
            "Barcelona → Budapest from €89.99",
            "Was €109.99, now €89.99 (-18%) on 12月11日(金), W6 2376, 9:15, non-stop.",
        ),
    ],
)
def test_a_device_is_told_in_its_language_and_its_way_with_money_and_dates(locale: str, title: str, body: str) -> None:
    text = render(notification(), locale)
    assert title == text.title
    assert body == text.body


@pytest.mark.parametrize("locale", ["xx", "", "../../etc", "en_US.\x00", "de-DE-x-y-z", "a" * 5_000])
def test_a_locale_that_is_none_is_read_as_english(locale: str) -> None:
    assert render(notification(), "en") == render(notification(), locale)


def test_yen_have_no_minor_units() -> None:
    assert render(notification(12_000, currency="JPY", price=9_800), "ja").body.startswith("Was ￥12,000, now ￥9,800 ")


def test_no_digit_of_a_quote_is_rounded_away_where_cldr_knows_fewer_than_iso_4217() -> None:
    assert "1,234.56" in render(notification(currency="ALL", price=123_456), "en").title


def test_a_currency_of_three_digits_shows_three() -> None:
    assert "12.345" in render(notification(currency="KWD", price=12_345), "en").title


@pytest.mark.parametrize("previous", [None, 8999, 8000])
def test_without_a_higher_previous_price_only_the_new_one_is_told(previous: int | None) -> None:
    assert render(notification(previous), "en-GB").body.startswith("Now €89.99 on Fri 11 Dec")


def test_a_fall_is_never_made_greater_than_it_was() -> None:
    assert "(-9%)" in render(notification(100_00, price=90_01), "en").body
    assert "%" not in render(notification(100_00, price=99_99), "en").body


def test_a_return_and_another_year_are_told() -> None:
    text = render(notification(return_date=date(2027, 1, 3)), "en-GB")
    assert "on Fri 11 Dec, returning Sun, 3 Jan 2027, W6 2376" in text.body


def test_what_the_source_did_not_say_is_left_out() -> None:
    text = render(notification(None, carrier=None, flight_number=None, departure_time=None, stops=2), "en-GB")
    assert text.body == "Now €89.99 on Fri 11 Dec, 2 stops."


def test_a_better_cabin_is_told() -> None:
    assert render(notification(cabin="premium_economy", stops=1), "en").body.endswith("1 stop, premium economy.")


@pytest.mark.parametrize(
    ("locale", "facts"),
    [
        ("en-GB", "on Fri 11 Dec, returning Sun, 3 Jan 2027, 1 stop, premium economy."),
        ("de", "am Fr., 11. Dez., Rückflug am So., 3. Jan. 2027, 1 Stopp, Premium Economy."),
        ("es", "el vie, 11 dic, vuelta el dom, 3 ene 2027, 1 escala, turista premium."),
        ("fr", "le ven. 11 déc., retour le dim. 3 janv. 2027, 1 escale, premium économie."),
    ],
)
def test_every_fact_is_told_in_the_language_of_the_device(locale: str, facts: str) -> None:
    unknown = {"carrier": None, "flight_number": None, "departure_time": None}
    firing = notification(return_date=date(2027, 1, 3), stops=1, cabin="premium_economy", **unknown)
    assert render(firing, locale).body.endswith(facts)


@pytest.mark.parametrize(
    ("locale", "facts"),
    [
        ("en", "2 stops, first class."),
        ("de", "2 Stopps, First Class."),
        ("es", "2 escalas, primera clase."),
        ("fr", "2 escales, première classe."),
    ],
)
def test_stops_are_counted_as_the_language_counts(locale: str, facts: str) -> None:
    assert render(notification(stops=2, cabin="first"), locale).body.endswith(facts)


def test_an_airport_that_we_do_not_know_stands_under_its_code() -> None:
    assert render(notification(origin="QQQ"), "en").title.startswith("QQQ → Budapest")


def test_the_longest_names_leave_room_for_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "city_name", lambda _: "Llanfair" * 40)
    title = render(notification(price=123_456_78, currency="GBP"), "en").title
    assert title == "LlanfairLlanfairLlanfai… → LlanfairLlanfairLlanfai… from £123,456.78"
    assert len(render(expiry(), "de").title) <= MAX_TITLE_CHARACTERS
    assert render(expiry(), "de").title.endswith(" ist beendet")


def test_long_texts_are_cut_with_an_ellipsis(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(render(notification(currency="IDR", price=BIGGEST_INT64), "en").title) <= MAX_TITLE_CHARACTERS
    monkeypatch.setattr(rendering, "MAX_TITLE_CHARACTERS", 20)
    monkeypatch.setattr(rendering, "MAX_BODY_CHARACTERS", 40)
    assert render(notification(), "en-GB") == Text("Barcelona → Budapes…", "Was €109.99, now €89.99 (-18%) on Fri 1…")


def test_the_source_never_reaches_a_screen() -> None:
    assert render(notification(), "en") == render(notification(source="</b> call 0900 \x00\u202e"), "en")


def expiry(first: date = date(2026, 9, 18), last: date = date(2026, 9, 30), route: str = "BCN-BUD") -> Expiry:
    return Expiry(
        id=UUID(int=1),
        alert_id=UUID(int=2),
        user_id=UUID(int=3),
        revision=0,
        expired_at=datetime(2026, 10, 1, 6, tzinfo=UTC),
        route=route,
        departure_from=first,
        departure_to=last,
    )


@pytest.mark.parametrize(
    ("locale", "title", "body"),
    [
        (
            "en-GB",
            "Your alert Barcelona → Budapest has ended",
            "The departures it watched, 18-30 Sept, are over.",
        ),
        (
            "de",
            "Dein Preisalarm Barcelona → Budapest ist beendet",
            "Die beobachteten Abflugtage, 18.-30. Sept., sind vorbei.",
        ),
        (
            "es",
            "Tu alerta Barcelona → Budapest ha terminado",
            "Las salidas que vigilaba, 18-30 sept, ya han pasado.",
        ),
        (
            "fr",
            "Ton alerte Barcelona → Budapest est terminée",
            "Les départs qu'elle surveillait, 18-30 sept., sont passés.",
        ),
        (
            "ja",
            "Your alert Barcelona → Budapest has ended",
            "The departures it watched, 9月18日~30日, are over.",
        ),
    ],
)
def test_the_end_of_an_alert_names_its_days_as_the_device_writes_them(locale: str, title: str, body: str) -> None:
    text = render(expiry(), locale)
    assert text.title == title
    assert text.body.translate({EN_DASH: "-", FULL_WIDTH_TILDE: "~", APOSTROPHE: "'"}) == body


def test_the_end_of_an_alert_for_a_single_day_names_that_day() -> None:
    day = date(2026, 9, 30)
    assert render(expiry(day, day), "en-GB").body == "The departures it watched, 30 Sept, are over."


def test_days_of_another_year_are_told_with_their_years() -> None:
    window = render(expiry(date(2025, 12, 11), date(2026, 1, 3)), "en-GB").body
    assert "11 Dec 2025" in window
    assert "3 Jan 2026" in window
    last_year = render(expiry(date(2025, 12, 11), date(2025, 12, 31)), "en-GB").body
    assert "31 Dec 2025" in last_year


def test_the_cities_of_an_alert_are_named_and_an_unknown_one_stands_under_its_code() -> None:
    assert render(expiry(route="NYC-LON"), "en").title == "Your alert New York → London has ended"
    assert render(expiry(route="NYC-QQQ"), "en").title == "Your alert New York → QQQ has ended"
