"""Files of the European Central Bank: reference rates against the euro, as CSV or XML, of one day or of many.

Which format a file has is seen from its content. Files of many days begin with the newest, which counts.
"""

import csv
from datetime import date, datetime
from io import StringIO
from typing import Final, Never
from xml.etree.ElementTree import (  # nothing that a document type could declare is let in, see below
    Element,
    ParseError,
    TreeBuilder,
    XMLParser,
)

EURO: Final = "EUR"
_DATE_FORMATS: Final = ("%Y-%m-%d", "%d %B %Y")  # the bank's historical and daily files
_NO_RATE: Final = ("", "N/A")

Quotations = dict[str, str]  # by currency, what a euro buys, as it is written


def read(body: bytes) -> tuple[date, Quotations]:
    """The newest day in a file and its quotations.

    Raises:
        ValueError: it is no such file; says why.
    """
    try:
        if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return _read_xml(body)
        return _read_csv(body.decode("utf-8-sig"))
    except (csv.Error, ParseError) as error:
        raise ValueError(str(error)) from error


def _read_csv(text: str) -> tuple[date, Quotations]:
    """A header of currencies, then a dated row for each day."""
    lines = csv.reader(StringIO(text, newline=""), skipinitialspace=True)
    header, values = ([field.strip() for field in next(lines, [])] for _ in range(2))
    if not values or len(values) != len(header):
        raise ValueError(f"{len(header)} headings and under them {len(values)} values: as many are expected")
    pairs = zip(header[1:], values[1:], strict=True)
    return _parse_date(values[0]), {currency: value for currency, value in pairs if value not in _NO_RATE}


def _read_xml(body: bytes) -> tuple[date, Quotations]:
    """An envelope with a dated cube for each day, and in it one for each currency."""
    parser = XMLParser(target=_WithoutDocumentType())  # noqa: S314  # see the target
    parser.feed(body)
    envelope: Element = parser.close()
    day = envelope.find(".//{*}Cube[@time]")
    if day is None:
        raise ValueError("there is no <Cube time=...> in it, as the bank writes one for each day")
    cubes = day.findall("{*}Cube[@currency]")
    return _parse_date(day.attrib["time"]), {cube.attrib["currency"]: cube.get("rate", "") for cube in cubes}


class _WithoutDocumentType(TreeBuilder):
    """Entities that swell or reach for other files must be declared in a document type, and the bank has none."""

    def doctype(self, *_: object) -> Never:
        raise ValueError("it declares a document type, which the bank's files do not")


def _parse_date(text: str) -> date:
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007  # a date has no zone
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no date")
