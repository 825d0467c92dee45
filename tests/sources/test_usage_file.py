"""Files of usage and limits: what may stand in them, and what is said of what may not."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import ConfigError
from pipeline.sources.usage_file import read_limits, read_reached, read_usage

HEAD = "customer_id,day,feature,value\n"
ROW = "cus_1,2026-03-31,seats,3\n"
DAY = date(2026, 3, 31)


def _written(folder: Path, text: str) -> Path:
    path = folder / "told.csv"
    path.write_text(text)
    return path


def test_a_file_is_read_with_blanks_around_ids(tmp_path: Path) -> None:
    path = _written(tmp_path, f"{HEAD}{ROW} cus_2 ,2026-03-31,seats,0.5\n")
    assert read_usage(path).collect().rows() == [
        ("cus_1", None, DAY, "seats", 3.0),
        ("cus_2", None, DAY, "seats", 0.5),
    ]
    limits = _written(tmp_path, "plan,feature,limit\nPro,seats,0\nPro,calls,9\n")
    assert read_limits(limits).collect().rows() == [("Pro", "seats", 0.0), ("Pro", "calls", 9.0)]


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "-1", "1_0", ""])
def test_a_value_that_is_none_is_refused_with_its_row(tmp_path: Path, value: str) -> None:
    usage = _written(tmp_path, HEAD + ROW.replace(",3", f",{value}"))
    with pytest.raises(ConfigError, match="row 1 after the header: value cannot be read"):
        read_usage(usage)
    limits = _written(tmp_path, f"plan,feature,limit\nPro,seats,5\nFree,seats,{value}\n")
    with pytest.raises(ConfigError, match="row 2 after the header: limit cannot be read"):
        read_limits(limits)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + ROW + ROW.replace("cus_1", " "), "row 2 after the header: nobody is named"),
        (HEAD + ROW * 3, "row 2 after the header: its customer, day and feature stood before; 1 "),
        ("customer_id,day,feature,value,value\n", "has the column value twice"),
        ((HEAD + ROW).replace(",", ";"), "is divided by semicolons. Write CSV with commas."),
        (HEAD + ROW.replace("3\n", "1,5\n"), "as many cells in each line as in the first"),
    ],
)
def test_what_is_wrong_with_usage_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_usage(_written(tmp_path, text))
    assert said in str(caught.value)
    assert "told.csv (readiness.usage)" in str(caught.value)


def test_a_plan_has_one_limit_of_a_feature(tmp_path: Path) -> None:
    path = _written(tmp_path, "plan,feature,limit\nPro,seats,5\nPro,seats,9\n")
    with pytest.raises(ConfigError, match="row 2 after the header: its plan and feature stood"):
        read_limits(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer_id", ["cus_1"]),
        ("customer_id", {"id": "cus_1"}),
        ("day", 20_543),
        ("value", [3.0]),
        ("feature", b"seats"),
        ("value", True),
    ],
)
def test_a_column_of_another_kind_is_named(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "told.parquet"
    row = {"customer_id": "cus_1", "day": DAY, "feature": "seats", "value": 3.0}
    pl.DataFrame([row]).write_parquet(path)
    assert read_usage(path).collect().height == 1
    pl.DataFrame([row | {name: value}]).write_parquet(path)
    with pytest.raises(ConfigError, match=f"the column {name} holds"):
        read_usage(path)
    if name == "customer_id":
        with pytest.raises(ConfigError, match="the column customer_id holds"):
            read_reached(path)
