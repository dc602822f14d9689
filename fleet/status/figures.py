"""Numbers and times as a narrow table and a sentence say them."""

from typing import Final

_TWO: Final = 2  # of a unit are still said in the smaller one


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < _TWO * 60:
        return f"{seconds:.0f} s"
    if seconds < _TWO * 3_600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < _TWO * 86_400 else f"{seconds / 86_400:.0f} days"


def figure(number: float | None) -> str:
    """A number in seven characters at the most; a dash where it is not known."""
    if number is None:
        return "-"
    tenths = round(number, 1)
    if tenths < 10 and tenths != int(tenths):  # noqa: PLR2004  # a single digit says too little
        return f"{tenths:.1f}"
    if number < 100_000:  # noqa: PLR2004  # six characters with the comma
        return f"{number:,.0f}"
    return f"{number / 1_000:,.0f} k" if number < 10_000_000 else f"{number / 1_000_000:,.0f} M"  # noqa: PLR2004  # likewise
