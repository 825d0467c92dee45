"""Prices that no list gives, deleted plans for one: subscriptions still use them, and their items show them."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import billing, schemas
from tests import in_memory
from tests.history.discounted import billed, line
from tests.history.stripe_json import History, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
MARCH_3 = datetime(2026, 3, 3, 8, tzinfo=UTC)
JANUARY, MARCH = date(2026, 1, 1), date(2026, 3, 1)
Json = dict[str, Any]
GONE = price("p_gone", 1_250, "prod_a")
TIERED = GONE | {
    "billing_scheme": "tiered",
    "tiers_mode": "volume",
    "unit_amount": None,
    "unit_amount_decimal": None,
}
PLAN = {
    "id": "p_gone", "object": "plan", "currency": "usd", "product": "prod_a", "billing_scheme": "per_unit",
    "amount": 1_250, "amount_decimal": "1250", "interval": "month", "interval_count": 1, "usage_type": "licensed",
    "tiers_mode": None, "transform_usage": None,
}  # fmt: skip


def showing(*shown: Json, quantity: int | None = 3, key: str = "price", **more: Any) -> Json:
    """A subscription whose items show their prices as they are."""
    items = [item(f"si_{each['id']}", each["id"], quantity) | {key: each} for each in shown]
    if key == "plan":
        items = [{name: value for name, value in each.items() if name != "price"} for each in items]
    return state(*items, **more)


def told(history: History, month: date = JANUARY, name: str = "si_p_gone") -> tuple[float, str]:
    """(dollars a month, grade) of the item."""
    row = history.snapshot(month)[name]
    return row["mrr_native"] / 1e6, row["evidence"]


def seconds(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp())  # type: ignore[arg-type]


def listed(*prices: Json) -> History:
    return History([price("p", 10_000), *prices])


def test_an_item_shows_the_price_that_it_has() -> None:
    """3 at 12.50."""
    history = listed().states((BEGUN, showing(GONE)))
    assert told(history) == (37.5, "exact")
    (row,) = history.folded().price.filter(price_id="p_gone").rows(named=True)
    assert (row["interval"], row["product_id"], row["amount_known"]) == ("month", "prod_a", True)


def test_in_the_oldest_shape_it_is_a_plan() -> None:
    yearly = PLAN | {"interval": "year", "transform_usage": {"divide_by": 2, "round": "up"}}
    history = listed().states((BEGUN, showing(PLAN, key="plan")))
    assert told(history) == (37.5, "exact")
    history = listed().states((BEGUN, showing(yearly, key="plan")))  # 2 packs of 12.50 a year
    assert told(history) == (pytest.approx(25 / 12, abs=1e-6), "exact")


def test_the_state_before_an_event_shows_one_as_well() -> None:
    """Only its end is told by an event: what it was is among the previous attributes. Since when is not known."""
    history = listed().states(
        (BEGUN, showing(GONE)), (MARCH_3, state(item("si_p_gone", "p", 3))), missed=[0]
    )
    assert told(history) == (37.5, "bounded")
    assert told(history, MARCH) == (300, "exact")


def test_a_price_of_the_list_says_more() -> None:
    """The list's tiers: 3 at 10; whatever the items show."""
    tiers = [{"up_to": None, "unit_amount_decimal": "1000"}]
    history = listed(TIERED | {"tiers": tiers}).states((BEGUN, showing(TIERED)))
    assert told(history) == (30, "exact")
    assert history.folded().price.filter(price_id="p_gone")["evidence"].to_list() == ["exact"]


def test_tiers_that_nobody_shows_count_as_nothing_and_stop_no_month() -> None:
    """The item beside it counts as ever; both are an account's, which is inferred."""
    history = listed().states((BEGUN, showing(TIERED, price("p", 10_000))))
    assert told(history) == (0, "inferred")
    assert told(history, name="si_p") == (300, "exact")
    found = history.movements(JANUARY)
    assert (found.movement, found.evidence) == ({"cus_a": ("new", 300)}, {"cus_a": "inferred"})
    assert history.folded().price.filter(price_id="p_gone")["amount_known"].to_list() == [False]


def test_so_does_an_amount_in_another_currency() -> None:
    history = listed().states((BEGUN, showing(GONE)), currency="eur")
    assert told(history) == (0, "inferred")


def test_so_does_an_option_that_was_gone_before_the_first_list() -> None:
    """The list has the price without the currency: its terms are known, its amount is not."""
    history = listed(GONE).states((BEGUN, showing(GONE)), currency="eur")
    assert told(history) == (0, "inferred")
    rows = history.folded().price.filter(price_id="p_gone").sort("currency")
    assert rows.select("currency", "amount_known").rows() == [("eur", False), ("usd", True)]


def test_so_does_one_that_only_an_invoice_names() -> None:
    """Invoiced in euros for a year; the one listing, in July, shows the item at another price."""
    line = {
        "id": "il", "amount": 2_400, "subtotal": 2_400, "quantity": 2, "discount_amounts": [],
        "period": {"start": seconds(2025, 12, 10), "end": seconds(2026, 12, 10)},
        "pricing": {"price_details": {"price": "p_gone", "product": "prod_a"}},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"subscription_item": "si", "subscription": "sub_a", "proration": False},
        },
    }  # fmt: skip
    invoice = {
        "id": "in", "object": "invoice", "status": "paid", "customer": "cus_a", "currency": "eur",
        "created": seconds(2025, 12, 10), "discounts": [], "lines": {"data": [line], "has_more": False},
    }  # fmt: skip
    begun = dict.fromkeys(("created", "current_period_start"), seconds(2025, 12, 10))
    now = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "eur", "status": "active",
        "created": seconds(2025, 12, 10), "discounts": [],
        "items": {"data": [item("si", "p_eur", 2) | begun], "has_more": False},
    }  # fmt: skip
    euros = price("p_eur", 1_000) | {"currency": "eur"}
    history = listed(GONE, euros).records("invoice", invoice).records("subscription", now)
    before = history.folded().item_timeline.filter(price_id="p_gone")
    assert before["evidence"].unique().to_list() == ["inferred"]
    rows = history.folded().price.filter(price_id="p_gone").sort("currency")
    assert rows.select("currency", "amount_known").rows() == [("eur", False), ("usd", True)]
    assert told(history, date(2025, 12, 1), "si") == (0, "inferred")


def test_so_does_one_that_only_an_invoice_item_names() -> None:
    """A proration in euros that no invoice took up; the list has the price without euros."""
    pending = {
        "id": "ii", "object": "invoiceitem", "customer": "cus_a", "currency": "eur", "date": seconds(2025, 12, 10),
        "amount": 2_400, "quantity": 2, "proration": True,
        "period": {"start": seconds(2025, 12, 10), "end": seconds(2026, 1, 10)},
        "pricing": {"price_details": {"price": "p_gone", "product": "prod_a"}},
        "parent": {"type": "subscription_details", "subscription_details": {
            "subscription": "sub_a", "subscription_item": "si",
        }},
    }  # fmt: skip
    history = listed(GONE).records("invoiceitem", pending)
    rows = history.folded().price.filter(price_id="p_gone").sort("currency")
    assert rows.select("currency", "amount_known").rows() == [("eur", False), ("usd", True)]


def test_usage_of_tiers_that_nobody_shows_is_worth_what_was_billed() -> None:
    usage = TIERED | {"recurring": GONE["recurring"] | {"usage_type": "metered"}}
    history = listed().states((BEGUN, showing(usage, quantity=None)))
    history.usage("a", "si_p_gone", "p_gone", {date(2026, 2, 1): 2_800})
    assert told(history, MARCH) == (28, "exact")


def test_decoded_record_by_record_it_is_the_same() -> None:
    """The list comes in another batch than the items that use the price."""
    history = listed(GONE).states((BEGUN, showing(GONE, TIERED | {"id": "p_tiers"})))
    history.states((MARCH_3, showing(GONE)), customer="b")
    raw = pl.DataFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    parts = [billing.decode(raw[number : number + 1].lazy()) for number in range(raw.height)]
    apart = billing.Evidence(
        *(pl.concat([part.frame(table) for part in parts]) for table in schemas.OBSERVED)
    )
    none = schemas.COVERAGE.empty().lazy()
    one, other = (
        in_memory.fold_evidence(each, none) for each in (billing.decode(raw.lazy()), apart)
    )
    assert_frame_equal(one.price, other.price)
    assert one.price.height == 3


def test_usage_billed_on_a_price_that_nothing_describes_any_more_counts() -> None:
    """$50 for December on a plan that was deleted; the item has another price since, and no bill yet."""
    december, january = (
        datetime(year, month, 1, tzinfo=UTC) for year, month in ((2025, 12), (2026, 1))
    )
    history = History([price("now", 0, "prod_a", usage=True)]).states(
        (december, state(item("si", "now", None), period=january)),
        (
            datetime(2026, 3, 5, tzinfo=UTC),
            state(item("si", "now", None), metadata={"a": 1}, period=january),
        ),
        missed=[0],
    )
    _, used = line("december", december, january, 5_000)
    used["pricing"]["price_details"]["price"] = "gone"
    billed(history, (january, used))
    row = history.snapshot(date(2026, 2, 1))["si"]
    assert (row["mrr_native"], row["evidence"]) == (50_000_000, "inferred")
