"""What a traveller reads: the title and the body of a push, with money and dates as their locale writes them.

The sentences are English for now; Babel writes amounts, percentages, dates and times. Every part comes from a
closed vocabulary (cities, codes, numbers), so that no sender's text can reach a screen.
"""

from copy import copy
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_interval, format_skeleton, format_time
from babel.numbers import NumberPattern, format_percent

from shared.airports import cities, city_name, is_airport
from shared.messages.notifications import Expiry, Fare, Notice, Notification
from shared.money import minor_units

# What a phone shows folded and unfolded; both together stay far below FCM's 4,096 bytes in any script.
MAX_TITLE_CHARACTERS = 80
MAX_BODY_CHARACTERS = 240

FALLBACK_LOCALE = Locale("en")


@dataclass(frozen=True, slots=True)
class Text:
    """A push as a traveller reads it."""

    title: str
    body: str


def render(notice: Notice, locale_name: str) -> Text:
    """Write a notice for one device.

    Args:
        notice: what to tell.
        locale_name: the device's locale, such as `de-DE` or `pt_BR`; English stands in for an unknown one.
    """
    locale = locale_of(locale_name)
    title, body = _expiry(notice, locale) if isinstance(notice, Expiry) else _firing(notice, locale)
    return Text(_bounded(title, MAX_TITLE_CHARACTERS), _bounded(body, MAX_BODY_CHARACTERS))


@lru_cache(maxsize=1_024)
def locale_of(name: str) -> Locale:
    """Return the locale of a name that came from a device, or English for what is none."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return FALLBACK_LOCALE


def _firing(notification: Notification, locale: Locale) -> tuple[str, str]:
    fare = notification.fare
    price = _money(fare.price, fare.currency, locale)
    title = f"{_city_of_airport(fare.origin)} → {_city_of_airport(fare.destination)} from {price}"
    return title, f"{_fall(notification, locale)} on {_days(notification, locale)}{_flight(fare, locale)}."


def _expiry(expiry: Expiry, locale: Locale) -> tuple[str, str]:
    origin, destination = expiry.route.split("-")
    title = f"Your alert {_city(origin)} → {_city(destination)} has ended"
    return title, f"The departures it watched, {_window(expiry, locale)}, are over."


def _city_of_airport(airport: str) -> str:
    return city_name(airport) if is_airport(airport) else airport


def _city(city: str) -> str:
    """Name a city of a route by any of its airports."""
    return _city_of_airport(min(cities().get(city, {city})))


def _window(expiry: Expiry, locale: Locale) -> str:
    """Write the days of departure from the first to the last; a window of one day is that day."""
    in_this_year = expiry.departure_from.year == expiry.departure_to.year == expiry.expired_at.year
    skeleton = "MMMd" if in_this_year else "yMMMd"
    return format_interval(expiry.departure_from, expiry.departure_to, skeleton, locale=locale)


def _fall(notification: Notification, locale: Locale) -> str:
    """Tell from what price to what price, where the first is known and was higher."""
    fare, previous = notification.fare, notification.previous_price
    now = _money(fare.price, fare.currency, locale)
    if previous is None or previous <= fare.price:
        return f"Now {now}"
    # Rounded down: a fall is never made greater than it was.
    percent = (previous - fare.price) * 100 // previous
    share = f" ({format_percent(Decimal(-percent) / 100, locale=locale)})" if percent else ""
    return f"Was {_money(previous, fare.currency, locale)}, now {now}{share}"


def _days(notification: Notification, locale: Locale) -> str:
    fare, this_year = notification.fare, notification.fired_at.year
    departure = _day(fare.departure_date, this_year, locale)
    if fare.return_date is None:
        return departure
    return f"{departure}, returning {_day(fare.return_date, this_year, locale)}"


def _day(day: date, this_year: int, locale: Locale) -> str:
    return format_skeleton("MMMEd" if day.year == this_year else "yMMMEd", day, locale=locale)


def _flight(fare: Fare, locale: Locale) -> str:
    """List what is known of the flight, each part after a comma."""
    code = " ".join(part for part in (fare.carrier, fare.flight_number) if part)
    parts = [code, _clock(fare.departure_time, locale), _stops(fare.stops), _cabin(fare.cabin)]
    return "".join(f", {part}" for part in parts if part)


def _clock(departure_time: str | None, locale: Locale) -> str:
    if departure_time is None:
        return ""
    return format_time(time.fromisoformat(departure_time), "short", locale=locale)


def _stops(stops: int) -> str:
    return {0: "non-stop", 1: "1 stop"}.get(stops, f"{stops} stops")


def _cabin(cabin: str) -> str:
    return "" if cabin == "economy" else cabin.replace("_", " ")


def _money(amount: int, currency: str, locale: Locale) -> str:
    """Write an amount of minor units with exactly the digits that ISO 4217 gives its currency.

    CLDR knows other numbers of digits for some currencies and would round what was quoted.
    """
    digits = minor_units(currency)
    pattern = _money_pattern(locale, digits)
    exact = Decimal(amount).scaleb(-digits)
    return str(pattern.apply(exact, locale, currency=currency, currency_digits=False))


@lru_cache(maxsize=1_024)
def _money_pattern(locale: Locale, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
