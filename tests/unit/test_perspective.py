"""What a push says of how its fare compares with what the trip has cost lately."""

from datetime import date

import msgspec
import pytest
from babel import Locale

from services.notifier.rendering.perspective import Lowest, Perspective, Usual, comparison, perspective
from services.notifier.rendering.rendering import MAX_BODY_CHARACTERS, render
from shared.messages.notifications import Notification
from shared.money import Rates
from shared.price_history.percentiles import TypicalPrice
from tests.unit.notices import firing

RATES = Rates(date(2026, 9, 30), "EUR", {"EUR": (1, 1), "USD": (4, 5)})


def recent(lowest: int = 8_000, typical: int = 12_000, days: int = 61) -> TypicalPrice:
    return TypicalPrice(lowest, lowest, typical, typical, days)


def quoted(currency: str, price: int, reference: int) -> Notification:
    """A firing whose fare is quoted in this currency."""
    notice = firing(price=reference)
    return msgspec.structs.replace(notice, fare=msgspec.structs.replace(notice.fare, currency=currency, price=price))


@pytest.mark.parametrize(
    ("price", "prices", "expected"),
    [
        (12_001, recent(), None),
        (12_000, recent(), Usual(12_000, "EUR")),
        (8_001, recent(), Usual(12_000, "EUR")),
        (8_000, recent(), Lowest(61)),
        (7_999, recent(), Lowest(61)),
        (7_999, recent(days=7), Lowest(7)),
        (7_999, recent(days=6), None),
        (9_000, recent(days=6), None),
    ],
    ids=["dear", "typical", "cheaper", "as low as ever", "lower", "known of a week", "hardly known", "little known"],
)
def test_a_fare_is_the_lowest_or_compared_with_what_is_usual(
    price: int, prices: TypicalPrice, expected: Perspective | None
) -> None:
    assert expected == perspective(firing(price=price), prices, RATES)


def test_what_is_usual_is_told_in_the_currency_of_the_fare() -> None:
    assert Usual(15_000, "USD") == perspective(quoted("USD", 11_250, 9_000), recent(), RATES)


def test_without_a_rate_for_its_currency_nothing_is_said_of_what_is_usual() -> None:
    assert perspective(quoted("SEK", 99_000, 9_000), recent(), RATES) is None
    assert Lowest(61) == perspective(quoted("SEK", 99_000, 8_000), recent(), RATES)


@pytest.mark.parametrize(
    ("locale", "lowest", "usual"),
    [
        ("en", "The lowest price in 90 days.", "Usually €140.00."),
        ("de", "Der niedrigste Preis seit 90 Tagen.", "Sonst meist 140,00\xa0€."),
        ("es", "El precio más bajo en 90 días.", "Lo habitual: 140,00\xa0€."),
        ("fr", "Le prix le plus bas en 90 jours.", "D'habitude 140,00\xa0€."),
        ("ja", "The lowest price in 90 days.", "Usually €140.00."),
    ],
)
def test_it_is_said_in_the_language_of_the_device(locale: str, lowest: str, usual: str) -> None:
    assert lowest == comparison(Lowest(90), Locale(locale))
    assert usual == comparison(Usual(14_000, "EUR"), Locale(locale))


def test_it_ends_the_body_of_a_push() -> None:
    plain, compared = (render(firing(), "en", one) for one in (None, Lowest(90)))
    assert plain.title == compared.title
    assert f"{plain.body} The lowest price in 90 days." == compared.body


def test_it_is_left_out_whole_where_there_is_no_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, sentence = render(firing(), "en").body, " The lowest price in 90 days."
    room = len(plain) + len(sentence)
    assert room < MAX_BODY_CHARACTERS
    monkeypatch.setattr("services.notifier.rendering.rendering.MAX_BODY_CHARACTERS", room)
    assert plain + sentence == render(firing(), "en", Lowest(90)).body
    monkeypatch.setattr("services.notifier.rendering.rendering.MAX_BODY_CHARACTERS", room - 1)
    assert plain == render(firing(), "en", Lowest(90)).body
