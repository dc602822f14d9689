"""Which sources there are: a TOML file, in which secrets are named and not told."""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from services.ingest_gateway.sources.searches import Searches
from shared.errors import ConfigurationError
from shared.fare_lanes import Lane
from shared.messages.columns import MAX_DAYS_AHEAD

_OPEN_TO_ALL: Final = ("ryanair",)  # the others ask who we are
_LATE_ON_PURPOSE: Final = 1.1  # cycles begin up to a twentieth of `every` late, and some take longer than others
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_ROUTE: Final = re.compile(r"([A-Z]{3})-([A-Z]{3})")


def _duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a number with its unit, as 90s, 30m, 6h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _route(value: object) -> tuple[str, str]:
    found = _ROUTE.fullmatch(value) if isinstance(value, str) else None
    if not found or found[1] == found[2]:
        raise ValueError("two IATA codes of cities or airports, as NYC-LON")
    return found[1], found[2]


def _secret(name: object, info: ValidationInfo) -> SecretStr:
    secrets: Mapping[str, str] = info.context or {}
    if not isinstance(name, str) or name not in secrets:
        raise ValueError(f"SOURCE_SECRETS has no entry of this name; it has {', '.join(sorted(secrets)) or 'none'}")
    return SecretStr(secrets[name])


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Route = Annotated[tuple[str, str], BeforeValidator(_route)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
DaysAhead = Annotated[int, Field(strict=True, ge=0, le=MAX_DAYS_AHEAD)]
Nights = Annotated[int, Field(strict=True, ge=0, le=365)]


class _Source(BaseModel):
    """What every source has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}\z")]  # its fares' source; in metrics and cycles' ids
    lane: Lane = Lane.SWEEP


class ApiSettings(_Source):
    """A travel API that is searched. The secret of `amadeus` is `client id:client secret`."""

    kind: Literal["duffel", "amadeus", "travelpayouts", "ryanair"]
    every: Duration
    base_url: AnyHttpUrl
    requests_per_second: Annotated[float, Field(gt=0, le=100)] = 1.0
    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    days_ahead: Annotated[tuple[DaysAhead, ...], Field(min_length=1)]
    one_way: bool = True
    nights: tuple[Nights, ...] = ()
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}\z")] = "EUR"
    secret: Secret | None = None

    @model_validator(mode="after")
    def _can_search(self) -> "ApiSettings":
        if not (self.one_way or self.nights):
            raise ValueError("without one_way there must be nights to stay")
        if self.secret is None and self.kind not in _OPEN_TO_ALL:
            raise ValueError(f"{self.kind} asks for credentials: name an entry of SOURCE_SECRETS as secret")
        return self

    @property
    def brings_within(self) -> timedelta:
        """After one complete cycle the next one is due."""
        return self.every * _LATE_ON_PURPOSE

    @property
    def searches(self) -> Searches:
        """What each sweep searches."""
        one_way = (None,) if self.one_way else ()
        return Searches(self.routes, self.days_ahead, (*one_way, *self.nights), self.currency)


class FolderSettings(_Source):
    """A folder in which files appear, of which those are taken whose names fit the pattern."""

    kind: Literal["files"]
    every: Duration = timedelta(seconds=5)
    folder: Path
    files: str = "*"

    @model_validator(mode="after")
    def _is_there(self) -> "FolderSettings":
        if not self.folder.is_dir():
            raise ValueError(f"there is no folder {self.folder}")
        return self

    @property
    def brings_within(self) -> timedelta:
        """Nobody says when files come: somebody should look after a day without one."""
        return timedelta(days=1)


SourceSettings = ApiSettings | FolderSettings
_SOURCE: Final = TypeAdapter[SourceSettings](Annotated[SourceSettings, Field(discriminator="kind")])


def read_sources(path: Path, secrets: Mapping[str, str]) -> list[SourceSettings]:
    """Read the sources that a file names.

    Args:
        path: of a TOML file with one `[[source]]` for each.
        secrets: by the names that the file has for them.

    Raises:
        ConfigurationError: says which source of the file is wrong in what, and never a secret.
    """
    try:
        tables = tomllib.loads(path.read_text()).get("source")
    except (OSError, ValueError) as error:  # among these what is no UTF-8 or no TOML
        raise ConfigurationError(f"the sources file {path} cannot be read: {error}") from None
    if not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"the sources file {path} has no [[source]]")
    sources = [_read(path, place, table, secrets) for place, table in enumerate(tables, start=1)]
    names = [source.name for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(f"the sources file {path} has two sources named {', '.join(sorted(twice))}")
    return sources


def _read(path: Path, place: int, table: Any, secrets: Mapping[str, str]) -> SourceSettings:  # noqa: ANN401  # whatever the file has there
    try:
        return _SOURCE.validate_python(table, context=secrets)
    except ValidationError as error:
        which = table.get("name", "without a name") if isinstance(table, dict) else "that is no table"
        faults = [_fault(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError(f"source {place} ({which}) of {path}: {'; '.join(faults)}") from None


def _fault(place: tuple[int | str, ...], message: str) -> str:
    """What is wrong where; the first part of a place is the kind of source."""
    where = ".".join(map(str, place[1:]))
    return f"{where}: {message}" if where else message
