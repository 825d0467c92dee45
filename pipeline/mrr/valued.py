"""A book valued by a policy, once, for the movements of any month.

Belongs here: what is read out of the timeline and does not depend on the month that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.mrr.book import Book
from pipeline.mrr.past import grades, paid_spans
from pipeline.mrr.policy import Policy
from pipeline.mrr.worth import worth


@dataclass(frozen=True, slots=True)
class Valued:
    """What the movements of any month are computed from.

    Attributes:
        book: prices, rates and the timeline.
        policy: the policy that it is valued by.
        accounts: ids of accounts; an account's number is its place here.
        spans: `worth`, in order of item and time, with the numbers of row (`span`), `item` and `account`.
        states: every item, counting or not, with its account, evidence and span of time.
        paid: `paid_spans`, by number of account.
        unsure: `grades`, by number of account.
    """

    book: Book
    policy: Policy
    accounts: pl.Series
    spans: pl.DataFrame
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
        spans = worth(book, policy).sort("subscription_item_id", "valid_from").collect().lazy()
        own = "account_id"
        return cls(
            book=book,
            policy=policy,
            accounts=account.collect().get_column(own),
            spans=spans.join(account, on=own, maintain_order="left")
            .join(item, on="subscription_item_id", maintain_order="left")
            .collect()
            .with_row_index("span"),
            states=_held(states.join(account, on=own).join(item, on="subscription_item_id")),
            paid=_held(paid_spans(book, spans).join(account, on=own).drop(own)),
            unsure=_held(grades(book).join(account, on=own).drop(own)),
        )

    def at(self, span: pl.Series, names: Sequence[str], prefix: str) -> pl.DataFrame:
        """Columns of the spans that `span` numbers, row by row, each with the prefix; null where `span` is."""
        found = self.spans.select(names)[span]
        return found.rename({name: f"{prefix}{name}" for name in names})


def _numbers(states: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Each value of an id and its place in their order (`account`, `item`)."""
    number = name.removeprefix("subscription_").removesuffix("_id")
    return states.select(pl.col(name).unique().sort()).with_row_index(number).collect().lazy()


def _held(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.collect().lazy()
