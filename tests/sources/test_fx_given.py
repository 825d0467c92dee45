"""Exchange rates that are given: fixed in the configuration, or in a file; what is missing or wrong is named."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.config import Fx
from pipeline.errors import SourceError
from pipeline.sources import stale_rates
from tests.sources.rates_of import APRIL, MARCH, MAY, found, table

# ---- fixed -----------------------------------------------------------------------------------


def test_fixed_rates_are_exact() -> None:
    fx = Fx(source="fixed", rates={"eur": Decimal("1.08"), "jpy": Decimal("0.0000000000015")})
    rate = table(found(fx, "usd", "eur", "jpy"))
    assert rate[MARCH, "eur"] == 1_080_000_000_000
    assert rate[MARCH, "jpy"] == 2  # half to even


def test_a_currency_without_a_fixed_rate_is_named() -> None:
    fx = Fx(source="fixed", rates={"eur": Decimal("1.08")})
    with pytest.raises(SourceError, match=r"for gbp in 2026-03 to 2026-05 in \[fx.rates\]"):
        found(fx, "usd", "eur", "gbp")


@pytest.mark.parametrize("rate", ["0.0000000000001", "10000000", "1e400"])
def test_a_rate_that_twelve_decimals_cannot_hold_is_refused(rate: str) -> None:
    with pytest.raises(ValidationError, match=r"rates\.xyz"):
        Fx(source="fixed", rates={"xyz": Decimal(rate)})
    fx = Fx.model_construct(source="fixed", rates={"xyz": Decimal(rate)})
    with pytest.raises(SourceError, match="for xyz in 2026-03 cannot be kept"):
        found(fx, "usd", "xyz")


def test_a_fixed_rate_of_the_reporting_currency_is_refused() -> None:
    fx = Fx(source="fixed", rates={"usd": Decimal("0.92"), "eur": Decimal("1.08")})
    with pytest.raises(SourceError, match=r"usd is the reporting currency\. Remove"):
        found(fx, "usd", "eur")


# ---- file ------------------------------------------------------------------------------------


def test_a_file_gives_each_month_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month,currency,rate\n2026-03,EUR,1.1\n2026-04-01,eur,1.2\n2026-05,eur,1.3\n")
    result = found(Fx(source="file", file=path), "usd", "eur")
    assert [table(result)[month, "eur"] for month in (MARCH, APRIL, MAY)] == [
        11 * 10**11,
        12 * 10**11,
        13 * 10**11,
    ]
    assert table(result, "source")[APRIL, "eur"] == "file 2026-04"


@pytest.mark.parametrize("kind", [pl.Float64, pl.Decimal(20, 12), pl.String])
def test_a_parquet_file_gives_the_same(tmp_path: Path, kind: pl.DataType) -> None:
    path = tmp_path / "rates.parquet"
    rows = {"currency": ["EUR", "gbp"], "month": [MARCH, MARCH], "rate": ["1.1", "1.25"]}
    pl.DataFrame(rows).with_columns(pl.col("rate").cast(kind)).write_parquet(path)
    result = found(Fx(source="file", file=path), "usd", "eur", "gbp", months=(MARCH,))
    assert table(result)[MARCH, "eur"] == 1_100_000_000_000
    assert table(result)[MARCH, "gbp"] == 1_250_000_000_000


def test_a_month_that_the_file_lacks_takes_an_older_rate_and_fails_the_check(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month,currency,rate\n2026-03,eur,1.1\n")
    result = found(Fx(source="file", file=path), "usd", "eur")
    assert table(result)[APRIL, "eur"] == 1_100_000_000_000
    assert table(result, "frozen")[APRIL, "eur"] is False
    old = stale_rates(result.frame.lazy(), date(2026, 5, 6)).collect()
    assert old.select("month", "source").rows() == [(APRIL, "file 2026-03"), (MAY, "file 2026-03")]


def test_a_currency_that_the_file_lacks_is_named_with_the_line_to_add(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month,currency,rate\n2026-03,eur,1.1\n")
    fx = Fx(source="file", file=path)
    with pytest.raises(SourceError, match=r"for chf in 2026-03 .*add the line 2026-03,chf,RATE"):
        found(fx, "usd", "chf")
    fixed = found(fx.model_copy(update={"rates": {"chf": Decimal("1.25")}}), "usd", "chf")
    assert table(fixed)[MARCH, "chf"] == 1_250_000_000_000


WRONG = {
    "no rate": ("month,currency,rate\n2026-03,eur,1.1\n2026-04,eur,-\n", 'line 3: "2026-04,eur,-"'),
    "zero": ("month,currency,rate\n2026-03,eur,0\n", "line 2"),
    "infinite": ("month,currency,rate\n2026-03,eur,inf\n", "line 2"),
    "a comma": ('month,currency,rate\n2026-03,eur,"1,08"\n', "line 2"),
    "no month": ("month,currency,rate\n2026-13,eur,1\n", "line 2"),
    "no day": ("month,currency,rate\n2026-04-31,eur,1\n", "line 2"),
    "no currency": ("month,currency,rate\n2026-03,euro,1\n", "line 2"),
    "too short": ("month,currency,rate\n2026-03,eur\n", "line 2"),
    "twice": (
        "month,currency,rate\n2026-03,eur,1\n2026-03-31,EUR,2\n",
        "line 3: eur in 2026-03 stands twice",
    ),
    "no heading": ("2026-03,eur,1\n", "has no column month, currency, rate"),
    "no column": ("month,rate\n2026-03,1\n", "has no column currency"),
    "nothing": ("", "has no column"),
    "quotes": ('month,currency,rate\n"2026-03,eur,1\n', "line 2: no CSV"),
    "a cell too many": ("month,currency,rate\n2026-03,eur,1,08\n", "line 2: 4 cells"),
    "a column twice": ("month,currency,rate,rate\n2026-03,eur,1,2\n", "column rate twice"),
    "an underscore": ("month,currency,rate\n2026-03,eur,1_0\n", "line 2"),
    "signs": ("month,currency,rate\n2026-03,€€€,1\n", "line 2"),
    "a week": ("month,currency,rate\n2026-W10,eur,1\n", "line 2"),
    "too large": ("month,currency,rate\n2026-03,eur,1e400\n", "line 2"),
    "too small": ("month,currency,rate\n2026-03,eur,5e-13\n", "line 2"),
    "the reporting currency": (
        "month,currency,rate\n2026-03,eur,1\n2026-04,usd,0.9\n",
        "has a rate of usd in 2026-04",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_file_is_told_with_its_row(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(text)
    with pytest.raises(SourceError) as caught:
        found(Fx(source="file", file=path), "usd", "eur")
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_parquet_file_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rates.parquet"
    rows = {"month": ["2026-03", "2026-04"], "currency": ["eur", "eur"], "rate": [1.1, None]}
    pl.DataFrame(rows).write_parquet(path)
    with pytest.raises(SourceError, match="row 2"):
        found(Fx(source="file", file=path), "usd", "eur")


def test_semicolons_separate_as_well(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month;currency;rate\n2026-03;eur;1.1\n2026-03;usd;1\n")
    result = found(Fx(source="file", file=path), "usd", "eur", months=(MARCH,))
    assert table(result)[MARCH, "eur"] == 1_100_000_000_000


def test_a_line_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(b"month,currency,rate\n2026-03,\xa4,1\n")
    with pytest.raises(SourceError, match=r"rates\.csv, line 2: not encoded as UTF-8"):
        found(Fx(source="file", file=path), "usd", "eur")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.csv", "cannot be read: .* Check fx.file"),
        ("absent.parquet", "cannot be read: .* Check fx.file"),
        ("damaged.parquet", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match=rf"{name} {said}"):
        found(Fx(source="file", file=tmp_path / name), "usd", "eur")
