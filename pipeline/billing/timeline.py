"""The fold: observations of every kind become spans in which nothing about an item changes.

Belongs here: the order of evidence, the chain check, coverage and grades. No policy: what counts is decided when an
item is valued. Source of the rules: docs/method.md, "Evidence" and "Value of an item".
"""

import polars as pl

from pipeline import schemas
from pipeline.billing import payload as p
from pipeline.billing.evidence import worst
from pipeline.billing.history import ITEM, history
from pipeline.billing.invoices import invoice_items, period_discounts, with_references
from pipeline.billing.observations import SUBSCRIPTION_STATE, points

ON = ["source_account", "subscription_id"]
OVER = ("canceled", "incomplete_expired")
COMPARED = ("price_id", "quantity", "item_discounts", "period_start")
COMPARED_SUBSCRIPTION = ("status", "collection_paused", "cancel_at", "subscription_discounts")


def spans(coverage: pl.LazyFrame) -> pl.LazyFrame:
    """Coverage merged into disjoint spans per source account: covered_from, covered_to, span (a number)."""
    ordered = coverage.sort("source_account", "covered_from", "covered_to").with_columns(
        reach=pl.col("covered_to").cum_max().shift(1).over("source_account")
    )
    apart = (pl.col("covered_from") > pl.col("reach")).fill_null(value=True)
    return (
        ordered.with_columns(span=apart.cum_sum().over("source_account"))
        .group_by("source_account", "span")
        .agg(pl.col("covered_from").min(), pl.col("covered_to").max())
        .sort("source_account", "covered_from")
    )


def _initial(before: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The state at the start of each span of coverage: that before the first point in or after it."""
    starts = before.select(ON).unique().join(covered, on="source_account").sort("covered_from")
    following = before.filter(pl.col("kind") != "created").sort("at")
    unknown = pl.col("checked").not_()
    in_trial = pl.col("trial_end").is_not_null() & (pl.col("at") <= pl.col("trial_end"))
    return (
        starts.join_asof(
            following.with_columns(point_at="at"),
            left_on="covered_from",
            right_on="at",
            by=ON,
            strategy="forward",
            check_sortedness=False,
            coalesce=False,
        )
        .filter(pl.col("point_at").is_not_null() & (pl.col("created_at") < pl.col("point_at")))
        .with_columns(
            status=pl.when(unknown & in_trial)
            .then(pl.lit("trialing"))
            .when(unknown)
            .then(pl.lit("active"))
            .otherwise(pl.col("status")),
            at=pl.max_horizontal("covered_from", "created_at"),
            late=pl.col("created_at") > pl.col("covered_from"),
            guessed=unknown,
        )
        .filter(pl.col("at") < pl.col("point_at"))
        .with_columns(kind=pl.lit("initial"), side=pl.lit("after"))
    )


def _items(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item of each point."""
    item = pl.col("items").struct
    trial = item.field("current_trial").struct
    inside = (p.instant(trial.field("start_date")) <= pl.col("at")) & (
        pl.col("at") < p.instant(trial.field("end_date"))
    )
    return (
        rows.explode("items", empty_as_null=False, keep_nulls=False)
        .with_columns(
            subscription_item_id=item.field("id"),
            price_id=item.field("price").struct.field("id"),
            quantity=item.field("quantity"),
            item_discounts=item.field("discounts"),
            period_start=p.instant(item.field("current_period_start")),
            item_created=p.instant(item.field("created")),
            in_trial=inside.fill_null(value=False),
        )
        .drop("items")
    )


def _same(name: str) -> pl.Expr:
    return pl.col(name).eq_missing(pl.col(f"{name}_before"))


def _sequence(before: pl.LazyFrame, after: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """Every subscription's points in order, each with the next one: the spans between them."""
    shown = after.with_columns(late=pl.lit(value=False), guessed=pl.lit(value=False))
    initial = _initial(before, covered).join(after.select(*ON, "at"), on=[*ON, "at"], how="anti")
    columns = [name for name in shown.collect_schema().names() if name not in ("state", "rank", "middle", "left_by")]
    starts = covered.select("source_account", "covered_from", "covered_to").sort("covered_from")
    ended = pl.col("next_status").is_in(OVER) & pl.col("next_ended").is_not_null()
    reach = pl.col("next_at").fill_null(pl.col("covered_to"))
    return (
        pl.concat([initial.select(columns), shown.select(columns)])
        .sort(*ON, "at", pl.col("kind") != "initial")
        .with_columns(
            next_at=pl.col("at").shift(-1).over(ON),
            next_proof=pl.col("proof").shift(-1).over(ON),
            next_status=pl.col("status").shift(-1).over(ON),
            next_ended=pl.col("ended_at").shift(-1).over(ON),
            next_more=pl.col("more").shift(-1).over(ON).fill_null(value=False),
            run=(pl.col("status").ne_missing(pl.col("status").shift(1))).cum_sum().over(ON),
        )
        .with_columns(
            past_due_since=pl.when(pl.col("status") == "past_due").then(pl.col("at").first().over(*ON, "run"))
        )
        .sort("at")
        .join_asof(
            starts,
            left_on="at",
            right_on="covered_from",
            by="source_account",
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(
            covered=(reach <= pl.col("covered_to")).fill_null(value=False)
            & pl.col("late").not_()
            & pl.col("guessed").not_(),
            valid_to=pl.when(ended)
            .then(pl.max_horizontal("at", pl.min_horizontal("next_at", "next_ended")))
            .otherwise(pl.col("next_at")),
        )
    )


ITEM_FIELDS = ["price_id", "quantity", "item_discounts", "period_start", "in_trial", "item_created"]


def _carried(sequence: pl.LazyFrame, sighted: pl.LazyFrame) -> pl.LazyFrame:
    """Rows for items that an event leaves out: it lists ten at most, the others keep their state.

    An item not listed is there if it was seen since the last complete list of items, or if a later point shows it
    with an earlier date of creation.
    """
    partial = sequence.filter(pl.col("more")).drop("items")
    seen = sighted.select(*ITEM, "at", seen_at="at", *(pl.col(name) for name in ITEM_FIELDS)).sort("at")
    complete = sequence.filter(pl.col("more").not_()).select(*ON, "at", complete_at="at").sort("at")
    unseen = (
        partial.join(sighted.select(ITEM).unique(), on=ON)
        .join(sighted.select(*ITEM, "at"), on=[*ITEM, "at"], how="anti")
        .sort("at")
        .join_asof(complete, on="at", by=ON, strategy="backward", check_sortedness=False)
    )
    forward = unseen.join_asof(seen, on="at", by=ITEM, strategy="backward", check_sortedness=False)
    known = pl.col("seen_at").is_not_null() & (
        pl.col("complete_at").is_null() | (pl.col("seen_at") >= pl.col("complete_at"))
    )
    later = (
        forward.filter(known.not_())
        .drop("seen_at", *ITEM_FIELDS)
        .sort("at")
        .join_asof(seen, on="at", by=ITEM, strategy="forward", check_sortedness=False)
        .filter(pl.col("item_created") <= pl.col("at"))
    )
    return pl.concat([forward.filter(known), later], how="diagonal").drop("seen_at", "complete_at")


def _known(before: pl.LazyFrame, after: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """Spans of item states that events and listings show, with their grade."""
    every = _sequence(before, after, covered).collect().lazy()
    sequence = every.filter(pl.col("status").is_in(OVER).not_())
    sighted = _items(sequence)
    carried = _carried(every, _items(every)).collect().lazy()
    whole = carried.select(*ON, "at").unique().with_columns(accounted=pl.lit(value=True))
    shown = sighted.join(whole, on=[*ON, "at"], how="left").with_columns(
        carried=pl.col("more") & pl.col("accounted").is_null()
    )
    columns = shown.collect_schema().names()
    rows = pl.concat(
        [
            shown,
            carried.filter(pl.col("status").is_in(OVER).not_())
            .with_columns(carried=pl.lit(value=True), accounted=pl.lit(value=True))
            .select(columns),
        ]
    )
    compared = (*COMPARED, *COMPARED_SUBSCRIPTION)
    earlier = _items(before).select(
        *ITEM, next_at="at", found=pl.lit(value=True), **{f"{name}_before": pl.col(name) for name in compared}
    )
    told = before.select(*ON, next_at="at", told="checked", cut="more")
    agrees = pl.all_horizontal(_same(name) for name in compared) & pl.col("found").fill_null(value=False)
    proved = (
        pl.when(pl.col("next_at").is_null() | pl.col("told").not_())
        .then(pl.lit(value=True))
        .when(pl.col("cut") & pl.col("found").is_null())
        .then(pl.lit(value=True))
        .otherwise(agrees)
    )
    return (
        rows.join(earlier, on=[*ITEM, "next_at"], how="left")
        .join(told, on=[*ON, "next_at"], how="left")
        .with_columns(
            evidence=pl.when(pl.col("guessed"))
            .then(pl.lit("inferred"))
            .when(pl.col("covered") & pl.col("carried").not_() & proved.fill_null(value=False))
            .then(pl.lit("exact"))
            .otherwise(pl.lit("bounded")),
            valid_from="at",
            opened_by="proof",
            closed_by="next_proof",
        )
    )


def _in_force(rows: pl.LazyFrame, refs: pl.LazyFrame) -> pl.LazyFrame:
    """The discounts in force at the start of each item's service period, as the first point in it shows them.

    One row per (subscription_item_id, period_start): shown (discount ids in order), early (the first point is no later than the start, or
    the item began with it, so nothing can have changed before).
    """
    key = ["subscription_item_id", "period_start"]
    followed = (pl.col("valid_to").shift(1) == pl.col("valid_from")) & (pl.col("evidence").shift(1) == "exact")
    born = pl.col("item_created") >= pl.col("valid_from")
    first = (
        rows.sort("subscription_item_id", "valid_from")
        .with_columns(followed=followed.over("subscription_item_id").fill_null(value=False))
        .group_by(key, maintain_order=True)
        .first()
        .with_columns(
            early=(pl.col("valid_from") <= pl.col("period_start"))
            | (pl.col("kind").is_in(["initial", "listing"]).not_() & (born | pl.col("followed")))
        )
        .with_columns(begun=pl.when("early").then("valid_from").otherwise("period_start"))
    )
    dates = refs.select(
        "discount_id", "start", "end", given_to="customer_id", on_subscription="subscription_id",
        on_item="subscription_item_id",
    )  # fmt: skip
    since = (pl.col("start") <= pl.col("begun")).fill_null(value=True)
    until = (pl.col("begun") < pl.col("end")).fill_null(value=True)

    def listed(name: str) -> pl.LazyFrame:
        return (
            first.select(*key, "begun", discount_id=name)
            .explode("discount_id", empty_as_null=False, keep_nulls=False)
            .join(dates, on="discount_id", how="left", maintain_order="left")
            .filter(since & until)
            .group_by(key, maintain_order=True)
            .agg(pl.col("discount_id").alias(name))
        )

    of_customers = dates.filter(pl.col("on_subscription").is_null() & pl.col("on_item").is_null())
    customers = (
        first.select(*key, "begun", "customer_id")
        .join(of_customers, left_on="customer_id", right_on="given_to")
        .filter(since & until)
        .group_by(key)
        .agg(customer_discounts=pl.col("discount_id").sort())
    )
    return (
        first.select(*key, "early")
        .join(listed("item_discounts"), on=key, how="left")
        .join(listed("subscription_discounts"), on=key, how="left")
        .join(customers, on=key, how="left")
        .with_columns(above=_joined("subscription_discounts", "customer_discounts"))
        .select(*key, "early", shown=_joined("item_discounts", "above"))
    )


def _joined(first: str, second: str) -> pl.Expr:
    """Two lists of ids one after the other; null counts as empty."""
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(pl.col(first).fill_null(none), pl.col(second).fill_null(none))


def _beside(periods: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """`periods` with `extra`: the discounts in force that the invoice could not show.

    A discount that applies to the invoiced product and did not reduce its line was not in force. One that is for
    other products leaves no trace on the line, yet counts when the item changes to such a product in the period.
    """
    key = ["subscription_item_id", "period_start"]
    limited = coupons.select("coupon_id", "applies_to").unique("coupon_id")
    others = (
        pl.col("product_id").is_null()
        | pl.col("applies_to").list.contains(pl.col("product_id")).not_().fill_null(value=False)
    )
    extra = (
        periods.select(*key, "product_id", discount_id="shown")
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .join(refs.select("discount_id", "coupon_id"), on="discount_id", how="left", maintain_order="left")
        .join(limited, on="coupon_id", how="left", maintain_order="left")
        .filter(others)
        .group_by(key, maintain_order=True)
        .agg(extra="discount_id")
    )
    return periods.join(extra, on=key, how="left")


def _discounted(
    rows: pl.LazyFrame, lines: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame, known: pl.LazyFrame
) -> pl.LazyFrame:
    """`rows` with the discounts of their service period and the grade of that."""
    key = ["subscription_item_id", "period_start"]
    invoiced = period_discounts(lines).rename({"ids": "invoiced"})
    both = _beside(invoiced.join(_in_force(known, refs), on=key, how="full", coalesce=True), refs, coupons)
    ids = both.select(
        *key,
        ids=_joined("invoiced", "extra").list.unique(maintain_order=True),
        discount_evidence=pl.when(pl.col("invoiced").is_not_null() | pl.col("early").fill_null(value=False))
        .then(pl.lit("exact"))
        .otherwise(pl.lit("bounded")),
    )
    none = pl.lit([], dtype=pl.List(schemas.billing.DISCOUNT_REF))
    return (
        rows.join(with_references(ids, refs, key), on=key, how="left")
        .with_columns(
            pl.col("discounts").fill_null(none),
            evidence=worst(pl.col("evidence"), pl.col("discount_evidence").fill_null("bounded")),
        )
    )


def _merged(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Neighbouring spans of one item with the same state and grade as one span."""
    same = [
        "source_account", "subscription_id", "customer_id", "currency", "price_id", "quantity",
        *SUBSCRIPTION_STATE, "in_trial", "past_due_since", "discounts", "evidence",
    ]  # fmt: skip
    key = "subscription_item_id"
    ordered = rows.sort(key, "valid_from").with_columns(
        begins=pl.any_horizontal(
            pl.col(key).ne_missing(pl.col(key).shift(1)),
            pl.col("valid_from").ne_missing(pl.col("valid_to").shift(1)),
            *(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in same),
        )
    )
    return (
        ordered.with_columns(run=pl.col("begins").cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.col(key, *same, "valid_from", "opened_by").first(),
            pl.col("valid_to", "closed_by").last(),
        )
    )


def item_timeline(
    raw: pl.LazyFrame,
    coverage: pl.LazyFrame,
    lines: pl.LazyFrame,
    refs: pl.LazyFrame,
    coupons: pl.LazyFrame,
) -> pl.LazyFrame:
    """The timeline of every subscription item (ITEM_TIMELINE).

    Args:
        raw: RAW_RECORD rows of Stripe.
        coverage: COVERAGE rows: over which spans every event is known.
        lines: `invoices.lines(raw)`.
        refs: `dimensions.discounts(raw)`.
        coupons: `dimensions.coupons(raw)`.

    The result depends on the set of evidence alone, not on its order or on how often it was seen.
    """
    before, after = points(raw)
    before, after = before.collect().lazy(), after.collect().lazy()
    covered = spans(coverage).collect().lazy()
    known = _known(before, after, covered).collect().lazy()
    subscriptions = _subscriptions(after, covered, before)
    first_items = known.sort("valid_from").group_by(ITEM).first().join(
        subscriptions.select(*ON, "known_from"), on=ON
    ).filter(pl.col("valid_from") == pl.col("known_from")).select(*ITEM, "price_id", "quantity")
    early = history(lines, invoice_items(raw), subscriptions, first_items).with_columns(
        collection_paused=pl.lit(value=False),
        in_trial=pl.lit(value=False),
        cancel_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        cancel_requested_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        cancel_reason=pl.lit(None, dtype=pl.String),
        past_due_since=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
    )
    columns = [
        *ITEM, "customer_id", "currency", "price_id", "quantity", "status", "collection_paused", "in_trial",
        "cancel_at", "cancel_requested_at", "cancel_reason", "past_due_since", "period_start", "valid_from",
        "valid_to", "evidence", "opened_by", "closed_by",
    ]  # fmt: skip
    rows = pl.concat([early.select(columns), known.select(columns)]).filter(
        pl.col("valid_to").is_null() | (pl.col("valid_from") < pl.col("valid_to"))
    )
    return schemas.ITEM_TIMELINE.conform(_merged(_discounted(rows, lines, refs, coupons, known)))


def _subscriptions(after: pl.LazyFrame, covered: pl.LazyFrame, before: pl.LazyFrame) -> pl.LazyFrame:
    """One row per subscription: who, since when, until when, and from when on its state is known."""
    first_point = after.group_by(ON).agg(first_at=pl.col("at").min())
    initial = _initial(before, covered).group_by(ON).agg(initial_at=pl.col("at").min())
    newest = after.sort("at").group_by(ON).last()
    return (
        newest.join(first_point, on=ON)
        .join(initial, on=ON, how="left")
        .select(
            *ON, "customer_id", "currency", "created_at", "ended_at", "trial_start", "trial_end",
            known_from=pl.min_horizontal("first_at", "initial_at"),
        )
    )  # fmt: skip
