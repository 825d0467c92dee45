"""The override file: links that the user states.

Belongs here: its shape once it is read (`pipeline.sources.override_file`).
"""

from pipeline.schemas.table import Table, text

OVERRIDE = Table(
    name="override",
    grain="one row per Stripe customer that the override file names",
    key=("customer_id",),
    columns=(
        text("customer_id", "Stripe customer id.", key=True),
        text("crm_account_id", "The account as written; null: never link."),
    ),
)
