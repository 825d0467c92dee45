"""What a message tells beside the figure: what moved, and which accounts to look at.

Belongs here: picking a few rows for people out of published figures. Money in major units of the reporting currency.
"""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from pipeline.alerts.intents import Finding
from pipeline.config import Dimensions
from pipeline.metrics.members import account_dimensions, fields_of, named, segments
from pipeline.money import MICRO
from pipeline.months import add_months

POOLED = ("significant_drop", "segment_deterioration")
"""Kinds that pool months."""
SPANS = {"pooled": (3, 9), "single": (1, 3)}
"""So many months against the mean of so many before, as the kind of rule judges."""
BEFORE = 11
"""Months before the one spoken of that are looked at, at most."""
GREW, SHRANK = 2, 3
SHOWN = 3
"""Types or members that are named; the others are one sum, so that what is named adds up."""
OTHERS = "others"
LOSSES = ("contraction", "churn")
MOVEMENTS = {"expansion_mrr": 1, "contraction_mrr": -1, "churned_mrr": -1}
RETENTION = (
    *("nrr", "grr", "logo_retention", "mrr_growth_rate", "quick_ratio"),
    *("churned_mrr", "contraction_mrr"),
)
"""Figures that rest on more than expansion."""


@dataclass(frozen=True, slots=True)
class Mover:
    """An account that grew or shrank in the month.

    Attributes:
        account_id: the account.
        name: for people.
        amount: signed.
        movement: expansion, contraction or churn.
        owner: who owns it.
        customer_id: its Stripe customer, where it has one only.
    """

    account_id: str
    name: str
    amount: float
    movement: str
    owner: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A change against the mean of the months before, by what it consists of; the parts add up to it.

    Attributes:
        by: what the parts are, as `type`.
        parts: name and signed amount, largest first; the last may be the others together.
    """

    by: str
    parts: tuple[tuple[str, float], ...]

    @property
    def total(self) -> float:
        """The whole change."""
        return sum(amount for _, amount in self.parts)


@dataclass(frozen=True, slots=True)
class Story:
    """What moved in one month for one member.

    Attributes:
        types: (type, amount) of the expansion, largest first.
        changes: the change of the expansion in a month against the months before, split in several ways.
        movers: accounts, the largest losses first, then the largest expansions.
        against: what is compared with what.
    """

    types: tuple[tuple[str, float], ...] = ()
    changes: tuple[Split, ...] = ()
    movers: tuple[Mover, ...] = ()
    against: str = "against the mean of the three months before"


@dataclass(frozen=True, slots=True)
class Background:
    """The published frames that stories are made from, of the months spoken of and those before each.

    Attributes:
        metrics: EXPANSION_METRICS.
        by_type: EXPANSION_BY_TYPE.
        movement: MRR_MOVEMENT over one month.
        account: ACCOUNT.
        link: ACCOUNT_LINK.
        dimensions: what figures are broken down by.
    """

    metrics: pl.DataFrame
    by_type: pl.DataFrame
    movement: pl.DataFrame
    account: pl.DataFrame
    link: pl.DataFrame
    dimensions: Dimensions = field(default_factory=Dimensions)


def story(background: Background, finding: Finding) -> Story:
    """What moved in the finding's month for its member."""
    rule, month = finding.rule, finding.month
    dimension, member = rule.dimension, finding.state.member
    mine = (
        (pl.col("window_months") == rule.window_months)
        & (pl.col("dimension") == dimension)
        & (pl.col("member") == member)
    )
    by_type = background.by_type.filter(mine)
    types = by_type.filter((pl.col("month") == month) & (pl.col("amount") != 0)).sort(
        "amount", "type", descending=[True, False]
    )
    return Story(
        types=tuple(types.select("type", pl.col("amount") / MICRO).iter_rows()),
        changes=tuple(_changes(background, finding, by_type, mine)),
        movers=movers(background, month, dimension, member),
        against="against the mean of the three months before"
        if rule.kind not in POOLED
        else "a month, over three months against the nine before",
    )


def _changes(
    background: Background, finding: Finding, by_type: pl.DataFrame, mine: pl.Expr
) -> list[Split]:
    rule, month = finding.rule, finding.month
    metrics = background.metrics
    span = SPANS["pooled" if rule.kind in POOLED else "single"]
    if rule.metric in RETENTION:
        signed = [pl.col(name) * sign for name, sign in MOVEMENTS.items()]
        moved = (
            metrics.filter(mine)
            .select("month", *signed)
            .unpivot(index="month", variable_name="part", value_name="amount")
        )
        return _split("movement", moved, month, span)
    found = _split("type", by_type.select("month", "amount", part="type"), month, span)
    if rule.dimension == "total":
        for dimension in background.dimensions.account[:1]:
            members = metrics.filter(
                (pl.col("window_months") == rule.window_months) & (pl.col("dimension") == dimension)
            )
            rows = members.select("month", part="member", amount="expansion_mrr")
            found += _split(dimension, rows, month, span)
    return found


def _split(by: str, rows: pl.DataFrame, month: date, span: tuple[int, int]) -> list[Split]:
    """Change of the mean of `amount` by `part`; nothing where months are missing."""
    latest = [add_months(month, -back) for back in range(span[0])]
    before = [add_months(month, -back) for back in range(span[0], sum(span))]
    if not {*latest, *before} <= set(rows["month"].unique()):
        return []
    amount = pl.col("amount")
    now = amount.filter(pl.col("month").is_in(latest)).sum() / span[0]
    was = amount.filter(pl.col("month").is_in(before)).sum() / span[1]
    found = (
        rows.group_by("part")
        .agg(change=(now - was) / MICRO)
        .filter(pl.col("change").abs() >= 1)
        .sort(pl.col("change").abs(), "part", descending=[True, False])
    )
    parts = list(found.head(SHOWN).iter_rows())
    rest = found.tail(max(0, found.height - SHOWN))["change"].sum()
    if found.height > SHOWN:
        parts.append((OTHERS, rest))
    return [Split(by, tuple(parts))] if parts else []


def movers(background: Background, month: date, dimension: str, member: str) -> tuple[Mover, ...]:
    """The accounts of a member that lost and gained most in `month`; none for dimensions of items.

    An account counts as the member's by what it is now; a segment by annual value is that of either end of the month.
    """
    belongs = _belongs(background.dimensions, dimension, member)
    if belongs is None:
        return ()
    fields = [name for name in background.account.columns if name not in {"account_id", "name"}]
    asked = fields_of(background.dimensions)
    members = named(background.account, asked).select(fields)
    ends = [members.select(pl.all().name.prefix(f"{end}_")) for end in ("opening", "closing")]
    known = background.account.select("account_id", known_as="name", owned_by="owner")
    rows = (
        background.movement.filter(pl.col("month") == month)
        .join(pl.concat([known, *ends], how="horizontal"), on="account_id", how="left")
        .with_columns(**segments(background.dimensions))
        .filter(belongs)
        .join(_customers(background.link), on="account_id", how="left")
        .select(
            "account_id",
            name=pl.coalesce("known_as", "account_id"),
            amount=pl.col("delta_mrr") / MICRO,
            movement="movement",
            owner="owned_by",
            customer_id="customer_id",
        )
        .sort("amount", "account_id")
    )
    shrank = rows.filter(pl.col("movement").is_in(LOSSES)).head(SHRANK)
    grew = rows.filter(movement="expansion").tail(GREW).reverse()
    return tuple(Mover(**row) for row in pl.concat([shrank, grew]).iter_rows(named=True))


def _belongs(configured: Dimensions, dimension: str, member: str) -> pl.Expr | None:
    for each in account_dimensions(configured):
        if each.name == dimension:
            began = (each.at("opening") == member) & pl.col("opening_mrr").ne_missing(0)
            return began | ((each.at("closing") == member) & pl.col("closing_mrr").ne_missing(0))
    return None


def _customers(link: pl.DataFrame) -> pl.DataFrame:
    """The customer of accounts that have one only; an account without a link is its own customer."""
    return (
        link.group_by("account_id")
        .agg(pl.col("customer_id").first(), count=pl.len())
        .filter(pl.col("count") == 1)
        .drop("count")
    )
