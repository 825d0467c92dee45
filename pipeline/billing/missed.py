"""What events did not tell: subscriptions that are found otherwise than the last event left them.

Belongs here: the chain check by itself, for a sync that wants to know whether it has to list. What it means for the
evidence is in `known`. Source of the rule: docs/method.md, "Evidence".
"""

from datetime import datetime

import polars as pl

from pipeline.billing.coverage import found_again, spans
from pipeline.billing.known import known_spans
from pipeline.billing.observations import ON, apart, points
from pipeline.billing.sequence import sequence, telling


def missed(observed: pl.LazyFrame, coverage: pl.LazyFrame, since: datetime) -> pl.DataFrame:
    """Subscriptions that changed unseen within a span of coverage.

    Args:
        observed: OBSERVED_SUBSCRIPTION rows of some subscriptions.
        coverage: COVERAGE rows.
        since: what was found later than this is looked at.

    Returns:
        One row per subscription and instant: source_account, subscription_id, at, proof (the event or the sync that
        found it).
    """
    covered = spans(coverage).collect().lazy()
    states, lists = apart(observed)
    before, after = points(states, lists, found_again(coverage, covered))
    before, after = before.collect().lazy(), after.collect().lazy()
    every = telling(sequence(before, after, covered), before, lists).collect().lazy()
    broken = (
        pl.col("covered")
        & (pl.col("evidence") == "bounded")
        & pl.col("carried").not_()
        & (pl.col("next_at") > since)
    )
    return (
        known_spans(every, before, lists)
        .filter(broken)
        .select(*ON, at="next_at", proof="next_proof")
        .unique()
        .sort(*ON, "at")
        .collect()
    )
