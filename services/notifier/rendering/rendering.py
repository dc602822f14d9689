"""What a traveller reads: the title and the body of a push, in their language and as their locale writes figures.

Every part comes from a closed vocabulary (cities, codes, numbers), so that no sender's text can reach a screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from babel import Locale

from services.notifier.digest import Digest, Item
from services.notifier.rendering.figures import clock, day, days, locale_of, money, number, percent
from services.notifier.rendering.perspective import Perspective, comparison
from services.notifier.rendering.phrases import phrases_in
from services.notifier.rendering.shortening import fits, shortened
from shared.airports import cities, city_name, is_airport
from shared.messages.notifications import Cabin, Expiry, Fare, Notice, Notification

# What a phone shows folded and unfolded; both together stay far below FCM's 4,096 bytes in any script.
MAX_TITLE_CHARACTERS = 80
MAX_BODY_CHARACTERS = 240
# Names of airports are up to twice as long: cut to this, two of them leave room for the price in any title.
MAX_CITY_CHARACTERS = 24

SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Text:
    """A push as a traveller reads it."""

    title: str
    body: str


def render(told: Notice | Digest, locale_name: str, perspective: Perspective | None = None) -> Text:
    """Write a notice or a digest for one device.

    Args:
        told: what to tell.
        locale_name: the device's locale, such as `de-DE` or `pt_BR`; English stands in for an unknown one.
        perspective: of a firing, how its fare compares; told where there is room for it.
    """
    locale = locale_of(locale_name)
    title, body = _written(told, locale)
    if perspective:
        body = _with(comparison(perspective, locale), body)
    return Text(shortened(title, MAX_TITLE_CHARACTERS), shortened(body, MAX_BODY_CHARACTERS))


def _with(sentence: str, body: str) -> str:
    longer = f"{body} {sentence}"
    return longer if fits(longer, MAX_BODY_CHARACTERS) else body


def _written(told: Notice | Digest, locale: Locale) -> tuple[str, str]:
    if isinstance(told, Notification):
        return _headline(told, locale), _sentence(_facts(told, locale))
    if isinstance(told, Expiry):
        return _expiry(told, locale)
    if len(told.items) == 1:
        return _alone(told.items[0], locale)
    return _digest(told.items, locale)


def _headline(firing: Notification, locale: Locale) -> str:
    fare = firing.fare
    sentence = phrases_in(locale.language).gettext("{origin} → {destination} from {price}")
    return sentence.format(
        origin=_city_of_airport(fare.origin),
        destination=_city_of_airport(fare.destination),
        price=money(fare.price, fare.currency, locale),
    )


def _sentence(facts: Sequence[str]) -> str:
    return ", ".join(fact for fact in facts if fact) + "."


def _facts(firing: Notification, locale: Locale) -> list[str]:
    """List what is known of the fare; what is not is empty."""
    fare = firing.fare
    return [
        _price(firing, locale),
        _return(firing, locale),
        " ".join(part for part in (fare.carrier, fare.flight_number) if part),
        clock(fare.departure_time, locale) if fare.departure_time else "",
        _stops(fare, locale),
        _cabin(fare.cabin, locale),
    ]


def _price(firing: Notification, locale: Locale) -> str:
    """Tell the price and the day, and from what price it fell where that is known and was higher."""
    fare, previous, phrases = firing.fare, firing.previous_price, phrases_in(locale.language)
    now = money(fare.price, fare.currency, locale)
    departure = day(fare.departure_date, firing.fired_at.year, locale)
    if previous is None or previous <= fare.price:
        return phrases.gettext("Now {now} on {departure}").format(now=now, departure=departure)
    before = money(previous, fare.currency, locale)
    if not firing.fall_percent:
        sentence = phrases.gettext("Was {before}, now {now} on {departure}")
        return sentence.format(before=before, now=now, departure=departure)
    fall = percent(-firing.fall_percent, locale)
    sentence = phrases.gettext("Was {before}, now {now} ({fall}) on {departure}")
    return sentence.format(before=before, now=now, fall=fall, departure=departure)


def _return(firing: Notification, locale: Locale) -> str:
    if firing.fare.return_date is None:
        return ""
    returning = day(firing.fare.return_date, firing.fired_at.year, locale)
    return phrases_in(locale.language).gettext("returning {day}").format(day=returning)


def _stops(fare: Fare, locale: Locale) -> str:
    phrases = phrases_in(locale.language)
    if fare.stops == 0:
        return phrases.gettext("non-stop")
    sentence = phrases.ngettext("{count} stop", "{count} stops", fare.stops)
    return sentence.format(count=number(fare.stops, locale))


def _cabin(cabin: Cabin, locale: Locale) -> str:
    """Name a cabin; what everybody expects goes without saying."""
    phrases = phrases_in(locale.language)
    match cabin:
        case "economy":
            return ""
        case "premium_economy":
            return phrases.gettext("premium economy")
        case "business":
            return phrases.gettext("business class")
        case "first":
            return phrases.gettext("first class")


def _expiry(expiry: Expiry, locale: Locale) -> tuple[str, str]:
    phrases = phrases_in(locale.language)
    origin, destination = map(_city, expiry.route.split("-"))
    window = days(expiry.departure_from, expiry.departure_to, expiry.expired_at.year, locale)
    title = phrases.gettext("Your alert {origin} → {destination} has ended")
    body = phrases.gettext("The departures it watched, {window}, are over.")
    return title.format(origin=origin, destination=destination), body.format(window=window)


def _alone(item: Item, locale: Locale) -> tuple[str, str]:
    """Write a digest of one alert like its firing."""
    return _headline(item.best, locale), _sentence([*_facts(item.best, locale), _other_dates(item, locale)])


def _digest(items: Sequence[Item], locale: Locale) -> tuple[str, str]:
    sentence = phrases_in(locale.language).ngettext(
        "{count} of your alerts fell in price", "{count} of your alerts fell in price", len(items)
    )
    return sentence.format(count=number(len(items), locale)), _as_many_as_fit(items, locale)


def _as_many_as_fit(items: Sequence[Item], locale: Locale) -> str:
    """List the first alerts, and count those for which there is no room; the first of all is always there."""
    body, lines = "", []
    for left, item in zip(reversed(range(len(items))), items, strict=True):
        lines.append(_line(item, locale))
        longer = SEPARATOR.join([*lines, _more(left, locale)] if left else lines)
        if body and not fits(longer, MAX_BODY_CHARACTERS):
            break
        body = longer
    return body


def _line(item: Item, locale: Locale) -> str:
    headline, other_dates = _headline(item.best, locale), _other_dates(item, locale)
    return f"{headline} ({other_dates})" if other_dates else headline


def _other_dates(item: Item, locale: Locale) -> str:
    if not item.other_dates:
        return ""
    sentence = phrases_in(locale.language).ngettext("+{count} other date", "+{count} other dates", item.other_dates)
    return sentence.format(count=number(item.other_dates, locale))


def _more(left: int, locale: Locale) -> str:
    sentence = phrases_in(locale.language).ngettext("and {count} more", "and {count} more", left)
    return sentence.format(count=number(left, locale))


def _city_of_airport(airport: str) -> str:
    return shortened(city_name(airport), MAX_CITY_CHARACTERS) if is_airport(airport) else airport


def _city(city: str) -> str:
    """Name a city of a route by any of its airports."""
    return _city_of_airport(min(cities().get(city, {city})))
