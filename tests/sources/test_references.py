"""What records refer to is stored, or named as missing; lists inside records are whole."""

from collections.abc import Callable
from typing import Any

import orjson
import polars as pl
import pytest

from pipeline.sandbox.company import Company
from pipeline.schemas import RAW_RECORD
from pipeline.sources.stripe.references import cut, missing, references
from tests.sources.company import END

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def company() -> Company:
    made = Company(3, customers=25, months=6, end=END)
    made.advance(END)
    return made


def stored(company: Company, without: str = "") -> pl.LazyFrame:
    """RAW_RECORD rows of everything that a company has, but for one object."""
    streams = ("customer", "price", "coupon", "discount", "subscription", "invoice", "invoiceitem")
    rows = [
        {"source": "stripe", "source_account": "", "stream": stream, "id": id_}
        | {"payload": orjson.dumps(each).decode()}
        for stream in streams
        for id_, each in company.objects[stream].items()
        if id_ != without
    ]
    return pl.LazyFrame(rows, schema_overrides=RAW_RECORD.schema)


def test_everything_that_a_company_refers_to_is_there(company: Company) -> None:
    raw = stored(company)
    found = references(raw)
    assert {"customer", "price", "invoice", "subscription", "discount", "coupon"} == set(
        found["stream"]
    )
    assert missing(found, raw).is_empty()
    assert cut(raw).is_empty()


@pytest.mark.parametrize("stream", ["customer", "price", "invoice", "discount", "coupon"])
def test_what_is_not_stored_is_named_with_who_refers_to_it(company: Company, stream: str) -> None:
    every = references(stored(company)).filter(pl.col("stream") == stream)
    id_, referrer = every.row(0, named=True)["id"], every.row(0, named=True)["referrer"]
    raw = stored(company, without=id_)
    found = missing(references(raw), raw)
    assert found.select("stream", "id", "referrer").rows() == [(stream, id_, referrer)]


def test_an_inner_list_that_goes_on_and_lines_that_do_not_add_up(company: Company) -> None:
    plain = next(
        each
        for each in company.objects["invoice"].values()
        if not each["discounts"]
        and not any(line["discounts"] for line in each["lines"]["data"])
        and each["subtotal"]
    )
    lines = plain["lines"]
    for changed in (lines | {"has_more": True}, lines | {"data": []}):
        row = {"source": "stripe", "source_account": "", "stream": "invoice", "id": plain["id"]}
        payload = orjson.dumps(plain | {"lines": changed}).decode()
        raw = pl.LazyFrame([row | {"payload": payload}], schema_overrides=RAW_RECORD.schema)
        assert cut(raw).get_column("id").to_list() == [plain["id"]]
