"""Amounts convert exactly, alone or in whole columns, at rates from a file that is understood or refused in words."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.conversion import ReferenceAmounts
from shared.errors import ConfigurationError
from shared.messages.codes import currency_code
from shared.money import MAX_PRICE, Rates, UnknownCurrencyError, minor_units

OURS = Path(__file__).parents[2] / "shared" / "rates" / "reference_rates.csv"
RATES = Rates.load(OURS)
CURRENCIES = sorted(RATES.factors)
REFERENCES = ("EUR", "USD", "JPY", "IDR", "VND", "CHF")
EXTREMES = (0, 1, 2, 49, 50, 51, 2**32, MAX_PRICE - 1, MAX_PRICE)


def rates_file(folder: Path, text: str) -> Path:
    path = folder / "rates.csv"
    path.write_text(text, encoding="utf-8")
    return path


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3)])
def test_minor_units_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert digits == minor_units(currency)


@pytest.mark.parametrize("currency", ["", "eur", "QQQ", "XXX", "XAU", "EUR\n", "EURO"])
def test_what_is_no_currency_with_minor_units_has_none(currency: str) -> None:
    with pytest.raises(UnknownCurrencyError, match="no ISO 4217 currency"):
        minor_units(currency)


def test_our_own_file_has_rates_for_the_usual_currencies() -> None:
    assert {"EUR", "USD", "GBP", "JPY", "HUF", "SEK", "MKD"} <= RATES.factors.keys()
    assert RATES.reference == "EUR"


@given(st.integers(0, MAX_PRICE), st.sampled_from(CURRENCIES))
@example(1, "USD")
def test_an_amount_converts_to_the_nearest_minor_unit_half_up(amount: int, currency: str) -> None:
    numerator, denominator = RATES.factors[currency]
    assert RATES.to_reference(amount, currency) == half_up(Fraction(amount * numerator, denominator))


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (11600, "USD", 10000),  # 116.00 USD at 1.16
        (17450, "JPY", 10000),  # a currency without minor units: 17,450 yen at 174.50
        (38800, "HUF", 100),
        (29, "USD", 25),
        (87, "JPY", 50),  # 49.86 cents
        (0, "USD", 0),
        (12345, "EUR", 12345),
    ],
)
def test_known_amounts_convert_as_known(tmp_path: Path, amount: int, currency: str, expected: int) -> None:
    rates = Rates.load(rates_file(tmp_path, "Date, USD, JPY, HUF\n2026-11-20, 1.16, 174.50, 388.00\n"))
    assert expected == rates.to_reference(amount, currency)


@pytest.mark.parametrize("reference", REFERENCES)
def test_whole_columns_convert_as_single_amounts_do_up_to_the_highest_price(reference: str) -> None:
    rates = Rates.load(OURS, reference)
    pairs = [(amount, currency) for amount in EXTREMES for currency in CURRENCIES]
    amounts = np.array([amount for amount, _ in pairs], dtype=np.int64)
    codes = np.array([currency_code(currency) for _, currency in pairs], dtype=np.int64)

    converted = ReferenceAmounts(rates).of(amounts, codes)

    assert [rates.to_reference(*pair) for pair in pairs] == converted.tolist()


@given(
    st.decimals("0.1", 50_000, places=8),
    st.decimals("0.001", 1_000, places=8),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.integers(0, MAX_PRICE),
)
@example(Decimal("0.86887654"), Decimal("387.12345679"), "USD", MAX_PRICE)
def test_columns_convert_as_single_amounts_at_any_rate(
    tmp_path_factory: pytest.TempPathFactory, rate: Decimal, reference_rate: Decimal, currency: str, amount: int
) -> None:
    """However many digits a rate has, nothing leaves 64 bits, and the rate is kept to a millionth."""
    text = f"Date,{currency},HUF\n2026-11-20,{rate:f},{reference_rate:f}\n"
    rates = Rates.load(rates_file(tmp_path_factory.mktemp("rates"), text), "HUF")
    (converted,) = ReferenceAmounts(rates).of(np.array([amount]), np.array([currency_code(currency)]))

    assert converted == rates.to_reference(amount, currency)
    exact = amount * Fraction(reference_rate) / Fraction(rate) * Fraction(10) ** (2 - minor_units(currency))
    assert abs(int(converted) - exact) <= exact / 1_000_000 + 1


def test_a_currency_without_a_rate_is_refused_by_name() -> None:
    with pytest.raises(UnknownCurrencyError, match="no rate for 'XPF' on 2026-11-20"):
        RATES.to_reference(1, "XPF")


def test_the_banks_daily_and_historical_files_are_read_alike(tmp_path: Path) -> None:
    daily = Rates.load(rates_file(tmp_path, "Date, USD, JPY, \n20 November 2026, 1.1600, 174.50, \n"))
    historical = Rates.load(rates_file(tmp_path, "Date,USD,JPY,CYP,\n2026-11-20,1.16,174.5,N/A,\n2026-11-19,1,1,1,\n"))

    assert daily == historical
    assert daily.date == date(2026, 11, 20)


def xml(*days: str, doctype: str = "") -> str:
    """A file as the bank writes it, with these dated cubes."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"'
        ' xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>'
        "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>"
        f"<Cube>{''.join(days)}</Cube></gesmes:Envelope>"
    )


def cube(day: str, **rates: str) -> str:
    quotations = "".join(f"<Cube currency='{currency}' rate='{rate}'/>" for currency, rate in rates.items())
    return f"<Cube time='{day}'>{quotations}</Cube>"


NEWEST = cube("2026-11-20", USD="1.16", JPY="174.50")


@pytest.mark.parametrize(
    "text", [xml(NEWEST), xml(NEWEST, cube("2026-11-19", USD="1", GBP="1")), "\n " + xml(NEWEST)[38:]]
)
def test_xml_of_one_day_or_of_many_says_what_csv_does_whatever_the_file_is_called(tmp_path: Path, text: str) -> None:
    from_xml = Rates.load(rates_file(tmp_path, text))
    assert from_xml == Rates.load(rates_file(tmp_path, "Date, USD, JPY, \n20 November 2026, 1.1600, 174.50, \n"))


def test_a_byte_order_mark_is_no_part_of_either_format(tmp_path: Path) -> None:
    for text in (xml(NEWEST), "Date,USD,JPY\n2026-11-20,1.16,174.5\n"):
        plain = Rates.load(rates_file(tmp_path, text))
        assert plain == Rates.load(rates_file(tmp_path, "\ufeff" + text))


BOMB = '<!DOCTYPE b [<!ENTITY a "1.16"><!ENTITY b "&a;&a;">]>'
FILE = '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<", "unclosed token"),
        ("<html><body>moved</body></html>", "no <Cube time=...>"),
        (xml(), "no <Cube time=...>"),
        (xml(cube("20.11.2026", USD="1.16")), "'20.11.2026' is no date"),
        (xml(cube("2026-11-20", USD="one")), "'one' is no rate of USD"),
        (xml("<Cube time='2026-11-20'><Cube currency='USD'/></Cube>"), "'' is no rate of USD"),
        (xml(NEWEST)[:-20], "unclosed token"),
        (xml(NEWEST) + "<", "unclosed token|junk after"),
        (xml(cube("2026-11-20", USD="&a;"), doctype=BOMB), "it declares a document type"),
        (xml(cube("2026-11-20", USD="&a;"), doctype=FILE), "it declares a document type"),
        (xml(cube("2026-11-20", USD="&a;")), "undefined entity"),
    ],
)
def test_xml_that_makes_no_sense_or_means_harm_is_refused_in_words(tmp_path: Path, text: str, problem: str) -> None:
    path = rates_file(tmp_path, text)
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        Rates.load(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("factor", [(0, 1), (1, 0), (-1, 1), (1, -1), (2**21, 1), (1, 2**61 + 1)])
def test_a_factor_that_whole_columns_could_not_be_converted_with_is_none(factor: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is no factor of USD"):
        Rates(date(2026, 11, 20), "EUR", {"USD": factor})


def test_a_factor_of_no_currency_is_none() -> None:
    with pytest.raises(UnknownCurrencyError):
        Rates(date(2026, 11, 20), "EUR", {"QQQ": (1, 1)})


def test_currencies_that_iso_4217_has_withdrawn_are_left_out(tmp_path: Path) -> None:
    rates = Rates.load(rates_file(tmp_path, "Date,DEM,USD\n2026-11-20,1.95583,1.16\n"))

    assert set(rates.factors) == {"EUR", "USD"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "0 headings and under them 0 values"),
        ("\n\n", "0 headings and under them 0 values"),
        ("Date,USD\n", "2 headings and under them 0 values"),
        ("Date,USD\n2026-11-20\n", "2 headings and under them 1 values"),
        ("Date,USD\n2026-11-20,1.1,1.2\n", "2 headings and under them 3 values"),
        ("Date,USD\nyesterday,1.16\n", "'yesterday' is no date"),
        ("Date,USD\n2026-11-20,1;16\n", "'1;16' is no rate of USD"),
        ("Date,USD\n2026-11-20,nan\n", "'nan' is no rate of USD"),
        ("Date,USD\n2026-11-20,1/0\n", "'1/0' is no rate of USD"),
        ("Date,USD\n2026-11-20,0\n", "'0' is no rate of USD"),
        ("Date,USD\n2026-11-20,-1.16\n", "'-1.16' is no rate of USD"),
        ("Date,USD\n2026-11-20,1e-9\n", "rate of USD is out of all proportion"),
        ("Date,USD\n2026-11-20,1e30\n", "rate of USD is out of all proportion"),
        ('Date,"' + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_words(tmp_path: Path, text: str, problem: str) -> None:
    path = rates_file(tmp_path, text)
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        Rates.load(path)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_missing_not_text_or_without_the_reference_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Rates.load(tmp_path / "rates.csv")
    with pytest.raises(ConfigurationError, match="no rate of the reference currency KWD"):
        Rates.load(OURS, "KWD")
    (tmp_path / "rates.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="can't decode"):
        Rates.load(tmp_path / "rates.csv")
