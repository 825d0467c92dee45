"""Figures per month: expansion, retention, cohorts."""

import polars as pl

from pipeline.schemas.table import UTC, Column, Table, count, flag, money, month_column, ratio, text

METRIC_COLUMNS = (
    month_column(),
    count(
        "window_months",
        "1, 3 or 12: between the ends of the month so many months before and of this one.",
    ),
    text("dimension", "total, or the name of a dimension.", key=True),
    text("member", "all, or the member of the dimension.", key=True),
    count("opening_accounts", "Accounts with MRR at the opening end."),
    count("closing_accounts", "Accounts with MRR at the closing end."),
    count("new_accounts", "Accounts that pay for the first time."),
    count("expanding_accounts", "Accounts with the movement expansion."),
    count("contracting_accounts", "Accounts with the movement contraction."),
    count("churned_accounts", "Accounts with the movement churn."),
    count("reactivated_accounts", "Accounts with the movement reactivation."),
    money(
        "starting_mrr", "MRR at the opening end, as it stands there; rates divide by starting + fx."
    ),
    money("fx_mrr", "What the change of exchange rates did to it."),
    money("new_mrr", "MRR of new accounts."),
    money("expansion_mrr", "Increase of accounts that expanded, net per account."),
    money("contraction_mrr", "Decrease of accounts that contracted, a positive number."),
    money("churned_mrr", "MRR of accounts that left, a positive number."),
    money("reactivation_mrr", "MRR of accounts that came back."),
    money("transfer_in_mrr", "MRR of accounts or items that became members."),
    money("transfer_out_mrr", "MRR of accounts or items that left the member, a positive number."),
    money("ending_mrr", "MRR at the closing end."),
    money(
        "committed_mrr",
        "Ending MRR once all that is scheduled is done: cancellations and the phases of schedules.",
    ),
    money("organic_expansion_mrr", "Expansion without price increases and discounts that ended."),
    money("expansion_arr", "Twelve times the expansion MRR."),
    ratio("expansion_rate", "expansion / (starting + fx)."),
    ratio("expansion_rate_annualised", "The rate compounded to twelve months."),
    ratio("nrr", "(starting + fx + expansion - contraction - churned) / (starting + fx)."),
    ratio("grr", "(starting + fx - contraction - churned) / (starting + fx)."),
    ratio("logo_retention", "Share of the opening accounts that still have MRR."),
    ratio("quick_ratio", "(new + expansion) / (contraction + churned)."),
    ratio(
        "quick_ratio_with_reactivation",
        "(new + expansion + reactivation) / (contraction + churned).",
    ),
    ratio("mrr_growth_rate", "(ending - starting - fx) / (starting + fx)."),
    ratio("expansion_share_of_new", "expansion / (new + expansion)."),
    ratio("expansion_share_of_total", "expansion / ending."),
    ratio("top1_share", "Share of the largest expanding account in the expansion."),
    ratio("top5_share", "Share of the five largest."),
    ratio("top10_share", "Share of the ten largest."),
    money("discounted_mrr", "MRR of items with a discount."),
    money("at_risk_mrr", "MRR of items past due or scheduled to end."),
    money("voluntary_churned_mrr", "Churned MRR of accounts that chose to leave."),
    money("involuntary_churned_mrr", "Churned MRR of accounts whose payment failed."),
    ratio("target", "The configured target of the expansion rate."),
    ratio("attainment", "expansion rate / target."),
    text(
        "band",
        "Benchmark band of the expansion rate: monthly bands judge window 1, annual bands window 12.",
    ),
    flag("provisional", "The month is not closed yet."),
    count(
        "version",
        "Version of the month: 1, and one more each time a closed month's figures changed.",
    ),
    text("policy", "The policy the figures follow."),
)

EXPANSION_METRICS = Table(
    name="expansion_metrics",
    grain="one row per month, window, dimension and member",
    key=("month", "window_months", "dimension", "member"),
    partitioned=True,
    columns=METRIC_COLUMNS,
    published=tuple(column.name for column in METRIC_COLUMNS),
)

EXPANSION_BY_TYPE = Table(
    name="expansion_by_type",
    grain="one row per month, window, dimension, member and type of expansion",
    key=("month", "window_months", "dimension", "member", "type"),
    partitioned=True,
    columns=(
        month_column(),
        count("window_months", "1, 3 or 12."),
        text("dimension", "total, or the name of a dimension.", key=True),
        text("member", "all, or the member of the dimension.", key=True),
        text(
            "type", "seat, plan, interval, price, discount, usage, add_on or cross_sell.", key=True
        ),
        money(
            "amount", "Signed sum of the expanding accounts' components; sums to the expansion MRR."
        ),
        count("accounts", "Expanding accounts with such a component."),
        ratio("share", "amount / expansion MRR."),
    ),
    published=(
        "month",
        "window_months",
        "dimension",
        "member",
        "type",
        "amount",
        "accounts",
        "share",
    ),
)

EXPANSION_COHORT = Table(
    name="expansion_cohort",
    grain="one row per first month with MRR and age in months",
    key=("cohort_month", "age_months"),
    partitioned=True,
    columns=(
        month_column("The month the row is computed for: cohort month + age."),
        Column(
            "cohort_month", pl.Date, "First month with closing MRR.", kind="month", nullable=False
        ),
        count("age_months", "Months since the cohort month."),
        count("accounts", "Accounts of the cohort."),
        money("starting_mrr", "Their MRR at the end of the cohort month, at this month's rates."),
        money("retained_mrr", "Their MRR now, at most their starting MRR, summed per account."),
        money("expansion_mrr", "Their MRR now beyond their starting MRR, summed per account."),
        ratio("nrr", "(retained + expansion) / starting."),
        ratio("grr", "retained / starting."),
    ),
    published=(
        "cohort_month",
        "age_months",
        "accounts",
        "starting_mrr",
        "retained_mrr",
        "expansion_mrr",
        "nrr",
        "grr",
    ),
)

COHORT_GROWTH = Table(
    name="cohort_growth",
    grain="one row per month and first month with MRR that is not after it",
    key=("month", "cohort_month"),
    partitioned=True,
    columns=(
        month_column("The month at whose end, and at whose rates, the cohort is looked at."),
        Column(
            "cohort_month", pl.Date, "First month with closing MRR.", kind="month", nullable=False
        ),
        count("accounts", "Accounts of the cohort."),
        count(
            "expanded_accounts",
            "Those that expanded in any month up to this one, from a month end with MRR to the next.",
        ),
        Column(
            "median_months_to_expansion",
            pl.Float64,
            "Months until half of the cohort had expanded for the first time; null until then.",
        ),
        money("starting_mrr", "Their MRR at the end of the cohort month, at its rates."),
        count(
            "early_accounts",
            "Those that expanded in the first three months (90 days); null until the cohort is that old.",
        ),
        money(
            "early_expansion_mrr",
            "Expansion MRR of these months, each at its rates; null until the cohort is that old.",
        ),
        ratio("early_expansion_rate", "early expansion / starting."),
        money(
            "year_two_starting_mrr",
            "MRR at the age of 12 months, at the rates of the age of 24; null until that.",
        ),
        money(
            "year_two_expansion_mrr",
            "Of the accounts with that, MRR beyond it at the age of 24 months; null until then.",
        ),
        money(
            "year_two_retained_mrr",
            "Of the same accounts, MRR at the age of 24 months, at most that at 12; null until then.",
        ),
        ratio("year_two_expansion_rate", "year two expansion / year two starting."),
        ratio("year_two_nrr", "(year two retained + year two expansion) / year two starting."),
    ),
    published=(
        "month",
        "cohort_month",
        "accounts",
        "expanded_accounts",
        "median_months_to_expansion",
        "starting_mrr",
        "early_accounts",
        "early_expansion_mrr",
        "early_expansion_rate",
        "year_two_starting_mrr",
        "year_two_expansion_mrr",
        "year_two_retained_mrr",
        "year_two_expansion_rate",
        "year_two_nrr",
    ),
)

EXPANSION_ATTRIBUTION = Table(
    name="expansion_attribution",
    grain="one row per month and component of an expanding account",
    key=("month", "account_id", "subscription_item_id", "type"),
    partitioned=True,
    columns=(
        month_column(),
        text("account_id", "The account.", key=True),
        text("subscription_item_id", "The item.", key=True),
        text("type", "The component's type.", key=True),
        text("attribution", "contractual, sales_driven, influenced, natural or unknown."),
        text("deal_id", "The deal that explains it."),
        text("owner", "The deal's owner for sales_driven, else the account's."),
        money("amount", "The component's amount."),
        Column("at", UTC, "The item's last change in the month that made the component."),
        Column(
            "evidence",
            pl.String,
            "JSON list of the ids that it rests on: deals, or the subscription schedule.",
            kind="json",
        ),
    ),
    published=(
        "month",
        "account_id",
        "subscription_item_id",
        "type",
        "attribution",
        "deal_id",
        "owner",
        "amount",
    ),
)

ATTRIBUTION_SENSITIVITY = Table(
    name="attribution_sensitivity",
    grain="one row per month, days and attribution",
    key=("month", "days", "attribution"),
    partitioned=True,
    columns=(
        month_column(),
        Column(
            "days", pl.Int64, "Length of every window of attribution: 30, 60 or 90.", nullable=False
        ),
        text("attribution", "contractual, sales_driven, influenced, natural or unknown.", key=True),
        money("amount", "Expansion MRR that would be attributed so."),
        count("accounts", "Expanding accounts with such a component."),
    ),
    published=("month", "days", "attribution", "amount", "accounts"),
)
