"""Who expands next: scores with their reasons, how good they were, and experiments with outreach."""

import polars as pl

from pipeline.schemas.table import UTC, Column, Table, count, flag, money, month_column, ratio, text


def _number(name: str, doc: str) -> Column:
    return Column(name, pl.Float64, doc)


def _all(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


_SCORE = (
    month_column("The closed month at whose end everything below was known."),
    text("account_id", "The account.", key=True),
    _number("score", "0 to 100; 0 while something blocks the account."),
    _number("score_without_deals", "The same without what open deals tell."),
    count("rank", "Place among the month's accounts by what was shipped, 1 is the readiest."),
    text("method", "What orders the accounts: rules, logistic, or the baseline that did better."),
    ratio("confidence", "Share of the points whose facts are known."),
    ratio(
        "probability",
        "Share of accounts placed like it that expanded within three months; null without a record.",
    ),
    text("blocked", "Why nobody should ask now; null: nothing is in the way."),
    text("motion", "seat, upgrade or cross_sell: where most of the points come from."),
    text("owner", "Who owned the account at the month's end, else who does now."),
    money("mrr", "The account's MRR at the month's end."),
)
READINESS_SCORE = Table(
    name="readiness_score",
    grain="one row per month and account with MRR at its end",
    key=("month", "account_id"),
    partitioned=True,
    columns=_SCORE,
    published=_all(_SCORE),
)

_REASON = (
    month_column(),
    text("account_id", "The account.", key=True),
    Column(
        "position",
        pl.Int64,
        "1 to 3: most points first; from 4 on what took points away.",
        nullable=False,
    ),
    text("rule", "The rule that gave the points."),
    text("area", "capacity, growth, billing, fit, relationship or health."),
    _number("points", "Points of the score, negative where they were taken away."),
    text("words", "The reason as a sentence."),
)
READINESS_REASON = Table(
    name="readiness_reason",
    grain="one row per month, account and reason",
    key=("month", "account_id", "position"),
    partitioned=True,
    columns=_REASON,
    published=_all(_REASON),
)

_EVALUATION = (
    month_column("The closed month up to which outcomes were known."),
    text(
        "method",
        "rules, logistic, either of them without_deals, or a baseline.",
        key=True,
    ),
    text("measure", "What is measured; see docs/readiness.md.", key=True),
    _number("value", "The figure over all origins; null where it is undefined."),
    _number("low", "Lower end of its 95% interval; accounts are drawn as a whole."),
    _number("high", "Upper end."),
    count("origins", "Month ends at which scores were compared with what came after."),
    count("accounts", "Accounts at these month ends, each as often as it was scored."),
    count("positives", "Those that expanded within three months."),
    flag("shipped", "This method orders the accounts of the newest month."),
    text("verdict", "better, baseline, nothing or unproven: why this method is shipped."),
)
SCORE_EVALUATION = Table(
    name="score_evaluation",
    grain="one row per month, method and measure",
    key=("month", "method", "measure"),
    partitioned=True,
    columns=_EVALUATION,
    published=_all(_EVALUATION),
)

_EXPERIMENT = (
    text("experiment", "Name of the experiment.", key=True),
    Column("month", pl.Date, "The month whose scores chose the accounts.", kind="month"),
    Column("created_at", UTC, "When accounts were drawn."),
    ratio("share", "Share of the accounts that is held out."),
    count("held_out", "Accounts without outreach."),
    count("outreach", "Accounts with outreach."),
    ratio("base_rate", "Expected share that expands without outreach, as it was assumed."),
    ratio("detectable", "Smallest difference that is found four times of five; null: none is."),
)
EXPERIMENT = Table(
    name="experiment",
    grain="one row per experiment",
    key=("experiment",),
    columns=_EXPERIMENT,
    published=_all(_EXPERIMENT),
)

_MEMBER = (
    text("experiment", "Name of the experiment.", key=True),
    text("account_id", "The account.", key=True),
    text("arm", "outreach or held_out; it never changes."),
    text("stratum", "Accounts that are like each other: the part of the list they stood in."),
    money("mrr", "The account's MRR when it was drawn."),
)
EXPERIMENT_MEMBER = Table(
    name="experiment_member",
    grain="one row per experiment and account",
    key=("experiment", "account_id"),
    columns=_MEMBER,
    published=_all(_MEMBER),
)

_RESULT = (
    text("experiment", "Name of the experiment, or of a program without one.", key=True),
    month_column("The closed month up to which outcomes were known."),
    text(
        "measure",
        "expansion_share or expansion_mrr; expansion_share_before: the share three months before a program.",
        key=True,
    ),
    text(
        "design", "randomised, or matched: an estimate, since nobody drew who was asked.", key=True
    ),
    _number("outreach", "Share of the accounts with outreach, or MRR an account in the main unit."),
    _number(
        "held_out",
        "The same of the accounts without; matched: what those with it would have come to.",
    ),
    _number(
        "effect",
        "The difference: what outreach added, by intention to treat; matched: an estimate.",
    ),
    _number("low", "Lower end of its 95% interval."),
    _number("high", "Upper end."),
    count(
        "outreach_accounts",
        "Accounts that were to be asked, asked or not; matched: that had others like them.",
    ),
    count("held_out_accounts", "Accounts that were not."),
)
EXPERIMENT_RESULT = Table(
    name="experiment_result",
    grain="one row per experiment, month, measure and design",
    key=("experiment", "month", "measure", "design"),
    columns=_RESULT,
    published=_all(_RESULT),
)

SCORED = (READINESS_SCORE, READINESS_REASON, SCORE_EVALUATION)
"""The tables of a month that is scored: the newest closed one, and others on demand."""
READINESS = (
    *SCORED,
    EXPERIMENT,
    EXPERIMENT_MEMBER,
    EXPERIMENT_RESULT,
)
