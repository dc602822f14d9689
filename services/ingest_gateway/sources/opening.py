"""Which travel API belongs to which kind of source."""

from collections.abc import Callable
from typing import Final

from services.ingest_gateway.sources.apis.amadeus import Amadeus
from services.ingest_gateway.sources.apis.duffel import Duffel
from services.ingest_gateway.sources.apis.ryanair import Ryanair
from services.ingest_gateway.sources.apis.travelpayouts import Travelpayouts
from services.ingest_gateway.sources.searches import Searches
from services.ingest_gateway.sources.settings import ApiSettings
from services.ingest_gateway.sources.source import Api

_APIS: Final[dict[str, Callable[[str, Searches, str], Api]]] = {
    "amadeus": Amadeus,
    "duffel": Duffel,
    "ryanair": Ryanair,
    "travelpayouts": Travelpayouts,
}


def api_of(source: ApiSettings) -> Api:
    """The API of a source; where nobody asks who we are its secret is empty."""
    secret = source.secret.get_secret_value() if source.secret else ""
    return _APIS[source.kind](source.name, source.searches, secret)
