"""A book valued by a policy, once, for the movements of any month.

Belongs here: what is read out of the timeline and does not depend on the month that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.mrr.book import Book
from pipeline.mrr.pairing import ITEM
from pipeline.mrr.past import grades, paid_spans
from pipeline.mrr.policy import Policy
from pipeline.mrr.worth import worth

CARRIED = (
    "price_id", "price_version", "quantity", "steps", "usage_type", "billing_scheme", "charge_num", "charge_den",
    "factor_num", "factor_den", "net_num", "net_den", "plan_key",
)  # fmt: skip
"""What the value of a span is computed from."""
ITEM_OF = ("subscription_id", "product_id", "currency")
RESTS_ON = (
    *CARRIED,
    *ITEM_OF,
    "plan",
    "billing_interval",
    "pricing_model",
    "list_native",
    "mrr_native",
)
"""What MRR, its components and its item dimensions rest on."""


@dataclass(frozen=True, slots=True)
class Valued:
    """What the movements of any month are computed from.

    Attributes:
        book: prices, rates and the timeline.
        policy: the policy that it is valued by.
        accounts: ids of accounts; an account's number is its place here.
        spans: `worth`, in order of item and time, with the numbers of row (`span`), `item` and `account`.
        steady: `spans` that follow each other with nothing that MRR or its parts rest on changed, as one: the first's
            `span`, account, item, subscription_id, product_id, currency, mrr_native, holding (metered, or with a list
            price), valid_from and valid_to of all.
        states: every item, counting or not, with its account, evidence and span of time.
        paid: `paid_spans`, by number of account.
        unsure: `grades`, by number of account.
    """

    book: Book
    policy: Policy
    accounts: pl.Series
    spans: pl.DataFrame
    steady: pl.LazyFrame
    states: pl.LazyFrame
    paid: pl.LazyFrame
    unsure: pl.LazyFrame

    @classmethod
    def of(cls, book: Book, policy: Policy) -> "Valued":
        """The book, valued by the policy."""
        items = book.items().select(
            "account_id", "subscription_item_id", "evidence", "valid_from", "valid_to"
        )
        states = items.collect().lazy()
        account, item = (_numbers(states, name) for name in ("account_id", "subscription_item_id"))
        own = "account_id"
        spans = (
            worth(book, policy)
            .sort("subscription_item_id", "valid_from")
            .join(account, on=own, maintain_order="left")
            .join(item, on="subscription_item_id", maintain_order="left")
            .collect()
            .with_row_index("span")
        )
        return cls(
            book=book,
            policy=policy,
            accounts=account.collect().get_column(own),
            spans=spans,
            steady=_held(_steady(spans.lazy())),
            states=_held(states.join(account, on=own).join(item, on="subscription_item_id")),
            paid=_held(paid_spans(book, spans.lazy()).join(account, on=own).drop(own)),
            unsure=_held(grades(book).join(account, on=own).drop(own)),
        )

    def at(self, span: pl.Series, names: Sequence[str], prefix: str) -> pl.DataFrame:
        """Columns of the spans that `span` numbers, row by row, each with the prefix; null where `span` is."""
        found = self.spans.select(names)[span]
        return found.rename({name: f"{prefix}{name}" for name in names})


def _steady(spans: pl.LazyFrame) -> pl.LazyFrame:
    same = [pl.col(name).eq_missing(pl.col(name).shift(1)) for name in (ITEM, *RESTS_ON)]
    goes_on = pl.all_horizontal(*same, pl.col("valid_from") == pl.col("valid_to").shift(1))
    listed = (pl.col("usage_type") == "metered") | (pl.col("list_native") > 0)
    return (
        spans.select(
            *("span", "account", ITEM, *ITEM_OF, "mrr_native", "valid_from", "valid_to"),
            holding=listed,
            run=goes_on.fill_null(value=False).not_().cum_sum(),
        )
        .group_by("run", maintain_order=True)
        .agg(pl.all().exclude("valid_to").first(), pl.col("valid_to").last())
        .drop("run")
    )


def _numbers(states: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Each value of an id and its place in their order (`account`, `item`)."""
    number = name.removeprefix("subscription_").removesuffix("_id")
    return states.select(pl.col(name).unique().sort()).with_row_index(number).collect().lazy()


def _held(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.collect().lazy()
