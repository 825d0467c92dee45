"""How often each rule fires where nothing changed, and how often it finds what did.

Usage: python -m bench.alerts [--series 600] [--accounts 100 300 1000 10000] [--table]

Companies are simulated: every account expands in a month with the same probability, by a share of its own size, sizes
are lognormal. In half of them the probability halves after two years; in a third set one segment of five does, or the
types change. What fires is judged by the product's own rules. Limits: accounts are independent, no seasons, no trend.
The result goes to bench/results/; --table prints it for docs/alerts.md.
"""

import argparse
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from bench.measuring import keep
from pipeline.alerts.kinds import judge
from pipeline.alerts.observations import Beside, Observation
from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.schemas import EXPANSION_BY_TYPE, EXPANSION_METRICS

FIRST, QUIET, AFTER = date(2023, 1, 1), 24, 6
RATE, HALVED = 0.04, 0.5
SIZE_SPREAD, SHARES = 1.0, (0.1, 0.5)
SEGMENTS = ("a", "b", "c", "d", "e")
TYPES = {"seat": 0.45, "plan": 0.25, "usage": 0.15, "add_on": 0.1, "price": 0.05}
SHIFTED = {"seat": 0.2, "plan": 0.5, "usage": 0.15, "add_on": 0.1, "price": 0.05}
MEAN_SIZE = math.exp(SIZE_SPREAD**2 / 2)
USUAL = RATE * sum(SHARES) / 2

RULES = (
    AlertRule(id="significant_drop", kind="significant_drop"),
    AlertRule(id="segment_deterioration", kind="segment_deterioration"),
    AlertRule(id="drop, median of 6 months", kind="drop"),
    AlertRule(id="drop, last year", kind="drop", against="last_year"),
    AlertRule(id="drop, twice", kind="drop", periods=2),
    AlertRule(id="floor at 75% of the usual rate", kind="floor", threshold=0.75 * USUAL),
    AlertRule(id="floor over 3 months", kind="floor", threshold=0.75 * USUAL, window_months=3),
    AlertRule(id="consecutive_declines", kind="consecutive_declines"),
    AlertRule(id="mix_shift", kind="mix_shift"),
    AlertRule(
        id="concentration, 12 months", kind="concentration", window_months=12, threshold=1 / 3
    ),
)
SOUGHT = {"segment_deterioration": "one segment halves", "mix_shift": "types shift"}
"""What a rule looks for, where it is not that all halve."""
AT_ONCE = 100
"""Companies that are held together."""
ENOUGH = 1_000_000
"""Accounts in all, of large companies: what they do varies little from one to the next."""
PERMUTED = 100
"""Companies that are judged by permutations."""
WORLDS = ("nothing", "all halve", "one segment halves", "types shift")


@dataclass(frozen=True, slots=True)
class Companies:
    """Simulated companies: each is a member of `total`, its segments are the members of a dimension of its number."""

    metrics: pl.DataFrame
    by_type: pl.DataFrame


def companies(accounts: int, world: str, series: int, seed: int) -> Companies:
    """Companies over `QUIET` months, and `AFTER` months in which the world is as `world` says."""
    dice = random.Random(f"{accounts} {world} {seed}")
    events = [
        (str(number), place, segment, kind, money)
        for number in range(series)
        for place in range(QUIET + AFTER)
        for segment in SEGMENTS
        for kind, money in _expansions(accounts // len(SEGMENTS), place, segment, world, dice)
    ]
    names = ("company", "place", "segment", "type", "money")
    frame = pl.DataFrame(events, schema=names, orient="row")
    numbers = [str(number) for number in range(series)]
    segments = pl.DataFrame({"dimension": numbers}).join(
        pl.DataFrame({"member": SEGMENTS}), how="cross"
    )
    total = pl.DataFrame({"member": numbers}).select(pl.lit("total").alias("dimension"), "member")
    keys = pl.concat([total, segments])
    both = pl.concat(
        [
            frame.select(pl.lit("total").alias("dimension"), *_as("company")),
            frame.select(pl.col("company").alias("dimension"), *_as("segment")),
        ]
    )
    return Companies(
        metrics=pl.concat([_metrics(both, keys, window, accounts) for window in (1, 3, 12)]),
        by_type=_types(both),
    )


def _as(member: str) -> list[pl.Expr]:
    return [pl.col(member).alias("member"), pl.col("place", "type", "money")]


def _expansions(
    accounts: int, place: int, segment: str, world: str, dice: random.Random
) -> Iterator[tuple[str, float]]:
    after = place >= QUIET
    halved = after and (world == "all halve" or (world == "one segment halves" and segment == "a"))
    rate = RATE * HALVED if halved else RATE
    mix = SHIFTED if after and world == "types shift" else TYPES
    kinds, weights = list(mix), list(mix.values())
    # The gap to the next account that expands is geometric: no draw for the others.
    at = -1
    while True:
        at += 1 + int(math.log(1 - dice.random()) / math.log1p(-rate))
        if at >= accounts:
            return
        yield (
            dice.choices(kinds, weights)[0],
            dice.lognormvariate(0, SIZE_SPREAD) * dice.uniform(*SHARES),
        )


def _metrics(events: pl.DataFrame, keys: pl.DataFrame, window: int, accounts: int) -> pl.DataFrame:
    """EXPANSION_METRICS of a window: the last `window` months together, which few accounts share."""
    by = ["dimension", "member", "place"]
    counted = events.group_by(by).agg(
        k=pl.len().cast(pl.Int64), money=pl.col("money").sum(), largest=pl.col("money").max()
    )
    places = pl.DataFrame({"place": range(QUIET + AFTER)}, schema={"place": pl.Int64})
    pooled = (
        keys.join(places, how="cross")
        .join(counted, on=by, how="left")
        .with_columns(pl.col("k", "money", "largest").fill_null(0))
        .sort(by)
        .with_columns(
            pl.col("k", "money").rolling_sum(window).over("dimension", "member"),
            pl.col("largest").rolling_max(window).over("dimension", "member"),
        )
        .filter(pl.col("k").is_not_null())
    )
    size = (
        pl.when(pl.col("dimension") == "total").then(accounts).otherwise(accounts // len(SEGMENTS))
    )
    months = {place: add_months(FIRST, place) for place in range(QUIET + AFTER)}
    rows = pooled.select(
        "dimension",
        "member",
        month=pl.col("place").replace_strict(months, return_dtype=pl.Date),
        window_months=pl.lit(window, pl.Int64),
        opening_accounts=size.cast(pl.Int64),
        expanding_accounts=pl.col("k").cast(pl.Int64),
        starting_mrr=(size * MEAN_SIZE * 1e6).cast(pl.Int64),
        fx_mrr=pl.lit(0, pl.Int64),
        expansion_mrr=(pl.col("money") * 1e6).cast(pl.Int64),
        expansion_rate=pl.col("money") / (size * MEAN_SIZE) / window,
        top1_share=pl.col("largest") / pl.col("money"),
        version=pl.lit(1, pl.Int64),
        provisional=pl.lit(value=False),
    )
    return pl.concat([EXPANSION_METRICS.empty(), rows], how="diagonal_relaxed")


def _types(events: pl.DataFrame) -> pl.DataFrame:
    months = {place: add_months(FIRST, place) for place in range(QUIET + AFTER)}
    rows = events.group_by("dimension", "member", "place", "type").agg(
        accounts=pl.len().cast(pl.Int64), amount=(pl.col("money").sum() * 1e6).cast(pl.Int64)
    )
    rows = rows.with_columns(
        month=pl.col("place").replace_strict(months, return_dtype=pl.Date),
        window_months=pl.lit(1, pl.Int64),
    ).drop("place")
    return pl.concat([EXPANSION_BY_TYPE.empty(), rows], how="diagonal_relaxed")


def fires(rule: AlertRule, found: Companies, series: int) -> list[list[bool]]:
    """By company and month: the rule's condition holds for some member, for as many months as the rule asks."""
    if rule.kind != "segment_deterioration":
        seen = judge(rule, found.metrics, Beside(by_type=found.by_type))
        return [_fires(rule, [seen[str(number)]]) for number in range(series)]
    parts = found.metrics.filter(window_months=1).partition_by("dimension", as_dict=True)
    return [
        _fires(rule, judge(_on(rule, number), parts[(str(number),)]).values())
        for number in range(series)
    ]


def _on(rule: AlertRule, number: int) -> AlertRule:
    return rule.model_copy(update={"dimension": str(number)})


def _fires(rule: AlertRule, listed: Iterable[Sequence[Observation]]) -> list[bool]:
    months = [False] * (QUIET + AFTER)
    for observations in listed:
        run = 0
        for each in observations:
            run = run + 1 if each.breach and each.guard is None else 0
            place = (each.month.year - FIRST.year) * 12 + each.month.month - FIRST.month
            months[place] |= run >= rule.periods
    return months


def measure(accounts: int, series: int, rules: Sequence[AlertRule]) -> list[dict[str, object]]:
    """A row per rule: the share of quiet months that fire, and of companies found within 3 and 6 months."""
    series = max(AT_ONCE, min(series, ENOUGH // accounts))
    rows: dict[str, dict[str, object]] = {
        rule.id: {"rule": rule.id, "accounts": accounts, "companies": series} for rule in rules
    }
    for world in WORLDS:
        fired_by: dict[str, list[list[bool]]] = {rule.id: [] for rule in rules}
        for seed in range(0, series, AT_ONCE):
            count = min(AT_ONCE, series - seed)
            found = companies(accounts, world, count, seed)
            for rule in rules:
                if rule.kind == "mix_shift" and seed >= PERMUTED:
                    continue
                fired_by[rule.id] += fires(rule, found, count)
        for rule in rules:
            fired = fired_by[rule.id]
            if world == "nothing":
                judged = [each[12:] for each in fired]
                rows[rule.id]["false_a_month"] = sum(map(sum, judged)) / sum(map(len, judged))
                continue
            for months in (3, AFTER):
                share = sum(any(each[QUIET : QUIET + months]) for each in fired) / len(fired)
                rows[rule.id][f"{world} in {months}"] = share
    return list(rows.values())


def table(rows: Sequence[dict[str, object]]) -> str:
    """The rows as a table of the documentation: false alarms a month, found within 3 and within 6 months."""
    sizes = sorted({int(str(row["accounts"])) for row in rows})
    lines = ["| rule | what changes | " + " | ".join(f"{size:,}" for size in sizes) + " |"]
    lines.append("|---" * (2 + len(sizes)) + "|")
    for name in dict.fromkeys(row["rule"] for row in rows):
        world = SOUGHT.get(str(name), "all halve")
        cells = {row["accounts"]: _cell(row, world) for row in rows if row["rule"] == name}
        lines.append(f"| {name} | {world} | {' | '.join(cells[size] for size in sizes)} |")
    return "\n".join(lines)


def _cell(row: dict[str, object], world: str) -> str:
    found = [float(str(row[f"{world} in {months}"])) for months in (3, AFTER)]
    return f"{float(str(row['false_a_month'])):.1%} · {found[0]:.0%} · {found[1]:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=600)
    parser.add_argument("--accounts", type=int, nargs="+", default=[100, 300, 1_000, 10_000])
    parser.add_argument("--only", nargs="*", default=[], help="ids of rules")
    parser.add_argument("--table", action="store_true", help="print, and keep nothing")
    asked = parser.parse_args()
    rules = [rule for rule in RULES if not asked.only or rule.id in asked.only]
    rows = [row for accounts in asked.accounts for row in measure(accounts, asked.series, rules)]
    if asked.table:
        print(table(rows))
    else:
        keep("alerts", {"series": asked.series, "rows": rows})


if __name__ == "__main__":
    main()
