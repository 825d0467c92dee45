"""Sums of contributions by month, window, dimension and member, from the movements of some accounts.

Belongs here: how movements, items, components and what accounts were come together, one dimension after another. A
company that does not fit into memory is tallied account by account: tallies of different accounts add up. Does not
belong here: what is made of the sums (`expansion`), what an account contributes (`contributions`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.config import SegmentBand
from pipeline.metrics import contributions, figures
from pipeline.metrics.contributions import CAUSE, ROW, SPAN
from pipeline.metrics.figures import MEMBER
from pipeline.metrics.members import (
    ENDS,
    ITEM_MEMBERS,
    ItemDimension,
    Members,
    account_dimensions,
    band,
    bands,
    fields_of,
    item_dimensions,
    named,
    numbered,
)
from pipeline.metrics.moves import Moves
from pipeline.metrics.past import Past, versions, with_versions
from pipeline.metrics.spec import MetricsSpec
from pipeline.money import convert
from pipeline.months import add_months

HOLDING = ("month", "account_id", *ITEM_MEMBERS.values())
SNAPSHOT_COLUMNS = (
    *HOLDING,
    "mrr",
    "discount_mrr",
    "cancel_at",
    "past_due_since",
)
SCHEDULED_COLUMNS = (*HOLDING, "change_mrr")
SCHEMA = [("month", pl.Date), ("window_months", pl.Int64)]
COMPONENT_COLUMNS = (*SPAN, "subscription_item_id", "type", "amount")
ITEM_COLUMNS = (
    "movement",
    *(
        f"{end}_{name}"
        for end in ("opening", "closing")
        for name in ("subscription_item_id", *ITEM_MEMBERS.values())
    ),
    "opening_mrr",
    "fx_mrr",
    "delta_mrr",
    "closing_mrr",
)
MOVEMENT_COLUMNS = (
    CAUSE,
    "movement",
    "opening_mrr",
    "fx_mrr",
    "delta_mrr",
    "closing_mrr",
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over some accounts, to which those of others can be added; each frame has one row per its keys.

    Attributes:
        sums: month, window, dimension, member: `figures.summed`.
        types: the same and type of expansion: amount, accounts.
        quality: month, dimension, member: `figures.quality`.
        months: month: provisional, policy.
    """

    sums: pl.DataFrame
    types: pl.DataFrame
    quality: pl.DataFrame
    months: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every dimension breaks down: movements in order of their number (ROW), and what belongs to them by it.

    `items` are item movements with their members, as categories (`alone`: of an account's only item), `holdings`
    items of the snapshot and what is scheduled (`figures.doubtful`), `expanding` the components of expanding accounts.
    """

    moves: pl.DataFrame
    items: pl.LazyFrame
    holdings: pl.DataFrame
    expanding: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Breakdown:
    """One dimension's parts: contributions, snapshot items and components, each with the number of its `member`."""

    dimension: str
    contributions: pl.LazyFrame
    items: pl.LazyFrame
    components: pl.LazyFrame
    member: pl.Expr
    """The member that has the number, or is the category."""


def tallied(
    told: Moves,
    rates: pl.LazyFrame,
    account: pl.LazyFrame,
    spec: MetricsSpec,
    past: Past | None = None,
) -> Tally:
    """The sums of every month and window that `movement` holds, for the total and each dimension.

    Args:
        told: the movements, and what belongs to them.
        rates: FX_RATE of these months and those at which the windows open.
        account: ACCOUNT; accounts that are not in it are `unknown` in every CRM dimension.
        spec: dimensions, targets, bands, versions.
        past: what accounts were at the months' ends; None: what they are now.
    """
    fields = fields_of(spec.dimensions)
    known = named(versions(account, past, fields), fields)
    calendar = past.calendar if past else None
    versioned = with_versions(told.movement.collect(), known, calendar)
    placed = contributions.placed(versioned)
    moves, causes = contributions.caused(placed.with_row_index(ROW))
    items = _numbered(told.item_movement, moves, ITEM_COLUMNS)
    still = moves.select(*SPAN, "account_id", ROW).join(items, on=ROW, how="anti")
    standing = _standing(told.snapshot, still, rates).collect()
    dimensions = item_dimensions(spec.dimensions)
    members = {f"{end}_{each.column}": each.at(end) for each in dimensions for end in ENDS}
    held = pl.concat([items, standing]).with_columns(
        **{name: member.cast(pl.Categorical) for name, member in members.items()},
        alone=pl.col(ROW).is_unique(),
    )
    expanding = told.component.filter(movement="expansion")
    parts = _Parts(
        moves=moves,
        items=held.lazy(),
        holdings=figures.doubtful(
            told.snapshot.select(SNAPSHOT_COLUMNS), told.scheduled.select(SCHEDULED_COLUMNS)
        ).collect(),
        expanding=_numbered(expanding, moves, COMPONENT_COLUMNS),
    )
    breakdowns = [*_of_accounts(parts, known, fields, spec), *_of_items(parts, dimensions)]
    sums, types, quality = zip(*(_sums(each, causes) for each in breakdowns), strict=True)
    months = (
        moves.lazy()
        .group_by("month")
        .agg(provisional=pl.col("provisional").any(), policy=pl.col("policy").max())
    )
    return Tally(pl.concat(sums), pl.concat(types), pl.concat(quality), months.collect())


def _numbered(rows: pl.LazyFrame, moves: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`columns` of what belongs to movements, with ROW of each; nothing wide is joined."""
    keys = [*SPAN, "account_id"]
    held = rows.select(*keys, *(name for name in columns if name not in keys)).collect()
    number = moves.lazy().select(*keys, ROW)
    found = held.lazy().select(keys).join(number, on=keys, how="left", maintain_order="left")
    numbered = held.with_columns(found.select(ROW).collect().to_series())
    return numbered.drop_nulls(ROW).select(ROW, *columns)


def _standing(snapshot: pl.LazyFrame, moves: pl.DataFrame, rates: pl.LazyFrame) -> pl.LazyFrame:
    """The items of accounts of which no item changed, as item movements: what moved is the rate, if anything.

    Args:
        snapshot: MRR_SNAPSHOT.
        moves: the movements of these accounts: SPAN, account_id, ROW.
        rates: FX_RATE.
    """
    spans = [
        (month, window, add_months(month, -window))
        for month, window in moves.select(SPAN).unique().rows()
    ]
    opening = pl.LazyFrame(spans, [*SCHEMA, ("opening_month", pl.Date)], orient="row")
    then = rates.select("currency", opening_month="month", rate_then="rate")
    stood = convert(pl.col("mrr_native"), pl.col("rate_then"))
    both = {
        f"{end}_{name}": pl.col(name)
        for end in ("opening", "closing")
        for name in ("subscription_item_id", *ITEM_MEMBERS.values())
    }
    return (
        snapshot.join(moves.lazy(), on=["month", "account_id"])
        .join(opening, on=SPAN)
        .join(then, on=["opening_month", "currency"], how="left")
        .with_columns(stood=stood)
        .select(
            ROW,
            pl.lit(None, dtype=pl.String).alias("movement"),
            **both,
            opening_mrr="stood",
            fx_mrr=pl.col("mrr") - pl.col("stood"),
            delta_mrr=pl.lit(0, dtype=pl.Int64),
            closing_mrr="mrr",
        )
        .select(ROW, *ITEM_COLUMNS)
    )


def _of_accounts(
    parts: _Parts, known: pl.DataFrame, fields: Sequence[str], spec: MetricsSpec
) -> Iterator[_Breakdown]:
    moves = parts.moves.select(MOVEMENT_COLUMNS)
    closing = parts.moves.filter(pl.col("closing_mrr") > 0).unique(["month", "account_id"])
    holdings = parts.holdings.join(
        closing.select("month", "account_id", ROW), on=["month", "account_id"]
    )
    base, end, members = _numbers(parts.moves, known, fields, bands(spec.dimensions))
    of_base, of_end = base[parts.expanding[ROW]], end[holdings[ROW]]
    for dimension in account_dimensions(spec.dimensions):
        number = dimension.number(members)
        placed = moves.with_columns(_column(base, number, "base"), _column(end, number, "end"))
        yield _Breakdown(
            dimension.name,
            contributions.of_accounts(placed.lazy()),
            holdings.with_columns(_column(of_end, number, "member")).lazy(),
            parts.expanding.with_columns(_column(of_base, number, "member")).lazy(),
            dimension.of_number(MEMBER, members),
        )


def _column(frame: pl.DataFrame, value: pl.Expr, name: str) -> pl.Series:
    """One more column of a frame, alone; as long as the frame, also where the value is the same for all."""
    return frame.with_columns(value.alias(name)).get_column(name)


def _numbers(
    moves: pl.DataFrame, known: pl.DataFrame, fields: Sequence[str], segments: Sequence[SegmentBand]
) -> tuple[pl.DataFrame, pl.DataFrame, Members]:
    """The numbers of the fields' members at the base and at the end of each movement, and which members these are."""
    numbers, members = numbered(known, fields)
    if segments:
        members = {**members, "segment": pl.Series([each.name for each in segments])}

    def at(end: str) -> pl.DataFrame:
        version, monthly = moves.get_column(f"{end}_version"), pl.col(f"{end}_monthly")
        found = {field: pl.lit(numbers[field].gather(version)) for field in fields}
        if segments:
            found["segment"] = band(monthly, segments)
        return moves.select(ROW, **found)

    return at("base"), at("end"), members


def _of_items(parts: _Parts, dimensions: Sequence[ItemDimension]) -> Iterator[_Breakdown]:
    members = contributions.item_members(
        parts.items.filter(pl.col("movement") == "expansion"), dimensions
    )
    expanding = (
        parts.expanding.lazy().join(members, on=[ROW, "subscription_item_id"]).collect().lazy()
    )
    for dimension in dimensions:
        yield _Breakdown(
            dimension.name,
            contributions.of_items(parts.items, parts.moves, dimension),
            parts.holdings.lazy().with_columns(member=dimension.of_item.cast(pl.Categorical)),
            expanding.with_columns(member=dimension.column),
            MEMBER.cast(pl.String),
        )


def _sums(
    part: _Breakdown, causes: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """One dimension's rows of a tally: sums, types, quality."""
    types = part.components.group_by(*SPAN, "member", "type").agg(
        pl.col("amount").sum(), accounts=pl.col(ROW).n_unique().cast(pl.Int64)
    )
    # Read twice, made once.
    made = part.contributions.collect().lazy()
    found = (
        figures.summed(made, causes, part.member),
        _told(types, part.member, [*SPAN, "member", "type"]),
        _told(figures.quality(part.items), part.member, ["month", "member"]),
    )
    named = pl.lit(part.dimension).alias("dimension")
    sums, types_of, quality = (rows.with_columns(named).collect() for rows in found)
    return sums, types_of, quality


def _told(sums: pl.LazyFrame, member: pl.Expr, keys: Sequence[str]) -> pl.LazyFrame:
    """Sums by the numbers of members as sums by members: two numbers may stand for one."""
    return sums.with_columns(member=member).group_by(keys).agg(pl.all().sum())
