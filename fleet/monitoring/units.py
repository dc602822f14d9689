"""Numbers as a graph says them, by Grafana's names of their units. Pure."""

import math
from typing import Final

_PREFIXES: Final = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
_TIMES: Final = ((2 * 86_400.0, 86_400.0, "d"), (2 * 3_600.0, 3_600.0, "h"), (120.0, 60.0, "min"), (1.0, 1.0, "s"))
_AFTER: Final = {"ops": "/s", "reqps": "/s", "d": " d"}


def said(value: float, unit: str) -> str:
    """A value in few characters; a dash where there is none."""
    if math.isnan(value):
        return "-"
    match unit:
        case "s":
            return _time(value)
        case "percentunit":
            return f"{value * 100:.3g} %"
        case _:
            return _number(value) + _AFTER.get(unit, "")


def _time(seconds: float) -> str:
    for least, unit, name in _TIMES:
        if abs(seconds) >= least:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0 s"


def _number(value: float) -> str:
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.3g}"
