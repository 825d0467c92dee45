"""A book valued by a policy, once, for the movements of any month.

Belongs here: what is read out of the timeline and does not depend on the month that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipeline.mrr.book import Book
from pipeline.mrr.pairing import ITEM, SHARED
from pipeline.mrr.past import grades, paid_spans
from pipeline.mrr.policy import Policy
from pipeline.mrr.worth import worth

CARRIED = (
    "price_id", "price_version", "quantity", "stepped", "usage_type", "billing_scheme", "charge_num", "charge_den",
    "factor_num", "factor_den", "net_num", "net_den", "plan_key", "currency", "billing_interval", "mrr_native",
)  # fmt: skip
"""What the value of a span is computed from; `stepped` stands for its discounts."""
ITEM_OF = ("subscription_id", "product_id")
NUMBERED = ("account_id", "subscription_item_id", "subscription_id", "product_id")
RESTS_ON = (
    *CARRIED,
    *ITEM_OF,
    "plan",
    "pricing_model",
    "list_native",
)
"""What MRR, its components and its item dimensions rest on."""


@dataclass(frozen=True, slots=True)
class Valued:
    """What the movements of any month are computed from.

    Attributes:
        book: prices, rates and the timeline.
        policy: the policy that it is valued by.
        accounts: ids of accounts; an account's number is its place here.
        spans: `worth`, in order of item and time, with the numbers of row (`span`), account, item, subscription,
            product, and discounts in force (`stepped`).
        steady: `spans` that follow each other with nothing that MRR or its parts rest on changed, as one: the first's
            `span`, account, item, subscription, product, currency, mrr_native, holding (metered, or with a list
            price), valid_from and valid_to of all.
        states: every item, counting or not, with its account, evidence and span of time.
        paid: `paid_spans`, by number of account.
        unsure: `grades`, by number of account.
        whole: the book with everything that was before, too.
        older: the numbers of accounts that have states of before, which are not in `spans`, `paid` and `unsure`.
    """

    book: Book
    policy: Policy
    accounts: pl.Series
    spans: pl.DataFrame
    steady: pl.LazyFrame
    states: pl.LazyFrame
    paid: pl.LazyFrame
    unsure: pl.LazyFrame
    whole: Book
    older: pl.Series

    @classmethod
    def of(cls, book: Book, policy: Policy, since: datetime | None = None) -> "Valued":
        """The book, valued by the policy.

        Args:
            book: whose items are valued.
            policy: what values follow.
            since: the earliest instant that anybody asks for; what ended before is looked at for the past of accounts
                that come from nothing only. None: everything is valued.
        """
        whole, book = book, book if since is None else book.since(since)
        held = ("evidence", "valid_from", "valid_to")
        states = _held(book.items().select(*NUMBERED, *held))
        numbers = {name: _numbers(states, name) for name in NUMBERED}
        account = numbers["account_id"]

        def numbered(rows: pl.LazyFrame) -> pl.LazyFrame:
            for name, number in numbers.items():
                rows = rows.join(number, on=name, how="left", maintain_order="left")
            return rows

        worths = numbered(worth(book, policy)).sort(ITEM, "valid_from").collect()
        stepped = _alike(worths.get_column("steps")).alias("stepped")
        spans = worths.with_columns(stepped).with_row_index("span")
        left_out = whole.before(since) if since else account.select("account_id").clear()
        older = (
            account.join(left_out, on="account_id", how="semi")
            .select("account")
            .collect()
            .to_series()
        )
        paid, unsure = _past(book, spans.lazy(), account)
        complete = pl.col("account").is_in(older.implode()).not_()
        return cls(
            book=book,
            policy=policy,
            accounts=account.collect().get_column("account_id"),
            spans=spans,
            steady=_held(_steady(spans.lazy())),
            states=_held(numbered(states).select("account", ITEM, *held)),
            paid=_held(paid.filter(complete)),
            unsure=_held(unsure.filter(complete)),
            whole=whole,
            older=older,
        )

    def remembering(self, accounts: pl.Series) -> "Valued":
        """With the past of `accounts`, by number, in `paid` and `unsure`, too."""
        asked = self.older.filter(self.older.is_in(accounts.implode()))
        if asked.is_empty():
            return self
        number = self.accounts.to_frame().with_row_index("account").lazy()
        theirs = self.whole.of(self.accounts.gather(asked))
        past = _past(theirs, worth(theirs, self.policy), number)
        paid, unsure = (
            _held(pl.concat([known, more]))
            for known, more in zip((self.paid, self.unsure), past, strict=True)
        )
        return replace(self, paid=paid, unsure=unsure)

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
            *("span", "account", ITEM, *SHARED, "currency", "mrr_native", "valid_from", "valid_to"),
            holding=listed,
            run=goes_on.fill_null(value=False).not_().cum_sum(),
        )
        .group_by("run", maintain_order=True)
        .agg(pl.all().exclude("valid_to").first(), pl.col("valid_to").last())
        .drop("run")
    )


def _past(
    book: Book, spans: pl.LazyFrame, account: pl.LazyFrame
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """`paid_spans` and `grades` by number of account (`account`: account, account_id)."""
    paid, unsure = (
        rows.join(account, on="account_id").drop("account_id")
        for rows in (paid_spans(book, spans), grades(book))
    )
    return paid, unsure


def _alike(values: pl.Series) -> pl.Series:
    """A number for each value, the same for the same."""
    groups = values.to_frame("value").with_row_index("row").lazy().group_by("value").agg("row")
    numbered = groups.with_row_index("number").explode("row").sort("row")
    return numbered.select("number").collect().to_series()


def _numbers(states: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Each value of an id and its place in their order, called as what it names."""
    number = ITEM if name == "subscription_item_id" else name.removesuffix("_id")
    known = states.select(pl.col(name).drop_nulls().unique().sort())
    return known.with_row_index(number).collect().lazy()


def _held(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.collect().lazy()
