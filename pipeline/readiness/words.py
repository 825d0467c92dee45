"""Reasons: which rules gave an account most of its points, in words.

Belongs here: the sentences. They name plans, products, features and stages, never a person. Does not belong here: what
a rule is worth (`score`).
"""

from dataclasses import dataclass

import polars as pl

from pipeline.readiness.held import ONE
from pipeline.readiness.score import HEALTH, RULES, TROUBLES, points_of

MOST = 3
"""Reasons that are told."""
_SCALE, _PLACES = 1_000, 16
"""An order of points and rules as one number: thousandths of points, then the rule's place."""


def reasons(scored: pl.LazyFrame) -> pl.LazyFrame:
    """READINESS_REASON rows of accounts with points: the three rules with most of them, then what took some away.

    Args:
        scored: what `score.scored` gives.
    """
    ranked = scored.filter(pl.col("score") > 0)
    return pl.concat([_given(ranked), _taken(ranked)]).sort(*ONE, "position")


def _given(ranked: pl.LazyFrame) -> pl.LazyFrame:
    """Positions 1 to 3: most points first, of equal ones the rule that is named first."""
    keys = [
        pl.when(pl.col(points_of(rule)) > 0).then(
            (pl.col(points_of(rule)) * _SCALE).round().cast(pl.Int64) * _PLACES
            + (_PLACES - 1 - place)
        )
        for place, rule in enumerate(RULES)
    ]
    most = (
        ranked.with_columns(
            _key=pl.concat_list(keys).list.drop_nulls().list.sort(descending=True).list.head(MOST)
        )
        .with_columns(position=pl.int_ranges(1, pl.col("_key").list.len() + 1))
        .explode("_key", "position")
        .filter(pl.col("_key").is_not_null())
        .with_columns(_place=_PLACES - 1 - pl.col("_key") % _PLACES)
    )
    return pl.concat(
        most.filter(pl.col("_place") == place).select(
            *ONE,
            "position",
            *_told(rule.name, rule.group, points_of(rule), SENTENCES[rule.name]),
        )
        for place, rule in enumerate(RULES)
    )


def _taken(ranked: pl.LazyFrame) -> pl.LazyFrame:
    """Positions from 4 on."""
    rows = pl.concat(
        ranked.filter(pl.col(f"{name}_points") < 0).select(
            *ONE, pl.lit(place).alias("_place"), *_told(name, HEALTH, f"{name}_points", TAKEN[name])
        )
        for place, name in enumerate(TROUBLES)
    )
    place = pl.col("_place").rank("ordinal").over(ONE).cast(pl.Int64)
    return rows.select(*ONE, (place + MOST).alias("position"), "rule", "area", "points", "words")


def _told(rule: str, area: str, points: str, words: pl.Expr) -> list[pl.Expr]:
    return [
        pl.lit(rule).alias("rule"),
        pl.lit(area).alias("area"),
        pl.col(points).alias("points"),
        words.alias("words"),
    ]


def _percent(name: str) -> pl.Expr:
    """A share as whole per cent."""
    return (pl.col(name) * 100).round().cast(pl.Int64).cast(pl.String) + "%"


@dataclass(frozen=True, slots=True)
class _Counted:
    """A number with its noun."""

    name: str
    one: str
    more: str

    @property
    def words(self) -> pl.Expr:
        many = pl.format(self.more, pl.col(self.name).cast(pl.Int64))
        return pl.when(pl.col(self.name) == 1).then(pl.lit(self.one)).otherwise(many)


_AGO = _Counted("months_since_expansion", "a month ago", "{} months ago").words
_LAST = pl.when(pl.col("months_since_expansion") == 0).then(pl.lit("this month")).otherwise(_AGO)
_STAGE = (
    pl.when(pl.col("deal_stage").is_not_null())
    .then(pl.format(", in the stage {}", "deal_stage"))
    .otherwise(pl.lit(""))
)
_LIKELY = (
    pl.when(pl.col("deal_probability").is_not_null())
    .then(pl.format(" ({})", _percent("deal_probability")))
    .otherwise(pl.lit(""))
)

SENTENCES = {
    "utilisation": pl.format(
        "{} of {} {} used",
        _percent("utilisation"),
        pl.col("utilised_of").round().cast(pl.Int64),
        "utilised",
    ),
    "overage": pl.lit("usage beyond what the price includes was billed in the last 90 days"),
    "seat_growth": pl.format("{} more seats than three months ago", _percent("seat_growth")),
    "usage_growth": pl.format(
        "usage is {} above that of the months before", _percent("usage_growth")
    ),
    "expansions": pl.format(
        "expanded {} in the last 12 months, last {}",
        _Counted("expansions", "once", "{} times").words,
        _LAST,
    ),
    "tenure": pl.format("customer for {}", _Counted("tenure", "a month", "{} months").words),
    "full_price": pl.when(pl.col("discount_share") > 0)
    .then(pl.format("pays the list price less {}", _percent("discount_share")))
    .otherwise(pl.lit("pays the list price")),
    "larger_plan": pl.format(
        "{} of the accounts of this size are on a plan that costs more a seat than {}",
        _percent("larger_plan_share"),
        "plan",
    ),
    "missing_product": pl.format(
        "{} of the accounts on {} hold {}, too",
        _percent("missing_share"),
        "plan",
        "missing_product",
    ),
    "open_deal": pl.format("an expansion deal is open{}{}", _STAGE, _LIKELY),
    "touched": pl.lit("somebody worked on an expansion deal in the last 60 days"),
}
"""Rule -> its reason."""
TAKEN = {
    "contracted": pl.lit("contracted in the last three months"),
    "usage_fell": pl.format(
        "usage fell by {}",
        (pl.col("usage_growth") * -100).round().cast(pl.Int64).cast(pl.String) + "%",
    ),
    "new_owner": pl.lit("the owner changed in the last 90 days"),
}
"""Trouble -> its reason."""
