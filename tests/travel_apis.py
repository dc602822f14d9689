"""Stand-ins for the travel APIs that are searched: their paths, credentials, pages and errors, on one server."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.serving_thread import serving_thread

TOKEN = "token-of-a-test"
CLIENT = ("client", "secret-of-a-test")
_LOGIN = "/v1/security/oauth2/token"


class Asked(NamedTuple):
    """A request; the path is below that of its API, headers have names in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    body: bytes
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = {}


class TravelApi:
    """One API. It gives the scripted replies first, one a request that is no login, then what it has."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: deque[Reply] = deque()
        self.asked: list[Asked] = []

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.script.popleft() if self.script and asked.path != _LOGIN else self.answer(asked)

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError


class DuffelStandIn(TravelApi):
    """`found` has the answers to offer requests, one each; `pages` those of offers by cursor."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.found: deque[bytes] = deque()
        self.pages: dict[str | None, bytes] = {}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _duffel_error(HTTPStatus.UNAUTHORIZED, "access_token_not_found")
        if asked.headers.get("duffel-version") != "v2":
            return _duffel_error(HTTPStatus.BAD_REQUEST, "unsupported_version")
        match asked.method, asked.path:
            case "POST", "/air/offer_requests":
                nothing = _json({"data": {"id": "orq_0", "offers": []}})
                return Reply(self.found.popleft() if self.found else nothing, HTTPStatus.CREATED)
            case "GET", "/air/offers":
                return Reply(self.pages[asked.query.get("after")])
        return _duffel_error(HTTPStatus.NOT_FOUND, "not_found")


class AmadeusStandIn(TravelApi):
    """`offers` is the answer to each search, for whoever has logged in."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.offers = _json({"data": []})
        self.logins = 0
        self.expires_in = 1_799
        self._good: set[str] = set()

    def answer(self, asked: Asked) -> Reply:
        if (asked.method, asked.path) == ("POST", _LOGIN):
            return self._log_in(parse_qs(asked.body.decode()))
        if asked.headers.get("authorization") not in self._good:
            return _amadeus_error(HTTPStatus.UNAUTHORIZED, 38190, "Invalid access token")
        if asked.path != "/v2/shopping/flight-offers":
            return _amadeus_error(HTTPStatus.NOT_FOUND, 38196, "Resource not found")
        return Reply(self.offers)

    def _log_in(self, form: Mapping[str, list[str]]) -> Reply:
        client_id, client_secret = CLIENT
        grant = {"grant_type": ["client_credentials"], "client_id": [client_id], "client_secret": [client_secret]}
        if form != grant:
            return Reply(_json({"error": "invalid_client", "code": 38187}), HTTPStatus.UNAUTHORIZED)
        self.logins += 1
        self._good.add(f"Bearer {TOKEN}-{self.logins}")
        return Reply(_json({"access_token": f"{TOKEN}-{self.logins}", "expires_in": self.expires_in}))


class TravelpayoutsStandIn(TravelApi):
    """`tickets` are those of each search, page by page."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.tickets: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("x-access-token") != TOKEN:
            return Reply(b"Unauthorized", HTTPStatus.UNAUTHORIZED)
        if asked.path != "/aviasales/v3/prices_for_dates":
            return Reply(b"", HTTPStatus.NOT_FOUND)
        limit, page = int(asked.query["limit"]), int(asked.query["page"])
        tickets = self.tickets[limit * (page - 1) : limit * page]
        return Reply(_json({"success": True, "data": tickets, "currency": asked.query["currency"]}))


class RyanairStandIn(TravelApi):
    """`one_way` and `round_trip` are the answers to each search of their kind."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.one_way = self.round_trip = _json({"fares": [], "nextPage": None, "size": 0})

    def answer(self, asked: Asked) -> Reply:
        match asked.path:
            case "/farfnd/v4/oneWayFares":
                return Reply(self.one_way)
            case "/farfnd/v4/roundTripFares":
                return Reply(self.round_trip)
        return Reply(b"", HTTPStatus.NOT_FOUND)


class TravelApis:
    """All of them, each below a path of its own."""

    def __init__(self, port: int) -> None:
        root = f"http://127.0.0.1:{port}"
        self.duffel = DuffelStandIn(f"{root}/duffel")
        self.amadeus = AmadeusStandIn(f"{root}/amadeus")
        self.travelpayouts = TravelpayoutsStandIn(f"{root}/travelpayouts")
        self.ryanair = RyanairStandIn(f"{root}/ryanair")

    def named(self, name: str) -> TravelApi:
        api = getattr(self, name)
        assert isinstance(api, TravelApi)
        return api


def _amadeus_error(status: HTTPStatus, code: int, title: str) -> Reply:
    return Reply(_json({"errors": [{"status": status, "code": code, "title": title}]}), status)


def _duffel_error(status: HTTPStatus, code: str) -> Reply:
    return Reply(_json({"errors": [{"code": code}], "meta": {"status": status}}), status)


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


@contextmanager
def travel_apis() -> Iterator[TravelApis]:
    """Run the stand-ins, which have nothing to offer yet, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, path, query = _addressed(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {header.lower(): value for header, value in self.headers.items()}
            reply = apis.named(name).reply(Asked(self.command, path, query, headers, body))
            self.send_response(reply.status)
            for header, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_GET  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving_thread(Handler) as port:
        apis = TravelApis(port)
        yield apis


def _addressed(target: str) -> tuple[str, str, dict[str, str]]:
    """Which API is asked, for which path, with which query."""
    parts = urlsplit(target)
    name, _, path = parts.path.lstrip("/").partition("/")
    return name, f"/{path}", dict(parse_qsl(parts.query))
