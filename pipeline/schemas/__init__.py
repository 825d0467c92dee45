"""Every table's columns, one sentence each, its grain and its key.

The one place that lake, warehouse, checks, column metadata and the data dictionary are made from.

Belongs here: descriptions only. `raw` for records as received, `observed` for the same decoded, `billing` for what
evidence says, `told` for what a CRM tells, `accounts` for links and CRM, `mrr` for values and movements, `metrics` for
figures, `operations` for syncs, checks and alerts.
"""

from pipeline.schemas.accounts import (
    ACCOUNT,
    ACCOUNT_ALIAS,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    CRM_PIPELINE,
    DEAL_RECONCILIATION,
)
from pipeline.schemas.billing import (
    COUPON,
    COVERAGE,
    CUSTOMER,
    DISCOUNT,
    FX_RATE,
    ITEM_TIMELINE,
    PRICE,
    PRODUCT,
    USAGE_CHARGE,
)
from pipeline.schemas.metrics import (
    ATTRIBUTION_SENSITIVITY,
    COHORT_GROWTH,
    EXPANSION_ATTRIBUTION,
    EXPANSION_BY_TYPE,
    EXPANSION_COHORT,
    EXPANSION_METRICS,
)
from pipeline.schemas.mrr import (
    INTRA_MONTH_ACTIVITY,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)
from pipeline.schemas.observed import (
    OBSERVED,
    OBSERVED_COUPON,
    OBSERVED_CUSTOMER,
    OBSERVED_DISCOUNT,
    OBSERVED_INVOICE,
    OBSERVED_INVOICE_ITEM,
    OBSERVED_PRICE,
    OBSERVED_PRICE_EDIT,
    OBSERVED_PRODUCT,
    OBSERVED_SUBSCRIPTION,
    OBSERVED_UNREADABLE,
)
from pipeline.schemas.operations import (
    ALERT_EVALUATION,
    ALERT_EVENT,
    ALERT_STATE,
    DATA_QUALITY,
    RESTATEMENT,
    SILENCE,
    SLACK_OUTBOX,
    SOURCE_SYNC,
)
from pipeline.schemas.raw import FORGOTTEN, RAW_RECORD
from pipeline.schemas.table import Column, Table

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        RAW_RECORD,
        FORGOTTEN,
        COVERAGE,
        *OBSERVED,
        CUSTOMER,
        PRODUCT,
        PRICE,
        COUPON,
        DISCOUNT,
        ITEM_TIMELINE,
        USAGE_CHARGE,
        FX_RATE,
        ACCOUNT,
        ACCOUNT_ALIAS,
        ACCOUNT_HISTORY,
        ACCOUNT_LINK,
        ACCOUNT_LINK_CHANGE,
        CRM_DEAL,
        CRM_DEAL_HISTORY,
        MRR_SNAPSHOT,
        MRR_ITEM_MOVEMENT,
        MRR_MOVEMENT,
        MRR_MOVEMENT_COMPONENT,
        INTRA_MONTH_ACTIVITY,
        EXPANSION_METRICS,
        EXPANSION_BY_TYPE,
        EXPANSION_COHORT,
        COHORT_GROWTH,
        EXPANSION_ATTRIBUTION,
        ATTRIBUTION_SENSITIVITY,
        CRM_PIPELINE,
        DEAL_RECONCILIATION,
        ALERT_EVALUATION,
        ALERT_STATE,
        ALERT_EVENT,
        SILENCE,
        SLACK_OUTBOX,
        RESTATEMENT,
        SOURCE_SYNC,
        DATA_QUALITY,
    )
}
"""All tables by name."""

PUBLISHED: tuple[Table, ...] = tuple(table for table in TABLES.values() if table.published)
"""The tables of the warehouse's contract."""

__all__ = [
    "ACCOUNT",
    "ACCOUNT_ALIAS",
    "ACCOUNT_HISTORY",
    "ACCOUNT_LINK",
    "ACCOUNT_LINK_CHANGE",
    "ALERT_EVALUATION",
    "ALERT_EVENT",
    "ALERT_STATE",
    "ATTRIBUTION_SENSITIVITY",
    "COHORT_GROWTH",
    "COUPON",
    "COVERAGE",
    "CRM_DEAL",
    "CRM_DEAL_HISTORY",
    "CRM_PIPELINE",
    "CUSTOMER",
    "DATA_QUALITY",
    "DEAL_RECONCILIATION",
    "DISCOUNT",
    "EXPANSION_ATTRIBUTION",
    "EXPANSION_BY_TYPE",
    "EXPANSION_COHORT",
    "EXPANSION_METRICS",
    "FORGOTTEN",
    "FX_RATE",
    "INTRA_MONTH_ACTIVITY",
    "ITEM_TIMELINE",
    "MRR_ITEM_MOVEMENT",
    "MRR_MOVEMENT",
    "MRR_MOVEMENT_COMPONENT",
    "MRR_SNAPSHOT",
    "OBSERVED",
    "OBSERVED_COUPON",
    "OBSERVED_CUSTOMER",
    "OBSERVED_DISCOUNT",
    "OBSERVED_INVOICE",
    "OBSERVED_INVOICE_ITEM",
    "OBSERVED_PRICE",
    "OBSERVED_PRICE_EDIT",
    "OBSERVED_PRODUCT",
    "OBSERVED_SUBSCRIPTION",
    "OBSERVED_UNREADABLE",
    "PRICE",
    "PRODUCT",
    "PUBLISHED",
    "RAW_RECORD",
    "RESTATEMENT",
    "SILENCE",
    "SLACK_OUTBOX",
    "SOURCE_SYNC",
    "TABLES",
    "USAGE_CHARGE",
    "Column",
    "Table",
]
