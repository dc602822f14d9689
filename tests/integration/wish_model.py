"""Which fares a wish lets through, in plain Python."""

from datetime import date

from tests.integration.alert_world import AIRPORTS, Board, Offer, Wish


def wants(wish: Wish, board: Board, offer: Offer) -> bool:
    return (
        board.origin in (wish.origins or AIRPORTS["NYC"])
        and board.destination in (wish.destinations or AIRPORTS[wish.destination])
        and wish.departure_from <= board.departure <= wish.departure_to
        and (wish.weekdays is None or board.departure.weekday() in wish.weekdays)
        and _wants_return(wish, board.departure, board.back)
        and wish.cabin in {None, offer.cabin}
        and (wish.max_stops is None or offer.stops <= wish.max_stops)
        and (wish.carriers is None or offer.carrier in wish.carriers)
        and (wish.excluded_carriers is None or offer.carrier not in wish.excluded_carriers)
    )


def _wants_return(wish: Wish, departure: date, back: date | None) -> bool:
    if not wish.round_trip or back is None:
        return not wish.round_trip and back is None
    nights = (back - departure).days
    return (
        (wish.return_from is None or wish.return_from <= back)
        and (wish.return_to is None or back <= wish.return_to)
        and (wish.nights_min is None or wish.nights_min <= nights)
        and (wish.nights_max is None or nights <= wish.nights_max)
    )
