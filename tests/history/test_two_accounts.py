"""Two Stripe accounts in one store: ids that people chose mean in each what they mean there."""

from datetime import date

import polars as pl

from pipeline import schemas
from tests import in_memory
from tests.history.discounted import FEBRUARY
from tests.history.stripe_json import NOW, START, History, coupon, discount, item, price, state

EUROPE, AMERICA = "acct_europe", "acct_america"


def account(customer: str, cents: int, product: str, percent: float) -> History:
    """A plan `gold` less the coupon `WELCOME`."""
    history = History([price("gold", cents, product)]).states(
        (FEBRUARY, state(item(f"si_{customer}", "gold"), discounts=[f"di_{customer}"])),
        customer=customer,
    )
    history.records("coupon", coupon("WELCOME", percent_off=percent))
    given = {"customer": f"cus_{customer}", "subscription": f"sub_{customer}"}
    return history.records("discount", discount(f"di_{customer}", "WELCOME", FEBRUARY, **given))


class Both(History):
    """Two accounts' histories, folded as one."""

    def __init__(self, accounts: dict[str, History]) -> None:
        super().__init__([])
        self.names = list(accounts)
        self.rows = [
            row | {"source_account": name}
            for name, history in accounts.items()
            for row in history.rows
        ]

    def folded(self) -> in_memory.Billing:
        span = {"covered_from": START, "covered_to": NOW, "sync_id": "s"}
        coverage = [span | {"source_account": name} for name in self.names]
        return in_memory.fold(
            pl.LazyFrame(self.rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(coverage, schema=schemas.COVERAGE.schema),
        )


def test_the_same_ids_in_two_accounts() -> None:
    both = Both(
        {
            EUROPE: account("e", 10_000, "prod_a", 50.0),
            AMERICA: account("a", 30_000, "prod_b", 10.0),
        }
    )
    rows = both.snapshot(date(2026, 3, 1))
    # $100 less half; $300 less a tenth.
    assert {name: row["mrr_native"] for name, row in rows.items()} == {
        "si_e": 50_000_000,
        "si_a": 270_000_000,
    }
    assert {row["evidence"] for row in rows.values()} == {"exact"}
    assert rows["si_e"]["price_id"] == f"gold@{EUROPE}"
    assert rows["si_a"]["price_id"] == f"gold@{AMERICA}"


def test_ids_that_stripe_drew_stay_as_they_are() -> None:
    drawn = "price_1Q0PqyLkdIwHu7ixKzgSyvVa"
    history = History([price(drawn, 10_000, "prod_QkLZx8ab12cdEF")]).states(
        (FEBRUARY, state(item("si", drawn)))
    )
    row = Both({EUROPE: history}).snapshot(date(2026, 3, 1))["si"]
    assert (row["price_id"], row["product_id"]) == (drawn, "prod_QkLZx8ab12cdEF")
