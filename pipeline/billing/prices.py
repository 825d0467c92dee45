"""The dimension PRICE: which amounts a price had when.

Belongs here: versions from records. Which version a span or a line has is in `price_versions`. What a price charges
in its own currency never changes. Its amounts in other currencies (`currency_options`) may be edited: the event that
says so does not show them, the lists of prices do. So they are known at every sync, and between two syncs they can only
have changed at an event. Source of the rules: docs/method.md, "Value of an item".
"""

from datetime import UTC, datetime

import polars as pl

from pipeline import schemas
from pipeline.billing.asof import asof
from pipeline.billing.charges import PAIR
from pipeline.billing.chosen import latest
from pipeline.billing.evidence import worst

ACCOUNT, PRICE = "source_account", "price_id"
INSTANT = pl.Datetime("us", "UTC")
ALWAYS = pl.lit(datetime.min.replace(tzinfo=UTC), dtype=INSTANT)
AMOUNTS = ("scale", "unit", "tiers")
NO_PROOF = pl.lit(None, dtype=pl.String)


def prices(
    observed: pl.LazyFrame, edits: pl.LazyFrame, coverage: pl.LazyFrame, covered: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per recurring price, currency and version (PRICE).

    Args:
        observed: OBSERVED_PRICE.
        edits: OBSERVED_PRICE_EDIT.
        coverage: COVERAGE; each of its rows is a sync, which read prices some time after `covered_to`: all of them
            where it `listed`.
        covered: `known.spans` of it.
    """
    listed = observed.filter("listed")
    newest = latest(listed.filter("own"), PRICE)
    terms = newest.drop(
        "currency", *AMOUNTS, "own", "listed", "created_at", "sync_id", "observed_at", "hash"
    )
    metered = pl.col("usage_type") == "metered"
    # Usage is worth what was billed for it, whatever the price says.
    once = pl.concat([newest, latest(listed.filter(pl.col("own").not_() & metered), *PAIR)])
    options = listed.filter(pl.col("own").not_() & metered.not_()).collect().lazy()
    versions = _versions(
        _told(options, listed, coverage),
        edits,
        coverage,
        covered,
        listed.filter("own").select(PRICE, listed_at="observed_at"),
    ).join(terms, on=PRICE)
    settled = pl.concat([once, _unlisted(observed, listed, terms)], how="diagonal").with_columns(
        price_version=pl.lit(0, dtype=pl.Int64),
        valid_from=pl.lit(None, dtype=INSTANT),
        valid_to=pl.lit(None, dtype=INSTANT),
        evidence=pl.coalesce("evidence", pl.lit("exact")),
        proof=NO_PROOF,
        amount_known=pl.col("amount_known").fill_null(value=True),
    )
    return pl.concat([schemas.PRICE.conform(each) for each in (settled, versions)])


def _unlisted(observed: pl.LazyFrame, listed: pl.LazyFrame, terms: pl.LazyFrame) -> pl.LazyFrame:
    """Prices and currencies that only items of subscriptions or invoices show, with `evidence` and `amount_known`.

    What they do not show (tiers, amounts in a currency other than the price's own) counts as nothing. A price of which
    nothing but its id is known has no row: what it charges how often cannot be said.
    """
    others = observed.filter(pl.col("listed").not_()).collect().lazy()
    seen = pl.col("interval").is_not_null()
    names = terms.collect_schema().names()
    first = (
        others.join(listed, on=PAIR, how="anti")
        .sort(seen.not_(), "observed_at", "hash")
        .unique(PAIR, keep="first", maintain_order=True)
    )
    shown = (
        others.filter(seen)
        .join(terms, on=PRICE, how="anti")
        .sort("observed_at", "hash")
        .unique(PRICE, keep="first", maintain_order=True)
    )
    metered = pl.col("usage_type") == "metered"
    tiered = pl.col("billing_scheme") == "tiered"
    known = (
        pl.when(tiered).then(pl.col("tiers").is_not_null()).otherwise(pl.col("unit").is_not_null())
    )
    none = pl.lit(0, dtype=pl.Int64)
    nothing = pl.concat_list(pl.struct(up_to=pl.lit(None, dtype=pl.Int64), unit=none, flat=none))
    return (
        first.select(*PAIR, *AMOUNTS)
        .join(pl.concat([terms, shown.select(names)]), on=PRICE)
        .with_columns(amount_known=known | metered)
        .with_columns(
            scale=pl.col("scale").fill_null(0),
            unit=pl.when(known | tiered).then("unit").otherwise(none),
            tiers=pl.when(known | tiered.not_()).then("tiers").otherwise(nothing),
            evidence=pl.when("amount_known").then(pl.lit("exact")).otherwise(pl.lit("inferred")),
        )
    )


def _told(options: pl.LazyFrame, listed: pl.LazyFrame, coverage: pl.LazyFrame) -> pl.LazyFrame:
    """What each list that said something new said of each option: its amounts, or that it is not there (`there`).

    One row per PAIR and `listed_at`; `same_at`: until then surely as before, since a sync then stored nothing new.
    """
    pairs = options.select(PAIR).unique()
    record = [PRICE, "observed_at", "hash"]
    shown = options.select(*PAIR, "observed_at", "hash", *AMOUNTS, there=pl.lit(value=True))
    shown = shown.unique([*PAIR, "observed_at", "hash"])
    content = pl.struct("there", *AMOUNTS).hash()
    proved = pl.when(pl.col("listed").fill_null(value=True)).then("synced_at")
    syncs = (
        coverage.select(ACCOUNT, "listed", synced_at="covered_to")
        .group_by(ACCOUNT, "synced_at")
        .agg(pl.col("listed").any())
        .sort("synced_at")
        .with_columns(before=proved.forward_fill().shift(1).over(ACCOUNT))
    )
    return (
        listed.filter("own")
        .select(*record, ACCOUNT, "created_at", "sync_id")
        .unique(record)
        .join(pairs, on=PRICE)
        .join(shown, on=[*PAIR, "observed_at", "hash"], how="left")
        .with_columns(pl.col("there").fill_null(value=False))
        .pipe(asof, "observed_at", syncs, "synced_at", ACCOUNT)
        .sort(*PAIR, "observed_at", "hash")
        .with_columns(
            number=pl.int_range(pl.len()).over(PAIR),
            changed=content.ne_missing(content.shift(1).over(PAIR)),
            same_at=pl.max_horizontal("before", pl.col("observed_at").shift(1).over(PAIR)),
        )
        .filter((pl.col("number") == 0) | pl.col("changed"))
        .rename({"observed_at": "listed_at"})
    )  # fmt: skip


def _versions(
    told: pl.LazyFrame,
    edits: pl.LazyFrame,
    coverage: pl.LazyFrame,
    covered: pl.LazyFrame,
    lists: pl.LazyFrame,
) -> pl.LazyFrame:
    """Versions of the options: PAIR, price_version, valid_from, valid_to, AMOUNTS, evidence, proof, amount_known.

    What a list said first held since the last event before it, or since every event is known; whatever was before that
    may have been something else, unless the price did not exist. What a later list said holds since the last event
    before it, or, if no event told, from that list on. An option that is gone keeps what it was last. `lists`: when
    each price was listed with new content (price_id, listed_at).
    """
    dated = _dated(told, edits, covered).collect().lazy()
    states = pl.concat(
        [
            dated.filter((pl.col("number") == 0) & pl.col("since").is_not_null()).with_columns(
                since=pl.lit(None, dtype=INSTANT), evidence=pl.lit("inferred"), proof=NO_PROOF
            ),
            dated.with_columns(
                evidence=pl.when("there").then(pl.lit("exact")).otherwise(pl.lit("inferred")),
                proof=pl.when(pl.col("since").is_not_null()).then("proof"),
            ),
        ]
    )
    states = (
        states.with_columns(pl.col("since").fill_null(ALWAYS))
        .sort(*PAIR, "since", "number")
        .unique([*PAIR, "since"], keep="last", maintain_order=True)
        .with_columns(pl.when("there").then(pl.col(name)).alias(name) for name in AMOUNTS)
        .with_columns(held=pl.when("there").then(pl.struct(AMOUNTS)))
        .with_columns(pl.col("held").forward_fill().backward_fill().over(PAIR))
        .select(*PAIR, "since", "evidence", "proof", "held")
    )
    doubts = _doubts(dated, edits, coverage, covered, lists)
    points = pl.concat(
        [
            states.select(*PAIR, "since"),
            doubts.select(*PAIR, since="doubted_from"),
            doubts.select(*PAIR, since="doubted_to"),
        ]
    ).unique()
    doubted = (pl.col("since") < pl.col("doubted_to")).fill_null(value=False)
    return (
        asof(points, "since", states.rename({"since": "state_since"}), "state_since", PAIR)
        .pipe(asof, "since", doubts, "doubted_from", PAIR)
        .sort(*PAIR, "since")
        .with_columns(
            price_version=pl.int_range(pl.len()).over(PAIR),
            valid_from=pl.when(pl.col("since") > ALWAYS).then("since"),
            valid_to=pl.col("since").shift(-1).over(PAIR),
            evidence=worst(pl.col("evidence"), pl.when(doubted).then(pl.lit("bounded"))),
            proof=pl.when(pl.col("since") == pl.col("state_since")).then("proof"),
            amount_known=pl.lit(value=True),
        )
        .unnest("held")
    )  # fmt: skip


def _dated(told: pl.LazyFrame, edits: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """`told` with `since` (null: since ever), its `proof`, and `open`: no event says when it changed.

    `beyond`: events of the time just before the list are not known, so it may have changed only then.
    """
    last = edits.select(PRICE, edited_at="at", edit="proof").sort("edited_at", "edit")
    spans = covered.select(ACCOUNT, "covered_from", "covered_to")
    first = pl.col("number") == 0
    known_from = pl.when(first).then("covered_from").otherwise("same_at")
    edited = (pl.col("edited_at") > known_from) | (first & (pl.col("edited_at") == known_from))
    edited = edited.fill_null(value=False)
    gap = ((pl.col("covered_from") > pl.col("same_at")) & first.not_()).fill_null(value=False)
    later = edited & (gap.not_() | (pl.col("edited_at") >= pl.col("covered_from")))
    born = (pl.col("created_at") >= pl.col("covered_from")).fill_null(value=False)
    return (
        asof(told, "listed_at", last, "edited_at", PRICE)
        .pipe(asof, "listed_at", spans, "covered_from", ACCOUNT)
        .with_columns(
            since=pl.when(later)
            .then("edited_at")
            .when(first & born)
            .then(pl.lit(None, dtype=INSTANT))
            .when(first | gap)
            .then(pl.coalesce("covered_from", "listed_at"))
            .otherwise("listed_at"),
            proof=pl.when(later).then("edit").otherwise("sync_id"),
            open=first.not_() & later.not_() & gap.not_(),
            beyond=(pl.col("listed_at") > pl.col("covered_to")).fill_null(value=False),
        )
    )  # fmt: skip


def _doubts(
    dated: pl.LazyFrame,
    edits: pl.LazyFrame,
    coverage: pl.LazyFrame,
    covered: pl.LazyFrame,
    lists: pl.LazyFrame,
) -> pl.LazyFrame:
    """When an option may have been something else than is told: PAIR, doubted_from, doubted_to.

    Between two lists that differ without an event; between several events of which no list shows what was between;
    before a list that was read after the last event that is known; and where events are missing, up to the last event
    before the next list.
    """
    pairs = dated.select(*PAIR, ACCOUNT).unique()
    syncs = coverage.select(ACCOUNT, synced_at="covered_to").unique().sort("synced_at")
    # A sync lists prices some time after its watermark and before the next one: between two events there surely was a
    # list if one was stored, or if a watermark and the one after it are between them.
    surely = (pl.col("listed_at") >= pl.col("doubted_from")) | (
        pl.col("next_sync") <= pl.col("doubted_to")
    )
    following = syncs.with_columns(next_sync=pl.col("synced_at").shift(-1).over(ACCOUNT))
    several = (
        pairs.join(
            edits.sort(PRICE, "at").select(
                PRICE, doubted_to="at", doubted_from=pl.col("at").shift(1).over(PRICE)
            ),
            on=PRICE,
        )
        .drop_nulls("doubted_from")
        .pipe(asof, "doubted_to", lists, "listed_at", PRICE)
        .pipe(asof, "doubted_from", following, "synced_at", ACCOUNT, "forward")
        .filter(surely.fill_null(value=False).not_())
    )
    silent = dated.filter("open").with_columns(doubted_from="same_at", doubted_to="listed_at")
    late = dated.filter("beyond").with_columns(
        doubted_from=pl.col("since").fill_null(ALWAYS), doubted_to="listed_at"
    )
    gaps = (
        covered.sort("covered_from")
        .select(
            ACCOUNT,
            doubted_from=pl.col("covered_to").shift(1).over(ACCOUNT),
            begins="covered_from",
        )
        .drop_nulls()
        .pipe(asof, "begins", following, "synced_at", ACCOUNT, "forward")
    )
    # The sync after a gap lists prices a while after its watermark: an event in between is before that list, too.
    listed = pl.min_horizontal("listed_at", "next_sync").fill_null(pl.col("synced_at"))
    missed = (
        pairs.join(gaps, on=ACCOUNT)
        .pipe(asof, "synced_at", lists, "listed_at", PRICE, "forward")
        .with_columns(listed=listed)
        .pipe(asof, "listed", edits.select(PRICE, "at"), "at", PRICE)
        .with_columns(doubted_to=pl.max_horizontal("begins", "at"))
    )
    columns = [*PAIR, "doubted_from", "doubted_to"]
    return pl.concat([each.select(columns) for each in (several, silent, late, missed)]).filter(
        pl.col("doubted_from") < pl.col("doubted_to")
    )
